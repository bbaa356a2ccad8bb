"""The contacts of a query, each once. Where Intercom counts more than it shows, they are read again."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from msgspec import DecodeError, Raw

from ..api import JSON, UNKNOWN, Intercom, Page
from ..tables import SentContact, read_contact
from .pages import count
from .progress import Tally
from .queries import Dates
from .windows import Windows

ROWS_A_TABLE = 3_000
"""dlt's costs are per yielded table: 3,000 rows a table take half the time of 150."""

SEARCH = "/contacts/search "
"""How the place of each flaw of a search begins."""
UNREADABLE_CONTACTS = f"{SEARCH}data"

Put = Callable[[list[SentContact]], Awaitable[None]]


class Times(NamedTuple):
    """When a contact was last updated (0 if unknown) and when it was created, in epoch seconds."""

    updated_at: int
    created_at: int | None


class ContactSearch:
    """Reads the contacts of one query: `read` by id; `missing` is how many more Intercom counts.

    `unreadable` of them were shown, and could not be read.

    Args:
        tally: counts each page.
        put: receives the contacts, in batches of at least 3,000 and a last, smaller one.
    """

    def __init__(self, client: Intercom, query: JSON, *, dates: Dates, tally: Tally, put: Put) -> None:
        self.read: dict[str, Times] = {}
        self.missing = 0
        self.unreadable = 0
        self._client = client
        self._query = query
        self._dates = dates
        self._tally = tally
        self._put = put
        self._rows: list[SentContact] = []
        self._outdated: set[str] = set()
        self._counts: list[int] = []
        self._flaws_before, self._unreadable_before = _flaws(client), client.usage.flaws[UNREADABLE_CONTACTS]

    async def read_all(self, window_pages: int) -> None:
        """Reads all windows at once. Where fewer contacts come than the least of Intercom's counts, all pages are read
        once more by one cursor.
        """
        for size in (window_pages, None):
            unreadable = self._client.usage.flaws[UNREADABLE_CONTACTS]
            await Windows(self._client, self._query, Page[Raw], self._take, dates=self._dates, size=size).read()
            if len(self.read) < self._counts[0]:
                self._counts.append(await count(self._client, self._query))
            self.missing = self._missing()
            self.unreadable = self._client.usage.flaws[UNREADABLE_CONTACTS] - unreadable
            if not self.missing:
                break
        await self._put(self._rows)

    @property
    def is_short(self) -> bool:
        """Whether contacts are missing that were not shown at all, or not as they are now."""
        flaws = _flaws(self._client) - self._flaws_before
        is_known = UNKNOWN not in self._counts and not self._outdated
        unshown = min(self._counts, default=0) - len(self.read) - self.unreadable
        unreadable_in_all = self._client.usage.flaws[UNREADABLE_CONTACTS] - self._unreadable_before
        return bool(self.missing) and not (is_known and unshown <= 0 and flaws == unreadable_in_all)

    def _missing(self) -> int:
        """Contacts that Intercom counts more; at least one where something has to be read again for another reason."""
        known = [count for count in self._counts if count != UNKNOWN]
        is_flawed = len(known) < len(self._counts) or self._outdated or _flaws(self._client) > self._flaws_before
        least = 1 if is_flawed else 0
        return max(least, min(known, default=0) - len(self.read))

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
        """Contacts not read before: windows share their edges, and a key may be loaded only once.

        A newer version replaces one that is not handed on yet. After that it is left to the next run, which has to read
        it again.
        """
        new: list[SentContact] = []
        for one in read_contacts(self._client, page):
            key, times = one.contact.id, Times(one.contact.updated_at or 0, one.contact.created_at)
            before = self.read.get(key)
            if before is None:
                new.append(one)
                self.read[key] = times
            elif times.updated_at > before.updated_at:
                self._replace(one, times)
        return new

    def _replace(self, one: SentContact, times: Times) -> None:
        key = one.contact.id
        waiting = next((place for place, row in enumerate(self._rows) if row.contact.id == key), None)
        if waiting is None:
            self._outdated.add(key)
            return
        self._rows[waiting] = one
        self.read[key] = times
        self._outdated.discard(key)


def read_contacts(client: Intercom, page: Page[Raw]) -> list[SentContact]:
    """The contacts of a page, each once, as last updated. Those that cannot be read are counted as flaws."""
    newest: dict[str, SentContact] = {}
    for sent in page.data:
        try:
            one = read_contact(sent)
        except DecodeError:
            client.usage.flaws[UNREADABLE_CONTACTS] += 1
            continue
        other = newest.get(one.contact.id)
        if other is None or (one.contact.updated_at or 0) > (other.contact.updated_at or 0):
            newest[one.contact.id] = one
    return list(newest.values())


def _flaws(client: Intercom) -> int:
    """Flaws of all searches so far: each may have cost contacts, or pages of them."""
    return sum(count for place, count in client.usage.flaws.items() if place.startswith(SEARCH))
