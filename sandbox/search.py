"""Contact search: sorted matches, kept and kept up to date, and keyset pages of them."""

import base64
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from sandbox.contacts import Contact
from sandbox.errors import ApiError
from sandbox.fields import sort_value
from sandbox.filters import Both, Filter, Terms, parse, segment_ids
from sandbox.memberships import Roll
from sandbox.pages import Page
from sandbox.timestamps import EXACT, in_days_of
from sandbox.versions import Version
from sandbox.workspace import Workspace

DEFAULT_PER_PAGE = 50
MOST_PER_PAGE = 150
ORDERS = ("ascending", "descending")

# Matches kept at a time; a sync asks about each segment in turn, so few of the older ones are asked again.
KEPT = 200

# So many are put in their places one by one; with more it is faster to sort all again.
FEW = 200

# Matches are picked from everybody in order if one in so many is among them, and sorted if it is fewer.
MANY = 2

# Sorts null before numbers before text; the contact's id breaks ties.
Key = tuple[int, Any, str]


class Cursor(NamedTuple):
    """The last row of a page, and the number of the page after it."""

    value: Any
    contact_id: str
    page: int

    @property
    def key(self) -> Key:
        """Where the page after it begins."""
        return sort_key(self.value, self.contact_id)


FIRST_PAGE = Cursor(None, "", 1)


@dataclass(frozen=True)
class SearchRequest:
    """What a client asks for. `query` is None for everybody."""

    query: Any
    version: Version
    field: str = "updated_at"
    descending: bool = True
    per_page: int = DEFAULT_PER_PAGE
    cursor: Cursor = FIRST_PAGE


class Matches:
    """Everybody who answers to a query, in ascending order.

    `order`, if it is given, has them in that order among others: with many to sort, that is where they are picked from.
    """

    def __init__(self, field: str, contacts: Iterable[Contact], order: "Matches | None" = None) -> None:
        self._read = sort_value(field)
        self._contacts = {contact.id: contact for contact in contacts}
        self._keys: list[Key] = order.keys_of(self._contacts) if order else []
        if len(self._keys) < len(self._contacts):
            self._keys = sorted(map(self._key, self._contacts.values()))

    def revise(self, answers: Mapping[str, Contact | None]) -> None:
        """Takes contacts as they are now; None for those who do not answer to the query, or not any more."""
        present = [contact for contact in answers.values() if contact]
        before = [contact for contact in map(self._contacts.pop, answers, repeat(None)) if contact]
        self._contacts.update((contact.id, contact) for contact in present)
        if len(answers) > FEW:
            self._keys = sorted([key for key in self._keys if key[2] not in answers] + list(map(self._key, present)))
            return
        for contact in before:
            del self._keys[bisect_left(self._keys, self._key(contact))]
        for contact in present:
            insort(self._keys, self._key(contact))

    def keys_of(self, contacts: Mapping[str, Contact]) -> list[Key]:
        """Of those contacts, in order; not of those that were changed meanwhile."""
        return [key for key in self._keys if self._contacts[key[2]] is contacts.get(key[2])]

    def ids_between(self, low: float, high: float) -> list[str]:
        """Those whose value is a number from `low` to `high`."""
        start, end = bisect_left(self._keys, (1, low, "")), bisect_left(self._keys, (1, high + 1, ""))
        return [key[2] for key in self._keys[start:end]]

    def page(self, request: SearchRequest) -> Page:
        """The page that begins after the request's cursor."""
        start, end = self._bounds(request)
        contacts = self._slice(start, end)
        if request.descending:
            contacts.reverse()
        more = start > 0 if request.descending else end < len(self._keys)
        following = self._cursor(contacts[-1], request.cursor.page + 1) if more and contacts else None
        return Page(contacts, request.cursor.page, request.per_page, len(self._keys), following)

    def rows_before(self, request: SearchRequest) -> list[Contact]:
        """The rows of the page before, that is, up to the request's cursor."""
        start, end = self._bounds(request)
        if request.descending:
            return self._slice(end, end + request.per_page)[::-1]
        return self._slice(max(0, start - request.per_page), start)

    def _key(self, contact: Contact) -> Key:
        return sort_key(self._read(contact), contact.id)

    def _slice(self, start: int, end: int) -> list[Contact]:
        return [self._contacts[key[2]] for key in self._keys[start:end]]

    def _bounds(self, request: SearchRequest) -> tuple[int, int]:
        """Where the page lies among the matches, read upwards whatever the order."""
        is_first = request.cursor is FIRST_PAGE
        if request.descending:
            end = len(self._keys) if is_first else bisect_left(self._keys, request.cursor.key)
            return max(0, end - request.per_page), end
        start = 0 if is_first else bisect_right(self._keys, request.cursor.key)
        return start, min(len(self._keys), start + request.per_page)

    def _cursor(self, last: Contact, page: int) -> str:
        value = self._read(last)
        return base64.b64encode(msgspec.json.encode([value, last.id, page])).decode()


class Moment(NamedTuple):
    """How much of what can change the answer to a query was known; `rolls` are those of the segments it names."""

    touched: int
    hidden: frozenset[str]
    rolls: tuple[tuple[Roll | None, int], ...]


