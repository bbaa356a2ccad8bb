"""Who answers to a search, as a set: many searches at once, within bounds, since each is held until it is complete."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from ..api import JSON, DatedContact, Intercom, Page, page_calls, unnoticed
from .pages import count
from .progress import Tally
from .queries import Dates
from .windows import EVERYTHING, Span, Windows

WINDOW_PAGES = 20
"""Pages of a window. As many may still be to come of all that has begun for each call that may be under way: with less
calls would wait for each other; with more all reads would end at once and late, and more ids be held."""


@dataclass(frozen=True)
class Sighting:
    """What one read of a search saw: distinct ids, and Intercom's total, null where it moved meanwhile."""

    ids: set[str]
    total: int | None


@dataclass
class Interrupted:
    """A read that did not end: when it began, Intercom's total then, who was seen, and where it goes on."""

    started_at: datetime
    total: int
    unread: list[Span]
    ids: set[str] = field(default_factory=set)


class ReadSlots:
    """Lets reads begin while not too many pages are still to come of those begun before.

    Args:
        tally: notes each page.
        after_page: called when a page was taken in.
    """

    def __init__(
        self,
        client: Intercom,
        dates: Dates,
        tally: Tally,
        *,
        after_page: Callable[[], None] = unnoticed,
    ) -> None:
        self.client = client
        self.dates = dates
        self.tally = tally
        self.after_page = after_page
        self._outstanding = 0
        self._has_room = asyncio.Event()

    @asynccontextmanager
    async def begun(self, rows: int, before: Interrupted | None = None) -> AsyncIterator["MemberRead"]:
        """Waits for its turn: first come, first served. A large one may be more than all that should be outstanding."""
        while self._outstanding >= WINDOW_PAGES * self.client.breadth:
            self._has_room.clear()
            await self._has_room.wait()
        read = MemberRead(self, page_calls(rows), before)
        self._outstanding += read.pages_left
        try:
            yield read
        finally:
            self.release(read.pages_left)

    def release(self, pages: int) -> None:
        """Notes that so many pages came, or will not."""
        self._outstanding -= pages
        self._has_room.set()


class MemberRead:
    """A read that has begun, or goes on where it was interrupted; `pages_left` are still expected of it.

    `fresh`: who was seen for the first time since somebody looked, and emptied it.
    """

    def __init__(self, slots: ReadSlots, pages_left: int, before: Interrupted | None = None) -> None:
        self.pages_left = pages_left
        self.fresh: list[str] = sorted(before.ids) if before else []
        self.total = before.total if before else None
        self._before = before
        self._ids = set(before.ids) if before else set()
        self._windows: Windows[DatedContact] | None = None
        self._slots = slots

    @property
    def unread(self) -> list[Span] | None:
        """Where it could go on; null before its first page, and where it would have to begin again."""
        return self._windows.spans if self._windows and self.total is not None else None

    async def sight(self, query: JSON) -> Sighting:
        """Reads all pages of a query, a large one in windows."""
        spans = self._before.unread if self._before else (EVERYTHING,)
        return await self._sight(query, WINDOW_PAGES, spans)

    async def sight_again(self, query: JSON) -> Sighting:
        """Reads all pages from the beginning and one after the other: also contacts that are in no window."""
        self.total, self._ids = None, set()
        return await self._sight(query, None)

    async def _sight(self, query: JSON, size: int | None, spans: Sequence[Span] = (EVERYTHING,)) -> Sighting:
        """Where Intercom's first total is not what was seen, it is asked for once more: it may have moved."""
        client, dates = self._slots.client, self._slots.dates
        windows = Windows(client, query, Page[DatedContact], self._take, dates=dates, size=size, unread=spans)
        self._windows = windows if size else None
        await windows.read()
        stood_still = self.total == len(self._ids) or self.total == await count(client, query)
        self._windows = None
        return Sighting(self._ids, self.total if stood_still else None)

    async def _take(self, page: Page[DatedContact]) -> None:
        ids = {contact.id for contact in page.data}
        self.fresh += ids - self._ids
        self._ids |= ids
        self.total = page.total_count if self.total is None else self.total
        self._slots.tally.add(len(page.data))
        if self.pages_left:
            self.pages_left -= 1
            self._slots.release(1)
        self._slots.after_page()
