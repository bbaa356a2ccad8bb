"""The dlt resources of the catalogue: one a table, and how the lists were read."""

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import asdict
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.extract import DltResource
from dlt.extract.decorators import get_source

from ..catalog import COMPANIES, CONTACT_TAGS, EMBEDDED, RESOURCES, TABLES, TAGS, Resource, Table, chosen
from ..companies import CompanyScans, company_changes_of, company_scans_of
from ..companies import company_scans as scans_of_companies
from ..exports import ExportReading
from ..history import HistoryReading
from ..lists import ListReading
from ..readings import Reading
from ..support import Batch, BatchReading, SupportReading
from ..tables import (
    BESIDE_CONTACTS,
    COMPANY_MEMBERSHIP_CHANGES_KEY,
    COMPANY_SEGMENT_SCANS_KEY,
    CONTACT_TAG_CHANGES_KEY,
    CONTACT_TAG_SCANS_KEY,
    LIST_READS,
    LIST_READS_KEY,
    LIST_TABLES,
    SEGMENTS,
    SEGMENTS_KEY,
    ListRead,
    key_of,
    rows_table,
)
from ..tags import TagScans, tag_changes_of, tag_scans_of
from ..tags import tag_scans as scans_of_tags
from .dispositions import INSERT_ONLY, UPSERT, is_needed
from .extraction import Readings


class Lists:
    """The lists of each extraction, and what it reads in batches: one source object can be extracted more than once.

    Args:
        unread: tables that are created, and whose lists are not read.
    """

    def __init__(self, readings: Readings, unread: Collection[str]) -> None:
        self._readings = readings
        self._unread = frozenset(unread)
        self._reading: Reading | None = None
        self._lists: ListReading
        self._in_batches: tuple[BatchReading, ...]

    def current(self) -> ListReading:
        """The lists of the extraction that runs now; new at its first call."""
        self._renew()
        return self._lists

    def batches(self, resource: Resource) -> AsyncIterator[Batch]:
        """The rows of a resource that is read in batches."""
        self._renew()
        return next(one for one in self._in_batches if one.has(resource)).batches(resource)

    async def reads_in_batches(self) -> list[ListRead]:
        """How the resources that are read in batches were read, once they are."""
        return [read for one in self._in_batches for read in await one.reads()]

    def _renew(self) -> None:
        reading = self._readings.current()
        if self._reading is not reading:
            selected = (TABLES.keys() & get_source().resources.selected.keys()) - self._unread
            self._reading, self._lists = reading, ListReading(reading, selected)
            history = HistoryReading(reading, selected, self._lists)
            self._in_batches = (SupportReading(reading, selected), history, ExportReading(reading, selected))


def list_resources(
    readings: Readings, names: Collection[str], offered: Collection[Resource] = RESOURCES
) -> Iterator[DltResource]:
    """A resource for each table of those that are offered; those of the named resources are selected.

    A run that selects no others leaves them out: dlt takes half a millisecond to make one.
    """
    wanted = chosen(names)
    unread = EMBEDDED - {one.table for one in wanted}
    lists = Lists(readings, unread)
    for resource in RESOURCES:
        if resource.table in unread:
            yield _created(resource.table)
        elif resource not in offered:
            continue
        elif resource.is_listed:
            yield from (_table(lists, table, resource, is_selected=resource in wanted) for table in resource.tables)
        else:
            yield from _of_batches(lists, resource, is_selected=resource in wanted)
    yield from _logs(lists, readings, wanted)
    yield list_reads(lists, readings)


def resources_of(names: Collection[str]) -> tuple[str, ...]:
    """The dlt resources that have to be selected to read the named lists, and nothing else."""
    wanted = chosen(names)
    tables = [table.table for one in wanted for table in one.tables]
    logs = [*(COMPANY_LOGS if COMPANIES in wanted else ()), *(TAG_LOGS if CONTACT_TAGS in wanted else ())]
    return (*tables, *(log.name for log in logs), list_reads.name)


