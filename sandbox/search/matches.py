"""The contacts that match a query, sorted, and keyset pages of them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..people import Contact
from ..world import WorkspaceState
from .fields import sort_value
from .pages import Page
from .requests import FIRST_PAGE, Cursor, SearchRequest
from .timestamps import Span

# Up to this number of changed contacts are sorted in one by one; for more, sorting all again is faster.
FEW_CHANGES = 200

# Sorts null before numbers before text; the contact's id breaks ties.
Key = tuple[int, Any, str]


class SortedMatches:
    """The contacts that match a query, in ascending order of a field; only their sort keys are stored."""

    def __init__(
        self, field: str, workspace: WorkspaceState, ids: Iterable[str], all_contacts: "SortedMatches | None" = None
    ) -> None:
        """Sorts the contacts; with `all_contacts` in the same order it selects from them, which is faster for many."""
        self._read = sort_value(field)
        self._workspace = workspace
        self._positions: dict[str, int] | None = None
        self._keys: list[Key] = (
            all_contacts.keys_of(ids) if all_contacts else sorted(map(self._key, self._present(ids)))
        )

    def update(self, changed: Mapping[str, Contact | None]) -> None:
        """Takes the new versions of changed contacts; None for a contact that does not match, or no longer."""
        self._positions = None
        present = [self._key(contact) for contact in changed.values() if contact]
        if len(changed) > FEW_CHANGES:
            self._keys = sorted([key for key in self._keys if key[2] not in changed] + present)
            return
        for contact_id in changed:
            self._remove(contact_id)
        for key in present:
            insort(self._keys, key)

    def keys_of(self, ids: Iterable[str]) -> list[Key]:
        """The sort keys of those contacts, in order."""
        if self._positions is None:
            self._positions = {key[2]: position for position, key in enumerate(self._keys)}
        positions = map(self._positions.get, ids)
        return [self._keys[position] for position in sorted(found for found in positions if found is not None)]

    def whole(self) -> "MatchRange":
        return MatchRange(self, 0, len(self._keys))

    def between(self, span: Span) -> "MatchRange":
        """The matches whose sort value is a number in the span."""
        start, end = (bisect_left(self._keys, (1, second, "")) for second in span)
        return MatchRange(self, start, max(start, end))

    def contacts(self, start: int, end: int) -> list[Contact]:
        """The contacts from the position `start` up to, but not including, `end`."""
        return self._present([key[2] for key in self._keys[start:end]])

    def positions_around(self, cursor: Cursor) -> tuple[int, int]:
        """The end of the matches before the cursor, and the start of those after it."""
        key = _sort_key(cursor.value, cursor.contact_id)
        return bisect_left(self._keys, key), bisect_right(self._keys, key)

    def cursor_after(self, last: Contact, page: int) -> str:
        """The cursor of the page that starts after that contact."""
        return Cursor(self._read(last), last.id, page).encoded()

    def _key(self, contact: Contact) -> Key:
        return _sort_key(self._read(contact), contact.id)

    def _present(self, ids: Iterable[str]) -> list[Contact]:
        return [contact for contact in map(self._workspace.contacts.get, ids) if contact]

    def _remove(self, contact_id: str) -> None:
        """Removes the key of the contact, which is that of one of its versions."""
        for key in set(map(self._key, self._workspace.records.versions(contact_id))):
            position = bisect_left(self._keys, key)
            if self._keys[position : position + 1] == [key]:
                del self._keys[position]


@dataclass(frozen=True)
class MatchRange:
    """Consecutive matches, from the position `start` up to `end`. Valid until the matches are updated."""

    matches: SortedMatches
    start: int
    end: int

    def page(self, request: SearchRequest) -> Page:
        """The page after the request's cursor."""
        start, end = self._bounds(request)
        contacts = self._contacts(start, end, request)
        has_more = start > self.start if request.descending else end < self.end
        number = request.cursor.page
        following = self.matches.cursor_after(contacts[-1], number + 1) if has_more and contacts else None
        return Page(contacts, number, request.per_page, self.end - self.start, following)

    def previous_page(self, request: SearchRequest) -> list[Contact]:
        """The contacts of the page before the request's cursor."""
        start, end = self._bounds(request)
        if request.descending:
            return self._contacts(end, min(self.end, end + request.per_page), request)
        return self._contacts(max(self.start, start - request.per_page), start, request)

    def ids(self) -> list[str]:
        return [contact.id for contact in self.matches.contacts(self.start, self.end)]

    def _contacts(self, start: int, end: int, request: SearchRequest) -> list[Contact]:
        contacts = self.matches.contacts(start, end)
        return contacts[::-1] if request.descending else contacts

    def _bounds(self, request: SearchRequest) -> tuple[int, int]:
        """The page's positions among the matches, which are in ascending order for every request."""
        before, after = self._around(request.cursor)
        if request.descending:
            return max(self.start, before - request.per_page), before
        return after, min(self.end, after + request.per_page)

    def _around(self, cursor: Cursor) -> tuple[int, int]:
        """The end of a page before the cursor, and the start of a page after it."""
        if cursor is FIRST_PAGE:
            return self.end, self.start
        before, after = self.matches.positions_around(cursor)
        return max(self.start, min(self.end, before)), min(self.end, max(self.start, after))


def _sort_key(value: Any, contact_id: str) -> Key:
    """Makes values of different types comparable, as owner_id and custom attributes need."""
    if value is None:
        return (0, 0, contact_id)
    if isinstance(value, bool | int | float):
        return (1, value, contact_id)
    return (2, str(value), contact_id)
