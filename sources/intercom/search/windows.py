"""A large search, cut into windows of creation time that are read at once.

Intercom's cursors give one page after the other: read that way, a large search takes as long as all its answers
together. `created_at` never changes, so no contact moves between windows during a read. Both ends stay open: the first
pages of the search, up to one that ends with a dated contact, and its last pages are read by cursor, so that they
include contacts without a date and far outliers. Where windows still miss some of those, the rows are fewer than
Intercom's total, which the reader has to compare.
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
Dated = Callable[[Page[Record]], int | None]

NEWEST_FIRST = {"field": "created_at", "order": "descending"}
SMALLEST_WINDOW, LARGEST_WINDOW = 10, 40
"""Pages. The last page of each window is half empty on average: smaller windows would add more than 5% of calls. Larger
ones would delay the end of a read."""
MARGIN = 1.3
"""A read up to this much larger than a window is not cut: it would take one more call and end hardly earlier."""
CROWDED = 0.8
"""A window is crowded if it holds this part of the window it was cut from: its contacts are of about the same time."""
PATIENCE = 300
"""A crowded window of up to this many pages is read by one cursor rather than cut again."""
FAR = 1_000 * 365 * 86_400
"""Seconds before or after 1970, beyond which a date is treated as missing."""

Span = tuple[int | None, int | None]
"""A window in a form that can be saved: since, until."""
EVERYTHING: Span = (None, None)


class Windows(Generic[Record]):
    """Reads all pages of a query, many at once, in any order.

    A contact at the edge of a window may come twice, and one without a date may be missed (see above). All others that
    match throughout come once.

    Args:
        page: what a page is decoded as: of records with `created_at`, or raw contacts.
        take: called with each page.
        size: pages of a window. A query hardly larger is read by one cursor; with null any query is.
        unread: where an earlier read stopped.
        follow: how pages are asked for, if not those of contacts.
        dated: when the last record of a page was created; null where windows cannot begin there.
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
        follow: Any = pages,
        dated: Dated[Record] | None = None,
    ) -> None:
        self._follow, self._dated = follow, dated or _date_of_last
        self._unread = [Window(since, until) for since, until in unread]
        self._client = client
        self._query = query
        self._page = page
        self._take = take
        self._dates = dates
        self._size = inf if size is None else size * PAGE_SIZE

    @property
    def spans(self) -> list[Span]:
        """What is unread, so that another read can continue there."""
        return [(window.since, window.until) for window in self._unread]

    async def read(self) -> None:
        await self._read_all(list(self._unread), around=None)

    async def _read_all(self, windows: Sequence[Window], around: int | None) -> None:
        async with asyncio.TaskGroup() as group:
            for window in windows:
                group.create_task(self._read(window, around))

    async def _read(self, window: Window, around: int | None) -> None:
        """Follows the cursor from the start of the window. Where much is left after the first date, cuts the rest."""
        left: int | None = None
        parts: Sequence[Window] = ()
        query, read = self._dates.within(self._query, window), 0
        async with aclosing(self._follow(self._client, query, self._page)) as following:
            async for page in following:
                await self._take(page)
                read += len(page.data)
                created_at = self._dated(page)
                if created_at is None:
                    continue
                edge = self._dates.edge(created_at)
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
        """Windows of equal length, as many as `left` contacts need; none where a cut does not pay."""
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
        """Reads the last pages, newest first, up to one that ends with a dated contact. The rest is older than that."""
        query = self._dates.within(self._query, window)
        async with aclosing(self._follow(self._client, query, self._page, sort=NEWEST_FIRST)) as following:
            async for page in following:
                await self._take(page)
                created_at = self._dated(page)
                if created_at is not None:
                    return self._dates.edge_after(created_at)
        return None


def window_pages(pages: int, breadth: int) -> int:
    """The size of windows, so that all calls under way have one to read."""
    return min(max(pages // breadth, SMALLEST_WINDOW), LARGEST_WINDOW)


def _date_of_last(page: Page[Any]) -> int | None:
    return date_of(page.data[-1]) if page.data else None


def date_of(contact: Any) -> int | None:
    """When a contact was created, in epoch seconds; null where it has no date, or an absurd one."""
    try:
        dated = msgspec.json.decode(contact, type=DatedContact) if isinstance(contact, Raw) else contact
    except (msgspec.DecodeError, RecursionError):
        return None
    created_at = dated.created_at
    return created_at if isinstance(created_at, int) and abs(created_at) < FAR else None
