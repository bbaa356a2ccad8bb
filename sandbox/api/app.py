"""The HTTP face of a workspace: Intercom's paths, envelopes and errors."""

import re
import time
from dataclasses import replace

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..people import Activity, Contact, Json
from ..search import (
    DEFAULT_PER_PAGE,
    ApiError,
    Page,
    Searches,
    SearchRequest,
    Stretch,
    invalid_cursor,
    read_cursor,
    read_per_page,
    read_request,
    segment_ids,
)
from ..segments import Segment
from ..world import Version, Workspace
from .gate import ACCOUNT_PATH, Gate, Quota, error_response

# Intercom's default page of GET /contacts; search has another.
LIST_PER_PAGE = 10

MERGED = "This contact has been merged. See the 'Link' header for the canonical contact."

NOT_IN_VERSION = "Requested resource is not available in current API version"


def create_app(workspace: Workspace, *, limit: int = 1666, latency: float = 0.0) -> Starlette:
    """An ASGI application over the workspace: `limit` calls in ten seconds, each `latency` seconds late.

    It answers in process (httpx.ASGITransport) as well as served; faults are asked for on `workspace.faults`.
    """
    gate = Middleware(Gate, workspace=workspace, quota=Quota(limit), latency=latency)
    endpoints = Endpoints(workspace)
    app = Starlette(
        routes=[
            Route(ACCOUNT_PATH, endpoints.account),
            Route("/me", endpoints.me),
            Route("/segments", endpoints.segments),
            Route("/segments/{segment_id}", endpoints.segment),
            Route("/contacts", endpoints.contacts),
            Route("/contacts/search", endpoints.search, methods=["POST"]),
            Route("/contacts/activities", endpoints.activities),
            Route("/contacts/deleted", endpoints.deleted),
            Route("/contacts/{contact_id}", endpoints.contact),
            Route("/contacts/{contact_id}/segments", endpoints.contact_segments),
        ],
        middleware=[gate],
        exception_handlers={ApiError: _answer_error, HTTPException: _answer_unknown},
    )
    app.router.redirect_slashes = False
    return app