class Searches:
    """Answers requests. What answered a query is kept, and later only those are asked whom something happened to."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._kept: dict[bytes, tuple[Moment, Matches]] = {}

    def matches(self, request: SearchRequest) -> Matches:
        """Everybody who answers to the request now. Raises ApiError for a query that Intercom would refuse."""
        timezone = self._workspace.timezone if request.version.by_day else None
        return self._matches(request.query, request.field, timezone)

    def _matches(self, query: Any, field: str, timezone: str | None) -> Matches:
        key = msgspec.json.encode([query, field, timezone, sorted(self._workspace.refuses)])
        moment = self._moment(query)
        kept = self._kept.pop(key, None)
        changed = self._changed(kept[0], moment) if kept else None
        if kept is None or changed is None:
            matches = self._found(query, field, timezone, moment.hidden)
        else:
            matches = kept[1]
            if changed:
                matches.revise(self._answers(changed, self._filter(query, timezone), moment.hidden))
        self._kept[key] = (moment, matches)
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return matches

    def _moment(self, query: Any) -> Moment:
        """The present; the list of everybody, which is no search, hides nobody."""
        touched = len(self._workspace.touched)
        hidden = frozenset() if query is None else self._workspace.unindexed()
        rolls = [self._roll(segment_id) for segment_id in sorted(segment_ids(query))]
        return Moment(touched, hidden, tuple((roll, len(roll.changed) if roll else 0) for roll in rolls))

    def _changed(self, then: Moment, now: Moment) -> set[str] | None:
        """Ids of those whose answer may be another one now; None if anybody's may."""
        changed = set(self._workspace.touched[then.touched : now.touched]) | (then.hidden ^ now.hidden)
        for (known, read), (roll, length) in zip(then.rolls, now.rolls, strict=True):
            if roll is not known:
                return None
            if roll:
                changed.update(roll.changed[read:length])
        return changed

    def _filter(self, query: Any, timezone: str | None) -> Filter:
        """By the days of `timezone`, if there is one."""
        if query is None:
            return Both(())
        dates = in_days_of(ZoneInfo(timezone)) if timezone else EXACT
        return parse(query, Terms(self._members, dates, self._between, self._workspace.refuses))

    def _found(self, query: Any, field: str, timezone: str | None, hidden: Set[str]) -> Matches:
        wanted, contacts = self._filter(query, timezone), self._workspace.contacts
        candidates = wanted.candidates()
        # Copies, since a served workspace may be changed from another thread.
        asked = list(contacts if candidates is None else candidates)
        found = [contact for contact in self._answers(asked, wanted, hidden).values() if contact]
        is_worth_an_order = query is not None and len(found) * MANY > len(contacts)
        return Matches(field, found, self._everybody(field) if is_worth_an_order else None)

    def _answers(self, ids: Iterable[str], wanted: Filter, hidden: Set[str]) -> dict[str, Contact | None]:
        """Those who answer to the query, as they are now, and None for the others."""
        contacts, matches = self._workspace.contacts, wanted.matches
        return {
            contact_id: contact
            if (contact := contacts.get(contact_id)) and contact_id not in hidden and matches(contact)
            else None
            for contact_id in ids
        }

    def _everybody(self, field: str) -> Matches:
        return self._matches(None, field, None)

    def _between(self, field: str, low: float, high: float) -> list[str]:
        return self._everybody(field).ids_between(low, high)

    def _roll(self, segment_id: str) -> Roll | None:
        segment = self._workspace.segments.get(segment_id)
        return self._workspace.roll(segment) if segment else None

    def _members(self, segment_id: str) -> Set[str]:
        roll = self._roll(segment_id)
        return roll.members if roll else set()


def sort_key(value: Any, contact_id: str) -> Key:
    """Makes values of different types comparable, as owner_id and custom attributes need."""
    if value is None:
        return (0, 0, contact_id)
    if isinstance(value, bool | int | float):
        return (1, value, contact_id)
    return (2, str(value), contact_id)


def read_cursor(text: object) -> Cursor:
    """A cursor from a client; None is the first page."""
    if text is None:
        return FIRST_PAGE
    try:
        decoded = base64.b64decode(str(text), validate=True)
        value, contact_id, page = msgspec.json.decode(decoded, type=tuple[Any, str, int])
    except (ValueError, msgspec.MsgspecError):
        raise invalid_cursor() from None
    return Cursor(value, contact_id, page)


def invalid_cursor() -> ApiError:
    """How Intercom refuses a `starting_after` that is none of its own."""
    message = "Please try again using a starting_after value from a paginated response"
    return ApiError(400, "client_error", f"Invalid starting_after param. {message}")


def read_per_page(number: object, default: int) -> int:
    """A page size from a client: at least 1; more than Intercom's 150 are 150."""
    if number is None:
        return default
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ApiError(400, "invalid_per_page", "per_page is a number from 1 to 150")
    return min(number, MOST_PER_PAGE)


def read_request(body: bytes, version: Version) -> SearchRequest:
    """A search from the body of a POST. Its query is checked when it is evaluated."""
    try:
        asked = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise ApiError(400, "client_error", "The body is not a JSON object") from None
    if not isinstance(asked.get("query"), dict):
        raise ApiError(400, "parameter_not_found", "query is required")
    pagination, sort = _object(asked, "pagination"), _object(asked, "sort")
    order = sort.get("order") or "descending"
    if version.checks_sort_order and order not in ORDERS:
        message = f"Invalid sort order '{order}'. Must be one of: {', '.join(ORDERS)}"
        raise ApiError(400, "invalid_sort_order", message)
    return SearchRequest(
        asked["query"],
        version,
        field=str(sort.get("field") or "updated_at"),
        descending=order != "ascending",
        per_page=read_per_page(pagination.get("per_page"), DEFAULT_PER_PAGE),
        cursor=read_cursor(pagination.get("starting_after")),
    )


def _object(asked: dict[str, Any], name: str) -> dict[str, Any]:
    value = asked.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ApiError(400, "parameter_invalid", f"{name} is an object")
    return value
