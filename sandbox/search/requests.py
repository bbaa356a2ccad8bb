"""What a client searches for: its query, its sort order, its page."""

import base64
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from ..world import Version
from .errors import ApiError

DEFAULT_PER_PAGE = 50
MOST_PER_PAGE = 150
ORDERS = ("ascending", "descending")


class Cursor(NamedTuple):
    """The sort value and the id of the last row of a page, and the number of the page after it."""

    value: Any
    contact_id: str
    page: int

    def encoded(self) -> str:
        """The cursor as `starting_after`."""
        return base64.b64encode(msgspec.json.encode(list(self))).decode()


FIRST_PAGE = Cursor(None, "", 1)


@dataclass(frozen=True)
class SearchRequest:
    """A search for contacts. A `query` of None is the list of all contacts."""

    query: Any
    version: Version
    field: str = "updated_at"
    descending: bool = True
    per_page: int = DEFAULT_PER_PAGE
    cursor: Cursor = FIRST_PAGE


def read_request(body: bytes, version: Version) -> SearchRequest:
    """A search from the body of a POST. Its query is not validated here."""
    try:
        request = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise ApiError(400, "client_error", "The body is not a JSON object") from None
    if not isinstance(request.get("query"), dict):
        raise ApiError(400, "parameter_not_found", "query is required")
    pagination, sort = _object(request, "pagination"), _object(request, "sort")
    order = sort.get("order") or "descending"
    if version.checks_sort_order and order not in ORDERS:
        message = f"Invalid sort order '{order}'. Must be one of: {', '.join(ORDERS)}"
        raise ApiError(400, "invalid_sort_order", message)
    return SearchRequest(
        request["query"],
        version,
        field=str(sort.get("field") or "updated_at"),
        descending=order != "ascending",
        per_page=read_per_page(pagination.get("per_page"), DEFAULT_PER_PAGE),
        cursor=read_cursor(pagination.get("starting_after")),
    )


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
    """Intercom's answer to an unknown `starting_after`."""
    message = "Please try again using a starting_after value from a paginated response"
    return ApiError(400, "client_error", f"Invalid starting_after param. {message}")


def read_per_page(number: object, default: int) -> int:
    """A page size from a client: at least 1; above Intercom's maximum of 150 it is 150."""
    if number is None:
        return default
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ApiError(400, "invalid_per_page", "per_page is a number from 1 to 150")
    return min(number, MOST_PER_PAGE)


def _object(request: dict[str, Any], name: str) -> dict[str, Any]:
    value = request.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ApiError(400, "parameter_invalid", f"{name} is an object")
    return value
