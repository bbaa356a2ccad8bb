"""The dlt resources of the catalogue: one a table, and how the lists were read."""

from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import asdict

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.extract import DltResource
from dlt.extract.decorators import get_source

from ..catalog import EMBEDDED, RESOURCES, TABLES, Resource, Table, chosen
from ..lists import ListReading
from ..readings import Reading
from ..tables import LIST_READS, LIST_READS_KEY, LIST_TABLES, key_of, rows_table
from .dispositions import UPSERT, is_needed
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
            yield _created(resource)
            continue
        for table in resource.tables:
            yield _table(lists, table, resource, is_selected=resource in wanted)
    yield list_reads(lists, readings)


def _created(resource: Resource) -> DltResource:
    """The table of a list that is not read: models read it."""

    def rows() -> Iterator[pa.Table]:
        empty = LIST_TABLES[resource.table].empty_table()
        if is_needed(resource.table, empty):
            yield empty

    return dlt.resource(rows, name=resource.table)


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


@dlt.resource(primary_key=LIST_READS_KEY, write_disposition=UPSERT)
async def list_reads(lists: Lists, readings: Readings) -> AsyncIterator[pa.Table]:
    """One row per list and run: how it was read, and what that proves."""
    reads = await lists.current().reads()
    stamp = readings.current().options.stamp
    dlt.current.source_state()["workspace_id"] = stamp["workspace_id"]
    rows = rows_table(LIST_READS, [asdict(read) | stamp for read in reads])
    if is_needed("list_reads", rows):
        yield rows
