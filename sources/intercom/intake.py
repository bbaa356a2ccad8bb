"""Who answers to a search, as a set: many searches at once, within bounds, since each is held until it is complete."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from .client import JSON, Intercom
from .plan import page_calls
from .progress import Tally
from .records import DatedContact, Page
from .search import count
from .windows import Dates, Windows, window_pages

OUTSTANDING = 1_000
"""Pages that may still be to come of all reads that have begun: 150,000 contacts, whose ids take some 20 MB."""


@dataclass
class Sighting:
    """What one read of a search saw: distinct ids, and Intercom's total, null where it moved meanwhile."""

    ids: set[str]
    total: int | None


class Intake:
    """Lets reads begin while less than `outstanding` pages are still to come of those begun before.

    Args:
        tally: notes each page.
    """

    def __init__(self, client: Intercom, dates: Dates, tally: Tally, *, outstanding: int = OUTSTANDING) -> None:
        self.client = client
        self.dates = dates
        self.tally = tally
        self._most = outstanding
        self._outstanding = 0
        self._has_room = asyncio.Event()

    @property
    def window_pages(self) -> int:
        """Pages of a window: with that many, what is outstanding keeps all calls busy that may be under way."""
        return window_pages(self._most, self.client.breadth)

    @asynccontextmanager
    async def begun(self, rows: int) -> AsyncIterator["Read"]:
        """Waits for its turn: first come, first served. A large one may be more than all that should be outstanding."""
        while self._outstanding >= self._most:
            self._has_room.clear()
            await self._has_room.wait()
        read = Read(self, page_calls(rows))
        self._outstanding += read.pages_left
        try:
            yield read
        finally:
            self.release(read.pages_left)

    def release(self, pages: int) -> None:
        """Notes that so many pages came, or will not."""
        self._outstanding -= pages
        self._has_room.set()


@dataclass
class Read:
    """A read that has begun; `pages_left` are still expected of it."""

    intake: Intake
    pages_left: int

    async def sight(self, query: JSON) -> Sighting:
        """Reads all pages of a query, a large one in windows."""
        return await self._sight(query, self.intake.window_pages)

    async def sight_by_cursor(self, query: JSON) -> Sighting:
        """Reads all pages of a query one after the other: also contacts that are in no window."""
        return await self._sight(query, None)

    async def _sight(self, query: JSON, size: int | None) -> Sighting:
        """Where Intercom's first total is not what was seen, it is asked for once more: it may have moved."""
        ids = set[str]()
        totals: list[int] = []

        async def take(page: Page[DatedContact]) -> None:
            ids.update(contact.id for contact in page.data)
            totals.append(page.total_count)
            self._arrived(len(page.data))

        await Windows(self.intake.client, query, Page[DatedContact], take, dates=self.intake.dates, size=size).read()
        total = totals[0]
        stood_still = total == len(ids) or total == await count(self.intake.client, query)
        return Sighting(ids, total if stood_still else None)

    def _arrived(self, rows: int) -> None:
        self.intake.tally.add(rows)
        if self.pages_left:
            self.pages_left -= 1
            self.intake.release(1)
