"""A large search, cut into windows of creation time that are read at once.

Intercom's cursors give one page after the other: read so, a large search takes as long as all its answers together.
`created_at` never changes, so nobody moves from one window to another meanwhile. Both ends stay open: the first
pages of the search, up to one that ends with a dated contact, and its last ones are data themselves, so that contacts
without a date and far outliers are on them. Where more of those than fit are left out, the rows are fewer than
Intercom's total, which whoever reads has to compare.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from itertools import pairwise
from math import ceil, inf
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw

from ..api import JSON, PAGE_SIZE, DatedContact, Intercom, Page
from .pages import pages
from .queries import Dates, Window

Record = TypeVar("Record")
Take = Callable[[Page[Record]], Awaitable[None]]

NEWEST_FIRST = {"field": "created_at", "order": "descending"}
SMALLEST_WINDOW, LARGEST_WINDOW = 10, 40
"""Pages: the last page of each window is half empty on average, so that smaller ones would cost more than 5% of calls;
larger ones would keep the end of a read waiting."""
MARGIN = 1.3
"""A read this much larger than a window is not cut: it would take a call more and end hardly earlier."""
CROWDED = 0.8
"""A window with such a part of those in the one it was cut from: its contacts were made at about the same time."""
PATIENCE = 300
"""Pages that are rather read one after the other than cut again where a window is crowded."""
FAR = 1_000 * 365 * 86_400
"""Seconds from 1970, either way, to dates that no calendar here need know."""

Span = tuple[int | None, int | None]
"""A window, as it can be kept: since when, until when."""
EVERYTHING: Span = (None, None)


class Windows(Generic[Record]):
    """Reads all pages of a query, many at once, in no order.

    Nobody is missed or shown twice but for contacts at the edges, who may come twice, and what moves meanwhile.

    Args:
        page: what a page is decoded as: of records with `created_at`, or raw contacts.
        take: called with each page.
        size: pages of a window, a query hardly larger is read by one cursor; null: so is any.
        unread: where an earlier reading stopped.
    """

    def __init__(
        self,
        client: Intercom,
        query: JSON,
        page: type[Page[Record]],
        take: Take[Record],
        *,
        dates: Dates,
        size: int | None,
        unread: Sequence[Span] = (EVERYTHING,),
    ) -> None:
        self._unread = [Window(since, until) for since, until in unread]
        self._client = client
        self._query = query
        self._page = page
        self._take = take
        self._dates = dates
        self._size = inf if size is None else size * PAGE_SIZE

    @property
    def spans(self) -> list[Span]:
        """What is unread: where another reading can go on."""
        return [(window.since, window.until) for window in self._unread]

    async def read(self) -> None:
        """Reads what is unread; when it ends nothing is."""
        await self._read_all(list(self._unread), around=None)

    async def _read_all(self, windows: Sequence[Window], around: int | None) -> None:
        async with asyncio.TaskGroup() as group:
            for window in windows:
                group.create_task(self._read(window, around))

    async def _read(self, window: Window, around: int | None) -> None:
        """Follows the cursor from the window's beginning; where much is left behind the first date, cuts that."""
        left: int | None = None
        parts: Sequence[Window] = ()
        query, read = self._dates.within(self._query, window), 0
        async with aclosing(pages(self._client, query, self._page)) as following:
            async for page in following:
                await self._take(page)
                read += len(page.data)
                made_at = date_of(page.data[-1]) if page.data else None
                if made_at is None:
                    continue
                edge = self._dates.edge(made_at)
                window.since = edge if window.since is None else max(edge, window.since)
                if left is None:
                    left = page.total_count - read
                    parts = await self._cut(window, left, around)
                if parts:
                    break
        self._unread.remove(window)
        self._unread += parts
        await self._read_all(parts, left)

    async def _cut(self, window: Window, left: int, around: int | None) -> Sequence[Window]:
        """Windows of equal length, as many as there should be for so many contacts; none where it is not worth it."""
        is_crowded = around is not None and left > CROWDED * around
        if left <= MARGIN * self._size or (is_crowded and left <= PATIENCE * PAGE_SIZE):
            return ()
        if window.until is None:
            window.until = await self._end(window)
        if window.since is None or window.until is None:
            return ()
        length = window.until - window.since
        windows = ceil(left / self._size)
        inner = {self._dates.edge(window.since + length * part // windows) for part in range(1, windows)}
        edges = sorted({window.since, *inner, window.until})
        return [Window(since, until) for since, until in pairwise(edges)] if len(edges) > 2 else ()

    async def _end(self, window: Window) -> int | None:
        """Reads the last pages, up to one whose earliest contact has a date: what is before that is left."""
        query = self._dates.within(self._query, window)
        async with aclosing(pages(self._client, query, self._page, sort=NEWEST_FIRST)) as following:
            async for page in following:
                await self._take(page)
                made_at = date_of(page.data[-1]) if page.data else None
                if made_at is not None:
                    return self._dates.edge_after(made_at)
        return None


def window_pages(pages: int, breadth: int) -> int:
    """The size of windows that read so many pages by so many calls at once."""
    return min(max(pages // breadth, SMALLEST_WINDOW), LARGEST_WINDOW)


def date_of(contact: Any) -> int | None:
    """When a contact was made, in epoch seconds; null where that is not told, or no second that calendars know."""
    dated = msgspec.json.decode(contact, type=DatedContact) if isinstance(contact, Raw) else contact
    made_at = dated.created_at
    return made_at if isinstance(made_at, int) and abs(made_at) < FAR else None
