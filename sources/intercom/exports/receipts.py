"""The export of messages: which contact got which, and what became of it."""

import asyncio
from collections.abc import Generator
from contextlib import closing
from typing import Any, ClassVar

from ..api import ExportJob
from ..lists import LoadedLists, ReadRecords, Record, RecordReader, changed_tables, changes_of
from .export import Export
from .jobs import Job, JobStore
from .rows import SeenKeys, csv_rows, fields_of_row


class ReceiptExport(Export[Record]):
    """One job for all messages. A receipt has a key, so a row of a later export takes the place of an earlier one."""

    most: ClassVar[int] = 1
    lost: ClassVar[str] = "has expired before it was downloaded"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._loaded = LoadedLists(self._inputs.tables)

    def job(self, after: int, before: int) -> Job:
        """As `Export.job`."""
        return Job(after, before)

    async def ask(self, job: Job) -> ExportJob | None:
        """As `Export.ask`."""
        period = {"created_at_after": job.after, "created_at_before": job.before}
        return await self._client.ask_for_export(self._resource.path, period)

    def rows(self, job: Job, store: JobStore) -> Generator[Record | None, None, None]:
        """As `Export.rows`, each key once."""
        reader = RecordReader(self._resource, self._inputs.fields.privacy)
        with closing(SeenKeys(store.seen)) as seen:
            for row in csv_rows(store.file):
                record = reader.read_fields(fields_of_row(row, self._resource.key[1:]))
                if record is None or seen.is_new(record.row.key):
                    yield record

    async def load(self, job: Job, rows: list[Record]) -> None:
        """As `Export.load`."""
        table, read, is_first = self._resource, ReadRecords(), self.loaded_until is None
        for record in rows:
            read.add(record)
        ids = {str(key[0]) for key in read.records}
        known = {} if is_first else await asyncio.to_thread(self._loaded.rows_of, table, table, ids)
        changes = changes_of(table, table, read, known, ())
        self.fetched += len(rows)
        self.changed += len(changes.written)
        noted = {**self.options.stamp, "observed_at": self.options.clock()}
        await self._put({table.table: await changed_tables(table, table, changes, self._loaded, noted)})
