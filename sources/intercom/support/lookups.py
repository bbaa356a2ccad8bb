"""The parts of conversations: each conversation that changed since its parts were read is looked up once.

What is due follows from the loaded tables alone: there is no cursor of parts, so a run that ends early, or whose budget
is used up, loses nothing. The conversations that changed first come first.
"""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import aclosing
from functools import partial
from urllib.parse import quote

from ..api import Intercom, Refused, Unavailable, absence_codes, each
from ..catalog import BY_NAME, Resource
from ..lists import LastRead, LoadedLists, Record, RecordReader
from ..readings import RunInputs, produced
from ..search import Tally
from ..tables import ListRead, Status
from .batches import Batches, Put
from .loaded import LoadedSupport

LOOKUPS_A_BATCH = 240
"""Answers in a batch. As many again may wait for it to be written: one of 500 parts may have a megabyte."""


class LookupRun:
    """Looks up the records of a list, and keeps what only a lookup shows of them: here of a searched list.

    Args:
        last: its newest reading.
        tally: counts lookups.
        put: receives rows to load.
    """

    def __init__(
        self, client: Intercom, inputs: RunInputs, resource: Resource, last: LastRead, tally: Tally, put: Put
    ) -> None:
        self._client = client
        self._inputs, self._options = inputs, inputs.options
        self._resource = resource
        self._tally = tally
        self._started_at = inputs.options.clock()
        self._support = LoadedSupport(inputs.tables)
        self._reader = RecordReader(resource, inputs.fields.privacy)
        loaded, is_new = LoadedLists(inputs.tables), last.status == "never"
        self._batches = Batches(resource, loaded, inputs.options, put, is_new=is_new, always=True, most=LOOKUPS_A_BATCH)
        self._calls = self._refused = self._unreadable = 0

    async def read(self, seen: Mapping[str, int], ended: Collection[str]) -> ListRead:
        """Looks up what is due, as far as the budget allows.

        Args:
            seen: the records that the run has read, and when each was last updated.
            ended: those that it has found to be deleted.
        """
        due = await asyncio.to_thread(self._due, seen)
        waiting = sorted(due.keys() - ended, key=lambda one: (due[one], one))
        budget = self._budget
        problem = await self._look_up(waiting[:budget])
        over = await asyncio.to_thread(self._ended)
        await self._batches.flush(over | set(ended))
        left = len(waiting) - min(len(waiting), budget)
        if problem is None and left:
            return self._noted("partial", f"{left:,} {self._resource.follows} wait for the next runs", len(waiting))
        return self._noted("incomplete" if problem else "complete", problem, len(waiting))

    def refused(self) -> ListRead:
        """Where the list of records was refused."""
        return self._noted("refused", f"{self._resource.follows} were refused", None)

    @property
    def _budget(self) -> int:
        """The calls that a run may spend."""
        return self._options.limits.parts_budget

    def _due(self, seen: Mapping[str, int]) -> Mapping[str, int]:
        """The records that changed since their last lookup, and when each did."""
        return self._support.due(BY_NAME[self._resource.follows], self._resource, seen)

    def _ended(self) -> set[str]:
        """Records that are deleted, and whose lookups are not marked so."""
        return self._support.ended(BY_NAME[self._resource.follows], self._resource)

    async def _look_up(self, ids: Collection[str]) -> str | None:
        """Why some of them are not read; null if all are."""
        self._tally.expect(len(ids))
        try:
            async with aclosing(produced(partial(self._found, ids), LOOKUPS_A_BATCH)) as records:
                async for record in records:
                    await self._batches.add((record,))
        except ExceptionGroup as group:
            known, others = group.split(Unavailable)
            if others is not None or known is None:
                raise
            return f"it broke off after {len(self._batches.seen):,} {self._resource.follows}"
        if self._refused:
            return f"Intercom refused {self._refused:,} lookups"
        return f"{self._unreadable:,} answers could not be read" if self._unreadable else None

    async def _found(self, ids: Collection[str], found: "asyncio.Queue[Record | None]") -> None:
        """Puts the records into a queue: calls go on while a batch is written."""

        async def look_up(record_id: str) -> None:
            if record := await self._asked(record_id):
                await found.put(record)

        await each(ids, look_up, partial(self._tally.add, 1))

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
