"""Endpoints of the lists beside contacts and segments, in Intercom's shapes of pages."""

from itertools import chain
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..lists import Collection, Workplace, shown_dataset, statistics_of
from ..people import DAY_SECONDS, Json
from ..search import ApiError
from ..world import WorkspaceState
from .parameters import NOT_IN_VERSION, is_before, json_response, page_number_of, per_page_of, version_of

SCROLL_PAGE = 100
MOST_CONVERSATIONS = 20
LONGEST_PERIOD = 31 * DAY_SECONDS


class ListEndpoints:
    """The endpoints of all lists; each counts its calls by the list's name."""

    def __init__(self, workspace: WorkspaceState) -> None:
        self._workspace = workspace

    def routes(self) -> list[Route]:
        """A route for each list, and one for each single record."""
        found = self._place.collections.values()
        lists = (Route(one.path, self._listing(one)) for one in found)
        records = (Route(one.lookup, self._record(one)) for one in found if one.lookup)
        companies = (
            Route("/companies/search", self._search_companies, methods=["POST"]),
            Route("/companies/list", self._list_companies, methods=["POST"]),
            Route("/companies", self._companies_of_a_segment),
            Route("/companies/{id}/segments", self._segments_of_a_company),
        )
        transcripts = Route("/calls/search", self._transcripts, methods=["POST"])
        return [*companies, transcripts, *chain(lists, records)]

    @property
    def _place(self) -> Workplace:
        return self._workspace.lists

    def _listing(self, collection: Collection) -> Any:
        async def answer(request: Request) -> Response:
            self._check(collection, request)
            parent = request.path_params.get("id", "")
            scrolls = collection.paging == "scroll"
            page = self._scrolled(collection, request) if scrolls else self._page(collection, request, parent)
            return json_response(page)

        return answer

    def _record(self, collection: Collection) -> Any:
        async def answer(request: Request) -> Response:
            self._check(collection, request, f"{collection.name} by id")
            record = collection.of().get(request.path_params["id"])
            if record is None:
                raise ApiError(404, collection.absent, "Resource Not Found")
            if collection.name == "articles":
                record = {**record, "statistics": statistics_of(record)}
            return json_response(record)

        return answer

    def _check(self, collection: Collection, request: Request, counted: str = "") -> None:
        self._workspace.calls[counted or collection.name] += 1
        if is_before(request, collection.since):
            raise ApiError(400, "intercom_version_invalid", NOT_IN_VERSION)
        if collection.is_refused:
            raise ApiError(403, "forbidden", "The token lacks the scope of this list")

    def _page(self, collection: Collection, request: Request, parent: str) -> Json:
        records = self._dated(collection, request) if collection.is_dated else collection.listed(parent)
        if collection.parents and parent not in self._parents(collection):
            raise ApiError(404, self._place[collection.parents].absent, "Resource Not Found")
        if collection.name == "reporting_datasets":
            records = [shown_dataset(one, has_qualified_ids=not is_before(request, "2.16")) for one in records]
        if collection.paging == "whole":
            return {"type": "list", collection.rows: records}
        per_page = min(per_page_of(request, collection.per_page), collection.most)
        page = int(request.query_params.get("starting_after") or page_number_of(request))
        total = len(records if collection.is_dated else collection.of(parent))
        shown = records[(page - 1) * per_page : page * per_page]
        counted = {"page": page, "per_page": per_page, "total_pages": -(-total // per_page)}
        kind = "activity_log.list" if collection.is_dated else "list"
        answer: Json = {"type": kind, collection.rows: shown}
        answer |= {} if collection.is_dated else {"total_count": total}
        if collection.paging == "totals":
            return answer | counted
        following = request.url.include_query_params(page=page + 1, per_page=per_page)
        has_more = page * per_page < total
        return answer | {"pages": {"type": "pages", **counted, **_next(collection, page, str(following), has_more)}}

    def _dated(self, collection: Collection, request: Request) -> list[Json]:
        """The records of the period that is asked for. Intercom fails where that is long."""
        after, before = (request.query_params.get(f"created_at_{one}", "") for one in ("after", "before"))
        if not after.isdigit():
            raise ApiError(400, "parameter_not_found", "created_at_after is a required parameter")
        now = int(self._workspace.now().timestamp())
        until = int(before) if before.isdigit() else now
        if min(until, now) - int(after) > LONGEST_PERIOD:
            raise ApiError(500, "server_error", "The period is too long")
        return collection.created_between(int(after), until)

    def _parents(self, collection: Collection) -> set[str]:
        """The ids that a child's list can be asked for."""
        if collection.parents == collection.name:
            return set(collection.records)
        return set(self._place[collection.parents].of())

    def _scrolled(self, collection: Collection, request: Request) -> Json:
        """A page of a scroll. Its parameter holds the number of the next page; the page after the last one is empty."""
        if self._place.scroll_taken:
            self._place.scroll_taken -= 1
            raise ApiError(400, "scroll_exists", "scroll already exists for this workspace")
        number = int(request.query_params.get("scroll_param", "0"))
        shown = collection.listed()[number * SCROLL_PAGE : (number + 1) * SCROLL_PAGE]
        if self._place.is_silent_of_segments:
            shown = [{**one, "segments": {"type": "segment.list", "segments": []}} for one in shown]
        return {"type": "list", "data": shown, "pages": None, "total_count": None, "scroll_param": str(number + 1)}

    async def _list_companies(self, request: Request) -> Response:
        """The first companies, and how many there are: later pages are read by a scroll."""
        self._check(self._place["companies"], request, "companies list")
        companies = list(self._place["companies"].of().values())
        per_page = min(per_page_of(request, 15), 60)
        pages = {"type": "pages", "page": 1, "per_page": per_page, "total_pages": -(-len(companies) // per_page)}
        shown = companies[:per_page]
        return json_response({"type": "list", "data": shown, "total_count": len(companies), "pages": pages})

    async def _companies_of_a_segment(self, request: Request) -> Response:
        """The companies of a segment: without one, Intercom refuses the list."""
        self._check(self._place["companies"], request, "companies of a segment")
        segment_id = request.query_params.get("segment_id", "")
        if segment_id not in self._place.company_segments:
            code = 404 if segment_id else 400
            raise ApiError(code, "company_not_found" if segment_id else "parameter_not_found", "Company Not Found")
        companies = self._place["companies"].of()
        found = [companies[one] for one in self._place.companies_in(segment_id)]
        per_page, page = min(per_page_of(request, 15), 60), page_number_of(request)
        pages = {"type": "pages", "page": page, "per_page": per_page, "total_pages": -(-len(found) // per_page)}
        shown = found[(page - 1) * per_page : page * per_page]
        return json_response({"type": "list", "data": shown, "total_count": len(found), "pages": pages})

    async def _transcripts(self, request: Request) -> Response:
        """The calls of some conversations, with their transcripts."""
        self._check(self._place["calls"], request, "calls search")
        asked = msgspec.json.decode(await request.body()).get("conversation_ids") or []
        if not 0 < len(asked) <= MOST_CONVERSATIONS:
            raise ApiError(400, "parameter_invalid", f"conversation_ids has 1 to {MOST_CONVERSATIONS} elements")
        found = [call for one in asked for call in self._place.transcribed(one)]
        return json_response({"type": "list", "data": found})

    async def _segments_of_a_company(self, request: Request) -> Response:
        self._check(self._place["companies"], request, "segments of a company")
        company = self._place["companies"].of().get(request.path_params["id"])
        if company is None:
            raise ApiError(404, self._place["companies"].absent, "Company Not Found")
        return json_response({"type": "list", "data": company["segments"]["segments"]})

    async def _search_companies(self, request: Request) -> Response:
        """The companies that were updated after a time: the only question that is simulated."""
        self._workspace.calls["companies search"] += 1
        if not version_of(request).name == "Preview":
            raise ApiError(404, "not_found", "Resource Not Found")
        body = msgspec.json.decode(await request.body())
        found = [one for one in self._place["companies"].of().values() if one["updated_at"] > body["query"]["value"]]
        found.sort(key=lambda one: (one["created_at"], one["id"]))
        per_page = min(int(body["pagination"].get("per_page", 20)), 150)
        page = int(body["pagination"].get("starting_after", 1))
        pages: Json = {"type": "pages", "page": page, "per_page": per_page, "total_pages": -(-len(found) // per_page)}
        if page * per_page < len(found):
            pages["next"] = {"starting_after": str(page + 1)}
        shown = found[(page - 1) * per_page : page * per_page]
        return json_response({"type": "list", "data": shown, "total_count": len(found), "pages": pages})


def _next(collection: Collection, page: int, url: str, has_more: bool) -> Json:
    """How a page leads to the next one."""
    if collection.paging == "cursor":
        return {"next": {"starting_after": str(page + 1)}} if has_more else {}
    return {"next": url if has_more else None} if collection.paging == "urls" else {}
