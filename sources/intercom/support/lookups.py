"""The parts of conversations: each conversation that changed since its parts were read is looked up once.

What is due follows from the loaded tables alone: there is no cursor of parts, so a run that ends early, or whose budget
is used up, loses nothing. The conversations that changed first come first.
"""

import asyncio
from collections.abc import Collection, Mapping
from functools import partial
from urllib.parse import quote

from dlt.common.utils import chunks

from ..api import Intercom, Refused, Unavailable, absence_codes, each
from ..catalog import BY_NAME, Resource
from ..lists import LastRead, LoadedLists, Record, RecordReader
from ..readings import RunInputs
from ..search import Tally
from ..tables import ListRead, Status
from .batches import Batches, Put
from .loaded import LoadedSupport

LOOKUPS_A_BATCH = 480
"""Answers that are in memory at once: one of 500 parts may have a megabyte."""


class LookupRun:
    """Looks up the records of a searched list, and keeps what only a lookup shows of them.

    Args:
        last: its newest reading.
        tally: counts lookups.
        put: receives rows to load.
    """

    def __init__(
        self, client: Intercom, inputs: RunInputs, resource: Resource, last: LastRead, tally: Tally, put: Put
    ) -> None:
        self._client = client
        self._options = inputs.options
        self._resource = resource
        self._tally = tally
        self._started_at = inputs.options.clock()
        self._support = LoadedSupport(inputs.tables)
        self._reader = RecordReader(resource, inputs.fields.privacy)
        loaded, is_new = LoadedLists(inputs.tables), last.status == "never"
        self._batches = Batches(resource, loaded, inputs.options, put, is_new=is_new, always=True)
        self._calls = self._refused = self._unreadable = 0

    async def read(self, seen: Mapping[str, int], ended: Collection[str]) -> ListRead:
        """Looks up what is due, as far as the budget allows.

        Args:
            seen: the records that the run has read, and when each was last updated.
            ended: those that it has found to be deleted.
        """
        due = await asyncio.to_thread(self._support.due, BY_NAME[self._resource.follows], self._resource, seen)
        waiting = sorted(due.keys() - ended, key=lambda one: (due[one], one))
        budget = self._options.limits.parts_budget
        problem = await self._look_up(waiting[:budget])
        over = await asyncio.to_thread(self._support.ended, BY_NAME[self._resource.follows], self._resource)
        await self._batches.flush(over | set(ended))
        left = len(waiting) - min(len(waiting), budget)
        if problem is None and left:
            return self._noted("partial", f"{left:,} conversations wait for the next runs", len(waiting))
        return self._noted("incomplete" if problem else "complete", problem, len(waiting))

    def refused(self) -> ListRead:
        """Where the list of records was refused."""
        return self._noted("refused", f"{self._resource.follows} were refused", None)

    async def _look_up(self, ids: Collection[str]) -> str | None:
        """Why some of them are not read; null if all are."""
        self._tally.expect(len(ids))
        try:
            for some in chunks(list(ids), LOOKUPS_A_BATCH):
                found = await each(some, self._asked, partial(self._tally.add, 1))
                await self._batches.add(record for record in found.values() if record)
                await self._batches.flush()
        except ExceptionGroup as group:
            known, others = group.split(Unavailable)
            if others is not None or known is None:
                raise
            return f"it broke off after {len(self._batches.seen):,} conversations"
        if self._refused:
            return f"Intercom refused {self._refused:,} lookups"
        return f"{self._unreadable:,} answers could not be read" if self._unreadable else None

    async def _asked(self, record_id: str) -> Record | None:
        """The record; null where there is none any more: then the search, or the list of deleted ones, says so."""
        path = self._resource.path
        self._calls += 1
        try:
            sent = await self._client.answer(path.replace("{id}", quote(record_id, safe="")), label=path)
        except Refused as refused:
            self._refused += refused.codes.isdisjoint(absence_codes(path))
            return None
        record = self._reader.read_fields(sent)
        if record is None or record.id != record_id or not self._has_lists(record):
            self._unreadable += 1  # kept without its lists, it would never be looked up again
            return None
        return record

    def _has_lists(self, record: Record) -> bool:
        """Whether each nested list came: whole, or its newest part."""
        lists = (record.rows(table) for table in self._resource.nested)
        return all(one.rows or one.is_whole for one in lists)

    def _noted(self, status: Status, problem: str | None, due: int | None) -> ListRead:
        return ListRead(
            table_name=self._resource.table,
            how="changes",
            status=status,
            problem=problem,
            started_at=self._started_at,
            observed_at=self._options.clock(),
            calls=self._calls,
            fetched=len(self._batches.seen),
            total_count=due,
            changed=self._batches.changed,
            deleted=self._batches.deleted,
        )
