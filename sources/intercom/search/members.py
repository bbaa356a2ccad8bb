"""Which contacts match a search, as a set. Many searches run at once, within bounds: each is held until it is whole."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from ..api import JSON, DatedContact, Intercom, Page, do_nothing, page_calls
from .pages import count
from .progress import Tally
from .queries import Dates
from .windows import EVERYTHING, Span, Windows

WINDOW_PAGES = 20
"""Pages of a window, and for each call that may be under way the pages that started reads may still expect. With fewer,
calls would wait for each other; with more, all reads would end late and together, and more ids would be held."""


@dataclass(frozen=True)
class Sighting:
    """What one read of a search saw: distinct ids, and Intercom's total, null where it changed during the read."""

    ids: set[str]
    total: int | None


@dataclass
class Interrupted:
    """A read that did not end. `total` is Intercom's at its start, `unread` is where it continues."""

    started_at: datetime
    total: int
    unread: list[Span]
    ids: set[str] = field(default_factory=set)


class ReadSlots:
    """Starts reads while the reads under way do not expect too many pages.

    Args:
        tally: counts each page.
        after_page: called after each page.
    """

    def __init__(
        self,
        client: Intercom,
        dates: Dates,
        tally: Tally,
        *,
        after_page: Callable[[], None] = do_nothing,
    ) -> None:
        self.client = client
        self.dates = dates
        self.tally = tally
        self.after_page = after_page
        self._expected = 0
        self._has_room = asyncio.Event()

    async def reserve(self, rows: int, interrupted: Interrupted | None = None) -> "MemberRead":
        """A read, once there is room for it: first come, first served. One read may exceed the limit by itself.

        Use it in a `with` block: its end makes room for others.

        Args:
            rows: how many to expect.
            interrupted: the read to continue.
        """
        while self._expected >= WINDOW_PAGES * self.client.breadth:
            self._has_room.clear()
            await self._has_room.wait()
        read = MemberRead(self, page_calls(rows), interrupted)
        self._expected += read.pages_left
        return read

    def release(self, pages: int) -> None:
        """Makes room: these pages came, or will not come."""
        self._expected -= pages
        self._has_room.set()


class MemberRead:
    """A read that has started, or continues an interrupted one. `pages_left` are still expected.

    `new_ids` are those not saved yet; the code that saves them empties it.
    """

    def __init__(self, slots: ReadSlots, pages_left: int, interrupted: Interrupted | None = None) -> None:
        self.pages_left = pages_left
        self.new_ids: list[str] = sorted(interrupted.ids) if interrupted else []
        self.total = interrupted.total if interrupted else None
        self._ids = set(interrupted.ids) if interrupted else set()
        self._spans: Sequence[Span] = interrupted.unread if interrupted else (EVERYTHING,)
        self._windows: Windows[DatedContact] | None = None
        self._slots = slots

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._slots.release(self.pages_left)

    @property
    def unread(self) -> list[Span] | None:
        """Where it can continue; null before its first page, and where it would have to start again."""
        return self._windows.spans if self._windows and self.total is not None else None

    async def read(self, query: JSON) -> Sighting:
        """Reads all pages of a query, a large one in windows."""
        return await self._read(query, WINDOW_PAGES, self._spans)

    async def read_again(self, query: JSON) -> Sighting:
        """Reads all pages from the start by one cursor, which also finds contacts that are in no window."""
        self.total, self._ids = None, set()
        return await self._read(query, None, (EVERYTHING,))

    async def _read(self, query: JSON, size: int | None, spans: Sequence[Span]) -> Sighting:
        """Counts once more where Intercom's first total differs from what was seen: it may have changed."""
        client, dates = self._slots.client, self._slots.dates
        windows = Windows(client, query, Page[DatedContact], self._take, dates=dates, size=size, unread=spans)
        self._windows = windows if size else None
        await windows.read()
        stood_still = self.total == len(self._ids) or self.total == await count(client, query)
        self._windows = None
        return Sighting(self._ids, self.total if stood_still else None)

    async def _take(self, page: Page[DatedContact]) -> None:
        ids = {contact.id for contact in page.data}
        self.new_ids += ids - self._ids
        self._ids |= ids
        self.total = page.total_count if self.total is None else self.total
        self._slots.tally.add(len(page.data))
        if self.pages_left:
            self.pages_left -= 1
            self._slots.release(1)
        self._slots.after_page()