class Endpoints:
    """One method per endpoint; each of Intercom's counts itself in the workspace's calls."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._searches = Searches(workspace)

    async def account(self, request: Request) -> Response:
        """What there is and what was asked of it, told without token, quota, latency and faults.

        `refused` are the answers of 429, `spoilt` the calls that met a fault, by its kind; `cpu_seconds` are those of
        the whole process.
        """
        workspace = self._workspace
        segments = list(workspace.segments.values())
        account = {
            "contacts": len(workspace.contacts),
            "segments": {segment.id: len(workspace.roll(segment).members) for segment in segments},
            "calls": workspace.calls,
            "refused": workspace.refused,
            "spoilt": workspace.faults.spoilt,
            "cpu_seconds": time.process_time(),
        }
        return _json(account)

    async def me(self, request: Request) -> Response:
        """The admin whose token it is, and the workspace."""
        self._workspace.calls["me"] += 1
        app = {
            "type": "app",
            "id_code": self._workspace.workspace_id,
            "name": f"Sandbox {self._workspace.workspace_id}",
            "created_at": 1_500_000_000,
            "secure": False,
            "identity_verification": False,
            "timezone": self._workspace.timezone,
            "region": self._workspace.region,
        }
        admin = {"type": "admin", "id": "814860", "email": "admin@example.com", "name": "Sandbox Admin"}
        avatar = {"type": "avatar", "image_url": "https://avatars.example.com/814860/128.png"}
        return _json({**admin, "email_verified": True, "has_inbox_seat": True, "avatar": avatar, "app": app})

    async def segments(self, request: Request) -> Response:
        """All segments; with include_count=true each with the number of its members."""
        self._workspace.calls["segments"] += 1
        told = list(self._workspace.segments.values())
        fault = self._workspace.faults.lists.take(lambda _: True)
        if fault:
            told = told[: fault.remaining(len(told))]
        if request.query_params.get("include_count") == "true":
            return _json({"type": "segment.list", "segments": list(map(self._counted, told))})
        return _json({"type": "segment.list", "segments": [segment.json() for segment in told]})

    async def segment(self, request: Request) -> Response:
        """One segment."""
        self._workspace.calls["segment"] += 1
        segment = self._workspace.segments.get(request.path_params["segment_id"])
        if segment is None:
            raise ApiError(404, "not_found", "Resource Not Found")
        return _json(segment.json())

    async def contacts(self, request: Request) -> Response:
        """Everybody, the newest first. Intercom does not say in which order it lists."""
        self._workspace.calls["contacts"] += 1
        query = request.query_params
        asked = SearchRequest(
            query=None,
            version=_version(request),
            field="created_at",
            per_page=_per_page(request, LIST_PER_PAGE),
            cursor=read_cursor(query.get("starting_after")),
        )
        return self._page(self._searches.matches(asked).page(asked), asked)

    async def search(self, request: Request) -> Response:
        """A page of those who answer to a query; faults that were asked for spoil it here."""
        self._workspace.calls["search"] += 1
        asked = read_request(await request.body(), _version(request))
        matches = self._searches.matches(asked)
        page = self._spoiled(matches.page(asked), matches, asked)
        return self._page(page, asked, url=request.url)

    async def activities(self, request: Request) -> Response:
        """A page of the feed. Its last id is the cursor of the next one even if it is the last page for now."""
        self._workspace.calls["activities"] += 1
        _refuse_older(_version(request))
        per_page = _per_page(request, DEFAULT_PER_PAGE)
        told = [] if self._workspace.faults.feeds.take(lambda _: True) else self._activities(request, per_page)
        following = {"next": {"starting_after": told[-1].id}} if told else {}
        pages = {"type": "pages", "per_page": per_page, **following}
        return _json({"type": "list", "data": [activity.json for activity in told], "pages": pages})

    async def deleted(self, request: Request) -> Response:
        """A page of the contacts that are not active, in the order in which they went; Intercom's own is unknown."""
        self._workspace.calls["deleted"] += 1
        _refuse_older(_version(request))
        page, per_page = _page_number(request), _per_page(request, LIST_PER_PAGE)
        removals = list(self._workspace.removals.values())
        now = int(self._workspace.now().timestamp())
        escapes_email = request.query_params.get("escape_identity") != "false"
        told = removals[(page - 1) * per_page : page * per_page]
        rows = [removal.json(now, escapes_email=escapes_email) for removal in told]
        total_pages = -(-len(removals) // per_page)
        pages = {"type": "pages", "page": page, "per_page": per_page, "total_pages": total_pages}
        return _json({"type": "list", "data": rows, "pages": pages, "total_count": len(removals)})

    async def contact(self, request: Request) -> Response:
        """One contact, an archived or blocked one too, with a flag that says so.

        The flag is in Intercom's answers to archiving and blocking; no document tells what it answers here.
        """
        self._workspace.calls["contact"] += 1
        self._refuse_merged(request)
        return _encoded(self._workspace.form(_version(request)).encoded(self._contact(request)))

    async def contact_segments(self, request: Request) -> Response:
        """The segments that a contact is in: none, for an archived or blocked one."""
        self._workspace.calls["contact_segments"] += 1
        contact = self._contact(request)
        segments = list(self._workspace.segments.values())
        joined = [segment for segment in segments if contact.id in self._workspace.roll(segment).members]
        return _json({"type": "list", "data": [segment.json() for segment in joined]})

    def _counted(self, segment: Segment) -> Json:
        size = len(self._workspace.roll(segment).members)
        return {**segment.json(), "count": self._workspace.told_count(size)}

    def _contact(self, request: Request) -> Contact:
        contact_id = request.path_params["contact_id"]
        contact = self._workspace.contacts.get(contact_id)
        removal = self._workspace.removals.get(contact_id)
        if contact is None and removal:
            contact = removal.remnant
        if contact is None:
            raise ApiError(404, "not_found", "User Not Found")
        return contact

    def _activities(self, request: Request, how_many: int) -> list[Activity]:
        try:
            return self._workspace.feed.after(request.query_params.get("starting_after"), how_many)
        except KeyError:
            raise invalid_cursor() from None

    def _refuse_merged(self, request: Request) -> None:
        """Intercom describes this answer for a contact itself, not for its segments."""
        survivor = self._workspace.survivor(request.path_params["contact_id"])
        if survivor and _version(request).tells_of_merges:
            headers = {"Link": f'</contacts/{survivor}>; rel="canonical"'}
            raise ApiError(410, "contact_merged", MERGED, headers)

    def _page(self, page: Page, asked: SearchRequest, *, url: URL | None = None) -> Response:
        workspace = self._workspace
        return _encoded(page.json(workspace.form(asked.version), workspace.odd_pages_next, url=url))

    def _spoiled(self, page: Page, matches: Stretch, asked: SearchRequest) -> Page:
        named = segment_ids(asked.query)
        fault = self._workspace.faults.pages.take(lambda fault: fault.hits(named, page.number))
        if fault is None:
            return page
        if fault.how == "repeat":
            return replace(page, contacts=matches.rows_before(asked))
        kept = page.contacts[: len(page.contacts) // 2] if fault.how == "half" else []
        return replace(page, contacts=kept, next=page.next if fault.keeps_next else None)


def _json(body: object) -> Response:
    return _encoded(msgspec.json.encode(body))


def _encoded(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _per_page(request: Request, default: int) -> int:
    return read_per_page(_leading_number(request.query_params.get("per_page", str(default))), default)


def _page_number(request: Request) -> int:
    """From 1 on; Intercom does not say how it refuses others."""
    number = _leading_number(request.query_params.get("page", "1"))
    if not number:
        raise ApiError(400, "parameter_invalid", "page is a number from 1 on")
    return number


def _leading_number(text: str) -> int:
    """Intercom reads leading digits only; 0 if there are none."""
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else 0


def _refuse_older(version: Version) -> None:
    if not version.tells_of_removals:
        raise ApiError(400, "intercom_version_invalid", NOT_IN_VERSION)


def _version(request: Request) -> Version:
    """The version that was asked for; the gate has found it among those that there are."""
    version: Version = request.state.version
    return version


async def _answer_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):  # Starlette's handlers are typed for any exception
        raise error
    response = error_response(error, request.state.request_id)
    response.headers.update(error.headers)
    return response


async def _answer_unknown(request: Request, error: Exception) -> Response:
    """Intercom answers 404 to an unknown path, and to a known one asked with another method."""
    return error_response(ApiError(404, "not_found", "Resource Not Found"), request.state.request_id)
