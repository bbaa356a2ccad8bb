"""Contact search: sorted matches, kept and kept up to date, and keyset pages of them."""

import base64
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ..people import Contact
from ..segments import Roll
from ..world import Version, Workspace
from .errors import ApiError
from .fields import sort_value
from .filters import Both, Filter, Terms, parse, segment_ids
from .pages import Page
from .timestamps import EXACT, Dates, Span, in_days_of
from .windows import ANYBODY, window

DEFAULT_PER_PAGE = 50
MOST_PER_PAGE = 150
ORDERS = ("ascending", "descending")

# Matches kept at a time; a sync asks about each segment in turn, so few of the older ones are asked again.
KEPT = 200

# So many are put in their places one by one; with more it is faster to sort all again.
FEW = 200

# Matches are picked from everybody in order if one in so many is among them, and sorted if it is fewer.
MANY = 10

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
    """Everybody who answers to a query, in ascending order; told as they are in the workspace now."""

    def __init__(self, field: str, workspace: Workspace, ids: Iterable[str], order: "Matches | None" = None) -> None:
        """Takes them from an `order` of everybody, which is faster for many, or sorts them."""
        self._read = sort_value(field)
        self._workspace = workspace
        self._places: dict[str, int] | None = None
        self._keys: list[Key] = order.keys_of(ids) if order else sorted(map(self._key, self._present(ids)))

    def revise(self, answers: Mapping[str, Contact | None]) -> None:
        """Takes contacts as they are now; None for those who do not answer to the query, or not any more."""
        self._places = None
        present = [self._key(contact) for contact in answers.values() if contact]
        if len(answers) > FEW:
            self._keys = sorted([key for key in self._keys if key[2] not in answers] + present)
            return
        for contact_id in answers:
            self._remove(contact_id)
        for key in present:
            insort(self._keys, key)

    def keys_of(self, ids: Iterable[str]) -> list[Key]:
        """Of those contacts, in order."""
        if self._places is None:
            self._places = {key[2]: place for place, key in enumerate(self._keys)}
        places = map(self._places.get, ids)
        return [self._keys[place] for place in sorted(place for place in places if place is not None)]

    def whole(self) -> "Stretch":
        """All of them."""
        return Stretch(self, 0, len(self._keys))

    def between(self, span: Span) -> "Stretch":
        """Those whose value is a number in the span."""
        start, end = (bisect_left(self._keys, (1, second, "")) for second in span)
        return Stretch(self, start, max(start, end))

    def rows(self, start: int, end: int) -> list[Contact]:
        """The contacts from one place up to another one."""
        return self._present([key[2] for key in self._keys[start:end]])

    def places_beside(self, key: Key) -> tuple[int, int]:
        """Where those before the key end, and where those after it begin."""
        return bisect_left(self._keys, key), bisect_right(self._keys, key)

    def cursor(self, last: Contact, page: int) -> str:
        """Of the page that begins after that contact."""
        value = self._read(last)
        return base64.b64encode(msgspec.json.encode([value, last.id, page])).decode()

    def _key(self, contact: Contact) -> Key:
        return sort_key(self._read(contact), contact.id)

    def _present(self, ids: Iterable[str]) -> list[Contact]:
        return [contact for contact in map(self._workspace.contacts.get, ids) if contact]

    def _remove(self, contact_id: str) -> None:
        """It stands where one of the contact's versions, up to the present one, has its place."""
        for key in set(map(self._key, self._workspace.versions(contact_id))):
            place = bisect_left(self._keys, key)
            if self._keys[place : place + 1] == [key]:
                del self._keys[place]


