"""Records of a search as rows to load, in batches: those that are new, or differ from what is loaded."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

import pyarrow as pa

from ..catalog import Resource, Table
from ..lists import Key, LoadedLists, ReadRecords, Record, changed_tables, changes_of
from ..memberships import RunOptions

RECORDS_A_BATCH = 3_000

Batch = Mapping[str, tuple[pa.Table, ...]]
"""Rows to load, by table."""
Put = Callable[[Batch], Awaitable[None]]


class Batches:
    """Compares records with what is loaded, some thousands at a time, so that memory does not grow with their number.

    Attributes:
        seen: when each record was last updated, by id.
        added: how many of them were not loaded, or were marked as deleted.
        changed, deleted: rows that were written.

    Args:
        is_new: nothing of the resource is loaded yet.
        always: the main table's rows are written even if they are equal.
        put: receives each batch.
        most: records in a batch, or a page more.
    """

    def __init__(
        self,
        resource: Resource,
        loaded: LoadedLists,
        options: RunOptions,
        put: Put,
        *,
        is_new: bool,
        always: bool = False,
        most: int = RECORDS_A_BATCH,
    ) -> None:
        self.seen: dict[str, int] = {}
        self.added = self.changed = self.deleted = 0
        self._resource = resource
        self._loaded = loaded
        self._options = options
        self._put = put
        self._is_new = is_new
        self._always = always
        self._most = most
        self._waiting = ReadRecords()

    async def add(self, records: Iterable[Record]) -> None:
        """Takes records. Of one that comes twice the first counts: the next run reads the other, which is newer."""
        for record in records:
            if record.id not in self.seen:
                self.seen[record.id] = record.updated_at
                self._waiting.add(record)
        if len(self._waiting.records) >= self._most:
            await self.flush()

    async def flush(self, ended: Iterable[str] = ()) -> None:
        """Hands on the records that wait, and marks others as deleted.

        Args:
            ended: ids of records that are known to be deleted.
        """
        read, self._waiting = self._waiting, ReadRecords()
        keys = {(one,) for one in ended}
        tables = [await self._changes(table, read, keys) for table in self._resource.tables]
        await self._put(dict(zip((one.table for one in self._resource.tables), tables, strict=True)))

    async def _changes(self, table: Table, read: ReadRecords, gone: set[Key]) -> tuple[pa.Table, ...]:
        ids = {str(key[0]) for key in (*read.records, *gone)}
        rows = {} if self._is_new else await asyncio.to_thread(self._loaded.rows_of, table, self._resource, ids)
        if table is self._resource:
            self.added += sum(key not in rows or rows[key].is_deleted for key in read.records)
            rows = {key: row for key, row in rows.items() if not (self._always and key in read.records)}
        changes = changes_of(table, self._resource, read, rows, gone)
        self.changed += len(changes.written)
        self.deleted += len(changes.deleted)
        noted = {**self._options.stamp, "observed_at": self._options.clock()}
        return await changed_tables(table, self._resource, changes, self._loaded, noted)
