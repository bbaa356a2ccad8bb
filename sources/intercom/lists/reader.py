"""Reads the records of one list: whole, what changed since a cursor, or parent by parent.

A list is complete if all its pages came, each record could be read, and there are as many as Intercom counts. One that
is not is read once more; then its records count, and what it lacks proves nothing.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import pairwise

from ..api import Intercom, Refused, Unavailable, absence_codes, each
from ..catalog import OBJECT_TYPES, Resource
from ..search import Tally
from ..tables import Privacy
from ..wire import plainly
from .paging import Call, ListPage, first_call, group_call, pages, period_call, search_call
from .rows import Key, Record, RecordReader

ATTEMPTS = 2
SCROLL_ATTEMPTS = 3
"""A scroll that breaks off begins again, and so does one that waited for another client's to end."""
SCROLL_TAKEN = "scroll_exists"
SECONDS_OF_A_SCROLL = 70.0
"""A scroll that is not continued ends after a minute."""


@dataclass
class ReadRecords:
    """Records by key, each as last updated.

    Args:
        problem: why what is missing proves nothing; null for a complete list.
        parents: those whose records are complete, where a list is read parent by parent.
    """

    records: dict[Key, Record] = field(default_factory=dict)
    total_count: int | None = None
    calls: int = 0
    problem: str | None = None
    parents: set[str] = field(default_factory=set)

    def add(self, record: Record) -> bool:
        """Adds a record; of two with one key the one that was updated last stays. Returns whether the key is new."""
        known = self.records.get(record.row.key)
        if known is None or record.updated_at > known.updated_at:
            self.records[record.row.key] = record
        return known is None