def _logs(lists: Lists, readings: Readings, wanted: Collection[Resource]) -> Iterator[DltResource]:
    """The resources of the histories of company segments and of tags; only their tables, where no list is read."""
    histories = (
        (COMPANIES, company_scans(lists, readings), COMPANY_LOGS),
        (CONTACT_TAGS, tag_scans(lists, readings), TAG_LOGS),
    )
    for resource, scanned, logs in histories:
        for log in logs:
            if resource in wanted:
                yield scanned | log(readings=readings)
            elif log.name in BESIDE_CONTACTS:
                yield _created(log.name)


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

    return dlt.resource(rows, selected=is_selected, **_hints(table, resource))


def _of_batches(lists: Lists, resource: Resource, *, is_selected: bool) -> Iterator[DltResource]:
    """A resource for each table of a resource that is read in batches."""

    async def batches() -> AsyncIterator[Batch]:
        async for batch in lists.batches(resource):
            yield batch

    made = dlt.resource(batches, name=f"{resource.table}_batches", selected=False)
    for table in resource.tables:
        rows = dlt.transformer(_rows_of(table), selected=is_selected, **_hints(table, resource))
        yield made | rows


def _rows_of(table: Table) -> Callable[[Batch], Iterator[pa.Table]]:
    def rows(batch: Batch) -> Iterator[pa.Table]:
        for part in (*batch.get(table.table, ()), LIST_TABLES[table.table].empty_table()):
            if is_needed(table.table, part):
                yield part

    return rows


def _hints(table: Table, resource: Resource) -> dict[str, Any]:
    json_names = [name for name, column in table.columns.items() if column.kind == "json"]
    columns: TTableSchemaColumns = {name: {"data_type": "json"} for name in json_names}
    if table.has_extra:
        columns["_extra"] = {"data_type": "json"}
    return {
        "name": table.table,
        "primary_key": ("workspace_id", *key_of(table, resource)),
        "write_disposition": UPSERT,
        "columns": columns,
    }


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


COMPANY_LOGS = (company_membership_changes, company_segment_scans, company_segment_versions)


@dlt.resource(selected=False)
async def tag_scans(lists: Lists, readings: Readings) -> AsyncIterator[TagScans]:
    """What the next two tables are made of."""
    reading, done = readings.current(), await lists.current().done(TAGS.table)
    async with reading as (client, inputs):
        found = await scans_of_tags(client, inputs, done)
    reading.are_tags_whole = found.are_whole
    reading.remarks += found.notes
    yield found


@dlt.transformer(primary_key=CONTACT_TAG_CHANGES_KEY, write_disposition=INSERT_ONLY)
def contact_tag_changes(found: TagScans, readings: Readings) -> pa.Table | None:
    """One row per contact found to have got a tag, or to have lost it: a log, never rewritten."""
    rows = tag_changes_of(found.scans, readings.current().options)
    return rows if is_needed("contact_tag_changes", rows) else None


@dlt.transformer(primary_key=CONTACT_TAG_SCANS_KEY, write_disposition=UPSERT)
def contact_tag_scans(found: TagScans, readings: Readings) -> pa.Table | None:
    """One row per sweep of a tag: when, and whether it counts as an observation."""
    rows = tag_scans_of(found.scans, readings.current().options)
    return rows if is_needed("contact_tag_scans", rows) else None


TAG_LOGS = (contact_tag_changes, contact_tag_scans)


@dlt.resource(primary_key=LIST_READS_KEY, write_disposition=UPSERT)
async def list_reads(lists: Lists, readings: Readings) -> AsyncIterator[pa.Table]:
    """One row per list and run: how it was read, and what that proves."""
    reads = await lists.current().reads(lists.reads_in_batches)
    stamp = readings.current().options.stamp
    dlt.current.source_state()["workspace_id"] = stamp["workspace_id"]
    rows = rows_table(LIST_READS, [asdict(read) | stamp for read in reads])
    if is_needed("list_reads", rows):
        yield rows