@dataclass(frozen=True)
class Stretch:
    """Matches that stand side by side, from `start` up to `end`: right until the matches are revised."""

    matches: Matches
    start: int
    end: int

    def page(self, request: SearchRequest) -> Page:
        """The page that begins after the request's cursor."""
        start, end = self._bounds(request)
        contacts = self._rows(start, end, request)
        more = start > self.start if request.descending else end < self.end
        number = request.cursor.page
        following = self.matches.cursor(contacts[-1], number + 1) if more and contacts else None
        return Page(contacts, number, request.per_page, self.end - self.start, following)

    def rows_before(self, request: SearchRequest) -> list[Contact]:
        """The rows of the page before, that is, up to the request's cursor."""
        start, end = self._bounds(request)
        if request.descending:
            return self._rows(end, min(self.end, end + request.per_page), request)
        return self._rows(max(self.start, start - request.per_page), start, request)

    def ids(self) -> list[str]:
        """Of all of them."""
        return [contact.id for contact in self.matches.rows(self.start, self.end)]

    def _rows(self, start: int, end: int, request: SearchRequest) -> list[Contact]:
        contacts = self.matches.rows(start, end)
        return contacts[::-1] if request.descending else contacts

    def _bounds(self, request: SearchRequest) -> tuple[int, int]:
        """Where the page lies among the matches, read upwards whatever the order."""
        before, after = self._beside(request.cursor)
        if request.descending:
            return max(self.start, before - request.per_page), before
        return after, min(self.end, after + request.per_page)

    def _beside(self, cursor: Cursor) -> tuple[int, int]:
        """Where a page before the cursor ends, and where one after it begins; of the first one, either end."""
        if cursor is FIRST_PAGE:
            return self.end, self.start
        before, after = self.matches.places_beside(cursor.key)
        return max(self.start, min(self.end, before)), min(self.end, max(self.start, after))


class Moment(NamedTuple):
    """How much of what can change the answer to a query was known; `rolls` are those of the segments it names."""

    touched: int
    hidden: frozenset[str]
    rolls: tuple[tuple[Roll | None, int], ...]


class Searches:
    """Answers requests. What answered a query is `kept`, and later only those are asked whom something happened to."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.kept: dict[bytes, tuple[Moment, Matches]] = {}

    def matches(self, request: SearchRequest) -> Stretch:
        """Everybody who answers to the request now. Raises ApiError for a query that Intercom would refuse."""
        timezone = self._workspace.timezone if request.version.by_day else None
        if request.query is None:
            return self._matches(None, request.field, timezone).whole()
        self._parsed(request.query, timezone)
        query, span = window(request.query, request.field, _dates(timezone))
        matches = self._matches(query, request.field, timezone)
        return matches.whole() if span is None else matches.between(span)

    def _matches(self, query: Any, field: str, timezone: str | None) -> Matches:
        key = msgspec.json.encode([query, field, timezone])
        moment = self._moment(query)
        kept = self.kept.pop(key, None)
        changed = self._changed(kept[0], moment) if kept else None
        if kept is None or changed is None:
            matches = self._found(query, field, timezone, moment.hidden)
        else:
            matches = kept[1]
            if changed:
                matches.revise(self._answers(changed, self._filter(query, timezone), moment.hidden))
        self.kept[key] = (moment, matches)
        if len(self.kept) > KEPT:
            del self.kept[next(iter(self.kept))]
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
        return Both(()) if query in (None, ANYBODY) else self._parsed(query, timezone)

    def _parsed(self, query: Any, timezone: str | None) -> Filter:
        """By the days of `timezone`, if there is one."""
        return parse(query, Terms(self._members, _dates(timezone), self._between, self._workspace.refuses))

    def _found(self, query: Any, field: str, timezone: str | None, hidden: Set[str]) -> Matches:
        found = [contact_id for contact_id in self._ids(self._filter(query, timezone)) if contact_id not in hidden]
        is_worth_an_order = query is not None and len(found) * MANY > len(self._workspace.contacts)
        return Matches(field, self._workspace, found, self._everybody(field) if is_worth_an_order else None)

    def _ids(self, wanted: Filter) -> list[str]:
        """Of those who answer to it; also of some who are not there, if it names them."""
        contacts, candidates = self._workspace.contacts, wanted.candidates()
        # A copy, since a served workspace may be changed from another thread.
        asked = list(contacts if candidates is None else candidates)
        if wanted.is_exact():
            return asked
        present = [contact for contact in map(contacts.get, asked) if contact]
        return [contact.id for contact in filter(wanted.matches, present)]

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
        return self._everybody(field).between((low, high)).ids()

    def _roll(self, segment_id: str) -> Roll | None:
        segment = self._workspace.segments.get(segment_id)
        return self._workspace.roll(segment) if segment else None

    def _members(self, segment_id: str) -> Set[str]:
        roll = self._roll(segment_id)
        return roll.members if roll else set()


def _dates(timezone: str | None) -> Dates:
    return in_days_of(ZoneInfo(timezone)) if timezone else EXACT


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
