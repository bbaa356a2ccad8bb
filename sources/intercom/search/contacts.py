"""The contacts of a query, each once. Where Intercom counts more than it shows, they are read again."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from msgspec import Raw, ValidationError

from ..api import JSON, Intercom, Page, unreadable
from ..tables import SentContact, read_contact
from .pages import count
from .progress import Tally
from .queries import Dates
from .windows import Windows

ROWS_A_TABLE = 3_000
"""dlt's costs are per yielded table: 3,000 rows a table take half the time of 150."""

Put = Callable[[list[SentContact]], Awaitable[None]]


class Times(NamedTuple):
    """When a contact was last updated (0 if unknown) and when it was created, in epoch seconds."""

    updated_at: int
    created_at: int | None


class ContactSearch:
    """Reads the contacts of one query: `read` by id; `missing` is how many more Intercom counts.

    Args:
        tally: counts each page.
        put: receives the contacts, in batches of at least 3,000 and a last, smaller one.
    """

    def __init__(self, client: Intercom, query: JSON, *, dates: Dates, tally: Tally, put: Put) -> None:
        self.read: dict[str, Times] = {}
        self.missing = 0
        self._client = client
        self._query = query
        self._dates = dates
        self._tally = tally
        self._put = put
        self._rows: list[SentContact] = []
        self._counts: list[int] = []

    async def read_all(self, window_pages: int) -> None:
        """Reads all windows at once. Where fewer contacts come than the least of Intercom's counts, all pages are read
        once more by one cursor.
        """
        for size in (window_pages, None):
            await Windows(self._client, self._query, Page[Raw], self._take, dates=self._dates, size=size).read()
            if len(self.read) < self._counts[0]:
                self._counts.append(await count(self._client, self._query))
            self.missing = max(0, min(self._counts) - len(self.read))
            if not self.missing:
                break
        await self._put(self._rows)

    async def _take(self, page: Page[Raw]) -> None:
        if not self._counts:
            self._tally.expect(page.total_count)
            self._counts.append(page.total_count)
        self._tally.add(len(page.data))
        self._rows += self._new(page)
        if len(self._rows) >= ROWS_A_TABLE:
            batch, self._rows = self._rows, []
            await self._put(batch)

    def _new(self, page: Page[Raw]) -> list[SentContact]:
        """Contacts not read before: windows share their edges, and a key may be loaded only once."""
        new = {one.contact.id: one for one in read_contacts(page) if one.contact.id not in self.read}
        self.read |= {key: Times(one.contact.updated_at or 0, one.contact.created_at) for key, one in new.items()}
        return list(new.values())


def read_contacts(page: Page[Raw]) -> list[SentContact]:
    """The contacts of a page.

    Raises:
        Unreadable: one of them is not a contact.
    """
    try:
        return [read_contact(sent) for sent in page.data]
    except ValidationError as error:
        raise unreadable(error) from None
