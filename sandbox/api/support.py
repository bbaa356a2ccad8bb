"""Endpoints of conversations and tickets."""

import base64
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..people import Json
from ..search import ApiError, invalid_cursor
from ..support import BadQuery, Day, parts_shown, shown_conversation, shown_ticket
from ..world import VERSIONS, WorkspaceState
from .parameters import NOT_IN_VERSION, json_response, page_number_of, per_page_of, version_of

PER_PAGE, MOST_PER_PAGE, MOST_DELETED = 20, 150, 60


def day_of(timezone: str) -> Day:
    """The days of a timezone, by which search may compare times."""
    zone = ZoneInfo(timezone)

    def day(second: int) -> tuple[int, int]:
        local = datetime.fromtimestamp(second, UTC).astimezone(zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return int(midnight.timestamp()), int((midnight + timedelta(days=1)).timestamp())

    return day


class SupportEndpoints:
    """One method per endpoint; each counts its calls."""

    def __init__(self, workspace: WorkspaceState) -> None:
        self._workspace = workspace

    def routes(self) -> list[Route]:
        """The lists of deleted conversations and of attributes come before single conversations."""
        return [
            Route("/conversations", self._conversations),
            Route("/conversations/search", self._search_conversations, methods=["POST"]),
            Route("/conversations/deleted", self._deleted),
            Route("/conversations/{number:int}", self._conversation),
            Route("/tickets/search", self._search_tickets, methods=["POST"]),
            Route("/tickets/{number:int}", self._ticket),
        ]

    async def _conversations(self, request: Request) -> Response:
        self._check(request, "conversations")
        listing: Json = {"query": {"field": "created_at", "operator": ">", "value": 0}}
        per_page = min(per_page_of(request, PER_PAGE), MOST_PER_PAGE)
        listing["pagination"] = {"per_page": per_page, "starting_after": request.query_params.get("starting_after")}
        return json_response(self._found("conversation", listing, self._shown(request)))

    async def _search_conversations(self, request: Request) -> Response:
        self._check(request, "conversations search")
        return json_response(self._found("conversation", await _body(request), self._shown(request)))

    async def _search_tickets(self, request: Request) -> Response:
        self._check(request, "tickets search", since="2.10")
        return json_response(self._found("ticket", await _body(request), self._shown_ticket(request)))

    async def _conversation(self, request: Request) -> Response:
        """One conversation, with its newest parts."""
        self._check(request, "conversation")
        key, desk = str(request.path_params["number"]), self._workspace.desk
        if key not in desk.conversations:
            raise ApiError(404, "not_found", "Resource Not Found")
        parts = {"conversation_parts": parts_shown(desk.parts[key], "conversation")}
        return json_response({**self._shown(request)(desk.conversations[key]), **parts})

    async def _ticket(self, request: Request) -> Response:
        self._check(request, "ticket", since="2.10")
        ticket = self._workspace.desk.tickets.get(str(request.path_params["number"]))
        if ticket is None:
            raise ApiError(404, "ticket_not_found", "Ticket not found")
        return json_response(self._shown_ticket(request)(ticket))

    async def _deleted(self, request: Request) -> Response:
        """The ids of deleted conversations, the newest first unless asked otherwise."""
        self._check(request, "deleted conversations", since="2.16")
        deleted = list(self._workspace.desk.deleted.items())
        rows = [{"type": "conversation", "id": key, "metrics_retained": True, "deleted_at": at} for key, at in deleted]
        rows.sort(key=lambda row: (row["deleted_at"], row["id"]), reverse=request.query_params.get("order") != "asc")
        page, per_page = page_number_of(request), min(per_page_of(request, PER_PAGE), MOST_DELETED)
        following = request.url.include_query_params(page=page + 1, per_page=per_page)
        pages = {"type": "pages", "page": page, "per_page": per_page, "total_pages": -(-len(rows) // per_page)}
        pages["next"] = str(following) if page * per_page < len(rows) else None
        shown = rows[(page - 1) * per_page : page * per_page]
        counted = {"total_count": len(rows), "pages": pages}
        return json_response({"type": "conversations.list", "conversations": shown, **counted})

    def _check(self, request: Request, counted: str, *, since: str = "2.7") -> None:
        self._workspace.calls[counted] += 1
        if not _has(request)(since):
            raise ApiError(400, "intercom_version_invalid", NOT_IN_VERSION)
        if self._workspace.desk.is_refused:
            raise ApiError(403, "forbidden", "The token lacks the scope of this list")

    def _shown(self, request: Request) -> Callable[[Json], Json]:
        parts, has = self._workspace.desk.parts, _has(request)
        return lambda one: shown_conversation(one, parts[one["id"]], has)

    def _shown_ticket(self, request: Request) -> Callable[[Json], Json]:
        parts, has = self._workspace.desk.parts, _has(request)
        return lambda one: shown_ticket(one, parts[one["id"]], has)

    def _found(self, kind: str, body: Json, shown: Callable[[Json], Json]) -> Json:
        """A page of a search."""
        desk, pagination, sort = self._workspace.desk, body.get("pagination") or {}, body.get("sort") or {}
        per_page = min(int(pagination.get("per_page") or PER_PAGE), MOST_PER_PAGE)
        if per_page > desk.heaviest:
            raise ApiError(500, "server_error", "The page is too large")
        field, is_descending = str(sort.get("field") or "updated_at"), sort.get("order") != "ascending"
        try:
            found = desk.search(kind, body.get("query") or {}, field, descending=is_descending)
        except BadQuery as error:
            raise ApiError(400, "invalid_field", str(error)) from None
        places = (desk.place(one, field) for one in found)
        start = _start(places, pagination.get("starting_after"), is_descending=is_descending)
        rows = found[start : start + per_page]
        pages: Json = {"type": "pages", "page": start // per_page + 1, "per_page": per_page}
        pages["total_pages"] = -(-len(found) // per_page)
        if start + per_page < len(found):
            pages["next"] = {"page": start // per_page + 2, "starting_after": _cursor(desk.place(rows[-1], field))}
        if desk.short:
            rows = rows[: desk.short.pop(0)]
        answer = {"type": f"{kind}.list", f"{kind}s": [shown(one) for one in rows]}
        return {**answer, "total_count": len(found), "pages": pages}


def _has(request: Request) -> Callable[[str], bool]:
    names = list(VERSIONS)
    here = names.index(version_of(request).name)
    return lambda since: here >= names.index(since)


async def _body(request: Request) -> Json:
    try:
        return msgspec.json.decode(await request.body(), type=dict[str, Any])
    except msgspec.MsgspecError:
        raise ApiError(400, "client_error", "The body is not a JSON object") from None


def _cursor(place: tuple[int, int]) -> str:
    return base64.b64encode(msgspec.json.encode(place)).decode()


def _start(places: Iterable[tuple[int, int]], cursor: str | None, *, is_descending: bool) -> int:
    """Where the page of a cursor starts: behind its record, which may have moved or disappeared."""
    if not cursor:
        return 0
    try:
        after = msgspec.json.decode(base64.b64decode(cursor, validate=True), type=tuple[int, int])
    except (ValueError, msgspec.MsgspecError):
        raise invalid_cursor() from None
    number = 0
    for number, place in enumerate(places, start=1):
        if place != after and (place < after) == is_descending:
            return number - 1
    return number
