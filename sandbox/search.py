"""Contact search: sorted matches, kept until the workspace changes, and keyset pages of them."""

import base64
from bisect import bisect_left, bisect_right
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from sandbox.contacts import Contact
from sandbox.errors import ApiError
from sandbox.fields import sort_value
from sandbox.filters import Terms, parse, segment_ids
from sandbox.pages import Page
from sandbox.timestamps import EXACT, in_days_of
from sandbox.versions import Version
from sandbox.workspace import Workspace

DEFAULT_PER_PAGE = 50
MOST_PER_PAGE = 150
ORDERS = ("ascending", "descending")

# Matches kept at a time; a sync asks about each segment in turn, so few of the older ones are asked again.
KEPT = 200

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
    """Everybody who answered to a query at some moment, in ascending order."""

    def __init__(self, contacts: list[Contact], request: SearchRequest) -> None:
        self._read = sort_value(request.field)
        keyed = sorted((sort_key(self._read(contact), contact.id), contact) for contact in contacts)
        self._keys = [key for key, _ in keyed]
        self._contacts = [contact for _, contact in keyed]

    def page(self, request: SearchRequest) -> Page:
        """The page that begins after the request's cursor."""
        start, end = self._bounds(request)
        contacts = self._contacts[start:end]
        if request.descending:
            contacts.reverse()
        more = start > 0 if request.descending else end < len(self._contacts)
        following = self._cursor(contacts[-1], request.cursor.page + 1) if more and contacts else None
        return Page(contacts, request.cursor.page, request.per_page, len(self._contacts), following)

    def rows_before(self, request: SearchRequest) -> list[Contact]:
        """The rows of the page before, that is, up to the request's cursor."""
        start, end = self._bounds(request)
        if request.descending:
            return self._contacts[end : end + request.per_page][::-1]
        return self._contacts[max(0, start - request.per_page) : start]

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


class Searches:
    """Answers requests; a query is evaluated again only after a contact or a named segment's members changed."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._kept: dict[bytes, tuple[object, Matches]] = {}

    def matches(self, request: SearchRequest) -> Matches:
        """Everybody who answers to the request now. Raises ApiError for a query that Intercom would refuse."""
        timezone = self._workspace.timezone if request.version.by_day else None
        key = msgspec.json.encode([request.query, request.field, timezone, sorted(self._workspace.refuses)])
        hidden = self._workspace.unindexed()
        state = (self._workspace.revision, hidden, *map(self._stamp, sorted(segment_ids(request.query))))
        kept = self._kept.pop(key, None)
        if kept is None or kept[0] != state:
            kept = (state, Matches(self._found(request.query, timezone, hidden), request))
        self._kept[key] = kept
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return kept[1]

    def _stamp(self, segment_id: str) -> int:
        segment = self._workspace.segments.get(segment_id)
        return self._workspace.roll(segment).stamp if segment else 0

    def _members(self, segment_id: str) -> set[str]:
        segment = self._workspace.segments.get(segment_id)
        return self._workspace.roll(segment).members if segment else set()

    def _found(self, query: Any, timezone: str | None, hidden: Set[str]) -> list[Contact]:
        """By the days of `timezone`, if there is one; the list of everybody, which is no search, hides nobody."""
        contacts = self._workspace.contacts
        if query is None:
            return list(contacts.values())
        dates = in_days_of(ZoneInfo(timezone)) if timezone else EXACT
        wanted = parse(query, Terms(self._members, dates, self._workspace.refuses))
        candidates = wanted.candidates()
        # Copies, since a served workspace may be changed from another thread.
        asked = list(contacts.values()) if candidates is None else map(contacts.get, list(candidates))
        return [contact for contact in asked if contact and contact.id not in hidden and wanted.matches(contact)]


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
