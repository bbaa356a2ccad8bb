"""The dlt resources of the catalogue: one a table, and how the lists were read."""

from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import asdict

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.extract import DltResource
from dlt.extract.decorators import get_source

from ..catalog import COMPANIES, EMBEDDED, RESOURCES, TABLES, Resource, Table, chosen
from ..companies import CompanyScans, company_changes_of, company_scans_of
from ..companies import company_scans as scans_of_companies
from ..lists import ListReading
from ..readings import Reading
from ..tables import (
    BESIDE_CONTACTS,
    COMPANY_MEMBERSHIP_CHANGES_KEY,
    COMPANY_SEGMENT_SCANS_KEY,
    LIST_READS,
    LIST_READS_KEY,
    SEGMENTS,
    SEGMENTS_KEY,
    key_of,
    rows_table,
)
from .dispositions import INSERT_ONLY, UPSERT, is_needed
from .extraction import Readings


class Lists:
    """The lists of each extraction: one source object can be extracted more than once.

    Args:
        unread: tables that are created, and whose lists are not read.
    """

    def __init__(self, readings: Readings, unread: Collection[str]) -> None:
        self._readings = readings
        self._unread = frozenset(unread)
        self._reading: Reading | None = None
        self._lists: ListReading

    def current(self) -> ListReading:
        """The lists of the extraction that runs now; new at its first call."""
        reading = self._readings.current()
        if self._reading is not reading:
            selected = (TABLES.keys() & get_source().resources.selected.keys()) - self._unread
            self._reading, self._lists = reading, ListReading(reading, selected)
        return self._lists


def list_resources(readings: Readings, names: Collection[str]) -> Iterator[DltResource]:
    """A resource for each table of the catalogue; those of the named resources are selected."""
    wanted = chosen(names)
    unread = EMBEDDED - {one.table for one in wanted}
    lists = Lists(readings, unread)
    for resource in RESOURCES:
        if resource.table in unread:
            yield _created(resource.table)
            continue
        for table in resource.tables:
            yield _table(lists, table, resource, is_selected=resource in wanted)
    yield from _company_segments(lists, readings, is_read=COMPANIES in wanted)
    yield list_reads(lists, readings)


def resources_of(names: Collection[str]) -> tuple[str, ...]:
    """The dlt resources that have to be selected to read the named lists, and nothing else."""
    wanted = chosen(names)
    tables = [table.table for one in wanted for table in one.tables]
    logs = (company_membership_changes, company_segment_scans, company_segment_versions)
    return (*tables, *(log.name for log in logs if COMPANIES in wanted), list_reads.name)


def _company_segments(lists: Lists, readings: Readings, *, is_read: bool) -> Iterator[DltResource]:
    if not is_read:
        yield from map(_created, (company_membership_changes.name, company_segment_scans.name))
        return
    scanned = company_scans(lists, readings)
    yield scanned | company_membership_changes(readings=readings)
    yield scanned | company_segment_scans(readings=readings)
    yield scanned | company_segment_versions(readings=readings)


def _created(name: str) -> DltResource:
    """A table whose list is not read: models read it."""

    def rows() -> Iterator[pa.Table]:
        empty = BESIDE_CONTACTS[name].empty_table()
        if is_needed(name, empty):
            yield empty

    return dlt.resource(rows, name=name)


def _table(lists: Lists, table: Table, resource: Resource, *, is_selected: bool) -> DltResource:
    async def rows() -> AsyncIterator[pa.Table]:
        for part in await lists.current().tables(table.table):
            if is_needed(table.table, part):
                yield part

    json_names = [name for name, column in table.columns.items() if column.kind == "json"]
    columns: TTableSchemaColumns = {name: {"data_type": "json"} for name in json_names}
    if table is resource:
        columns["_extra"] = {"data_type": "json"}
    return dlt.resource(
        rows,
        name=table.table,
        primary_key=("workspace_id", *key_of(table, resource)),
        write_disposition=UPSERT,
        columns=columns,
        selected=is_selected,
    )


@dlt.resource(selected=False)
async def company_scans(lists: Lists, readings: Readings) -> AsyncIterator[CompanyScans]:
    """What the next three tables are made of."""
    reading, done = readings.current(), await lists.current().done(COMPANIES.table)
    async with reading as (client, inputs):
        found = await scans_of_companies(client, inputs, done)
    reading.company_scans = found.scans if done.read.problem is None else ()
    yield found


@dlt.transformer(primary_key=COMPANY_MEMBERSHIP_CHANGES_KEY, write_disposition=INSERT_ONLY)
def company_membership_changes(found: CompanyScans, readings: Readings) -> pa.Table | None:
    """One row per company found to have joined or left a segment: a log, never rewritten."""
    rows = company_changes_of(found.scans, readings.current().options)
    return rows if is_needed("company_membership_changes", rows) else None


@dlt.transformer(primary_key=COMPANY_SEGMENT_SCANS_KEY, write_disposition=UPSERT)
def company_segment_scans(found: CompanyScans, readings: Readings) -> pa.Table | None:
    """One row per run and segment of companies: how and when it was scanned, and whether that is an observation."""
    rows = company_scans_of(found.scans, readings.current().options)
    return rows if is_needed("company_segment_scans", rows) else None


@dlt.transformer(table_name="segments", primary_key=SEGMENTS_KEY, write_disposition=UPSERT)
def company_segment_versions(found: CompanyScans, readings: Readings) -> pa.Table | None:
    """Definitions of the segments of companies, in `segments`."""
    stamp = readings.current().options.stamp
    rows = rows_table(SEGMENTS, [version | stamp for version in found.versions])
    return rows if is_needed("segments", rows) else None


@dlt.resource(primary_key=LIST_READS_KEY, write_disposition=UPSERT)
async def list_reads(lists: Lists, readings: Readings) -> AsyncIterator[pa.Table]:
    """One row per list and run: how it was read, and what that proves."""
    reads = await lists.current().reads()
    stamp = readings.current().options.stamp
    dlt.current.source_state()["workspace_id"] = stamp["workspace_id"]
    rows = rows_table(LIST_READS, [asdict(read) | stamp for read in reads])
    if is_needed("list_reads", rows):
        yield rows