class ListReader:
    """Reads one list with a client. `tally` counts its records and calls, if they are to be shown."""

    def __init__(self, client: Intercom, resource: Resource, privacy: Privacy, tally: Tally | None = None) -> None:
        self._client = client
        self._resource = resource
        self._privacy = privacy
        self._tally = tally or Tally()

    async def whole(self) -> ReadRecords:
        """All records.

        Raises:
            Refused: Intercom refuses the list.
        """
        if self._resource.scrolls:
            return await self._scrolled()
        return await self._twice(first_call(self._resource))

    async def changes(self, cursor: int) -> ReadRecords:
        """The records that were updated after the cursor, and maybe others.

        Raises:
            Refused: Intercom refuses the search, or the list.
        """
        if self._resource.search:
            return await self._twice(search_call(self._resource, cursor))
        return await self._once(first_call(self._resource), until=cursor)

    async def of_period(self, after: int, before: int) -> ReadRecords:
        """The records that were created between two times, in epoch seconds, for a list that is asked so.

        Raises:
            Refused: Intercom refuses the list.
        """
        return await self._twice(period_call(self._resource, after, before))

    async def of_group(self, parents: Sequence[str]) -> ReadRecords:
        """The records of these parents, for a search that is asked for some at once.

        Raises:
            Refused: Intercom refuses the search.
        """
        return await self._twice(group_call(self._resource, parents))

    async def of_parents(self, parents: Iterable[str]) -> ReadRecords:
        """The records of these parents. A parent that is not there any more has none.

        Raises:
            Refused: Intercom refuses the lists of all parents.
        """
        asked = list(parents)
        refusals: list[Refused] = []

        async def ask(parent: str) -> ReadRecords:
            try:
                return await self._twice(first_call(self._resource, parent), (parent,))
            except Refused as refused:
                if refused.codes.isdisjoint(absence_codes(self._resource.path)):
                    refusals.append(refused)
                    return ReadRecords(problem=f"Intercom refused some of its lists ({refused.answer})")
                return self._without_parent(parent)

        found = ReadRecords()
        for parent, one in (await each(asked, ask)).items():
            found.records |= one.records
            found.calls += one.calls
            found.problem = found.problem or one.problem
            found.parents |= {parent} if one.problem is None else set()
        if refusals and len(refusals) == len(asked):
            raise refusals[0]
        return found

    def _without_parent(self, parent: str) -> ReadRecords:
        """The records of a parent that Intercom does not know. A type of custom objects is more often misspelled."""
        if self._resource.parent and self._resource.parent.table == OBJECT_TYPES:
            return ReadRecords(problem=f"Intercom knows no type {plainly(parent)}: correct the setting custom_objects")
        return ReadRecords()

    async def _twice(self, call: Call, parent: Key = ()) -> ReadRecords:
        """What one call and its pages give. An incomplete list is read once more."""
        found = ReadRecords(problem="it was not read")
        for _ in range(ATTEMPTS):
            found = await self._once(call, parent, calls=found.calls)
            if found.problem is None:
                break
        return found

    async def _once(self, call: Call, parent: Key = (), *, calls: int = 0, until: int | None = None) -> ReadRecords:
        """All pages; with `until` those before the first one on which all is older, if the newest come first."""
        found, reader = ReadRecords(calls=calls), RecordReader(self._resource, self._privacy, parent)
        order, counted = _Order(until), _Counted(self._tally)
        try:
            async with aclosing(pages(self._client, self._resource, call)) as following:
                async for page in following:
                    found.calls += 1
                    counted.add(page)
                    if order.is_past(self._add(page, found, reader)):
                        return found
        except Unavailable as error:
            found.problem = str(error)
        except Refused as refused:
            if found.calls == calls:
                raise
            found.problem = f"it broke off: {refused.answer}"
        if found.problem is None and found.total_count not in (None, len(found.records)):
            found.problem = f"Intercom counts {found.total_count:,} of them and sent {len(found.records):,}"
        return found

    def _add(self, page: ListPage, found: ReadRecords, reader: RecordReader) -> list[Record | None]:
        found.total_count = page.total_count if page.total_count is not None else found.total_count
        read = [reader.read(value) for value in page.records]
        added = sum(found.add(record) for record in read if record)
        unreadable = sum(record is None for record in read)
        if unreadable:
            found.problem = f"{unreadable:,} of them could not be read"
        if page.is_cut:
            found.problem = "there may be more of them, on a page that cannot be asked for"
        if read and not added and not unreadable:
            raise Unavailable("it sends records again that it had sent before")
        return read

    async def _scrolled(self) -> ReadRecords:
        found = ReadRecords(problem="it was not read")
        for attempt in range(1, SCROLL_ATTEMPTS + 1):
            try:
                found = await self._once(first_call(self._resource), calls=found.calls)
            except Refused as refused:
                if SCROLL_TAKEN not in refused.codes:
                    raise
                found = ReadRecords(calls=found.calls + 1, problem="another tool reads them by a scroll at this time")
                await asyncio.sleep(SECONDS_OF_A_SCROLL if attempt < SCROLL_ATTEMPTS else 0)
            if found.problem is None:
                break
        return found


class _Counted:
    """Counts the pages of one answer, and expects as many records as Intercom says, or as came so far."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._expected = self._read = 0

    def add(self, page: ListPage) -> None:
        self._read += len(page.records)
        more = max(page.total_count or 0, self._read) - self._expected
        self._expected += max(more, 0)
        self._tally.expect(max(more, 0))
        self._tally.add(len(page.records))


class _Order:
    """Whether records come newest first. If one is newer than the one before it, all pages have to be read.

    Args:
        until: the time, in epoch seconds, up to which all is known; null if all pages are wanted.
    """

    def __init__(self, until: int | None) -> None:
        self._until = until
        self._last: int | None = None
        self._is_kept = until is not None

    def is_past(self, read: Sequence[Record | None]) -> bool:
        """Whether no page behind this one can have a change."""
        times = [record.updated_at if record else 0 for record in read]
        followed = pairwise(times if self._last is None else (self._last, *times))
        self._is_kept = self._is_kept and 0 not in times and all(one >= next_one for one, next_one in followed)
        self._last = times[-1] if times else self._last
        return bool(self._is_kept and times and self._until is not None and times[0] <= self._until)
