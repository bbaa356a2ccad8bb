"""All records of a query: many windows at once, and one after the other where they do not add up."""

from collections.abc import Iterable

from msgspec import Raw

from ..api import JSON, UNKNOWN, Intercom, Page, Refused, Unavailable, page_calls
from ..lists import Record, RecordReader
from ..search import Dates, Tally, Windows, window_pages
from .batches import Batches
from .pages import SearchPages


class QueryReading:
    """Reads the records of queries into batches. `problem`: why what is missing proves nothing; null if all came.

    Args:
        tally: counts records and calls.
    """

    def __init__(
        self, client: Intercom, pages: SearchPages, reader: RecordReader, batches: Batches, tally: Tally
    ) -> None:
        self.problem: str | None = None
        self._client = client
        self._pages = pages
        self._reader = reader
        self._batches = batches
        self._tally = tally
        self._counts: list[int] = []
        self._read: set[str] = set()
        self._unreadable = 0

    @property
    def total(self) -> int | None:
        """The least of Intercom's counts for the last query; null where it gives none."""
        known = [count for count in self._counts if count != UNKNOWN]
        return min(known, default=None)

    async def read(self, query: JSON, dates: Dates, expected: int | None) -> None:
        """Reads all windows at once. Where fewer records come than Intercom counts, one cursor reads them once more.

        Args:
            expected: how many there may be.
        """
        self._counts, self._read = [], set()
        for size in (window_pages(page_calls(expected or 0), self._client.breadth), None):
            self._unreadable, self._pages.is_cut = 0, False
            self.problem = await self._windows(query, dates, size) or await self._shortage(query)
            if self.problem is None:
                break

    async def _windows(self, query: JSON, dates: Dates, size: int | None) -> str | None:
        """What made the reading break off; null if it did not."""
        windows = Windows(
            self._client,
            query,
            Page[Raw],
            self._take,
            dates=dates,
            size=size,
            follow=self._pages.follow,
            dated=self._pages.dated,
        )
        try:
            await windows.read()
        except ExceptionGroup as group:
            known, others = group.split((Refused, Unavailable))
            if others is not None or known is None:
                raise
            return f"it broke off: {_first(known)}"
        return None

    async def _shortage(self, query: JSON) -> str | None:
        """Why the records that came may not be all."""
        if self._unreadable:
            return f"{self._unreadable:,} of them could not be read"
        if self._pages.is_cut:
            return "there may be more of them, on a page that cannot be asked for"
        if len(self._read) < min(self._counts, default=0):
            self._counts.append(await self._pages.count(query) or 0)
        missing = min(self._counts, default=0) - len(self._read)
        if UNKNOWN in self._counts or not self._counts:
            return "Intercom does not say how many there are"
        return f"Intercom counts {missing:,} more than it sent" if missing > 0 else None

    async def _take(self, page: Page[Raw]) -> None:
        if not self._counts:
            self._counts.append(page.total_count)
            self._tally.expect(max(page.total_count, 0))
        self._tally.add(len(page.data))
        await self._batches.add(self._records(page))

    def _records(self, page: Page[Raw]) -> Iterable[Record]:
        for sent in page.data:
            record = self._reader.read(sent)
            if record is None:
                self._unreadable += 1
                continue
            self._read.add(record.id)
            yield record


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
