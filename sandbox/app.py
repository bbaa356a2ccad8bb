"""The HTTP face of a workspace: Intercom's paths, envelopes and errors."""

import re
from dataclasses import replace

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.contacts import Contact
from sandbox.errors import ApiError
from sandbox.filters import segment_ids
from sandbox.gate import Gate, Quota, error_response
from sandbox.pages import Page
from sandbox.search import Matches, Searches, SearchRequest, read_cursor, read_per_page, read_request
from sandbox.versions import Version
from sandbox.workspace import Workspace

# Intercom's default page of GET /contacts; search has another.
LIST_PER_PAGE = 10

MERGED = "This contact has been merged. See the 'Link' header for the canonical contact."


def create_app(workspace: Workspace, *, limit: int = 1666, latency: float = 0.0) -> Starlette:
    """An ASGI application over the workspace: `limit` calls in ten seconds, each `latency` seconds late.

    It answers in process (httpx.ASGITransport) as well as served; faults are asked for on `workspace.faults`.
    """
    gate = Middleware(Gate, workspace=workspace, quota=Quota(limit), latency=latency)
    endpoints = Endpoints(workspace)
    app = Starlette(
        routes=[
            Route("/me", endpoints.me),
            Route("/segments", endpoints.segments),
            Route("/segments/{segment_id}", endpoints.segment),
            Route("/contacts", endpoints.contacts),
            Route("/contacts/search", endpoints.search, methods=["POST"]),
            Route("/contacts/{contact_id}", endpoints.contact),
            Route("/contacts/{contact_id}/segments", endpoints.contact_segments),
        ],
        middleware=[gate],
        exception_handlers={ApiError: _answer_error, HTTPException: _answer_unknown},
    )
    app.router.redirect_slashes = False
    return app


class Endpoints:
    """One method per endpoint; each counts itself in the workspace's calls."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._searches = Searches(workspace)

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
            counted = [segment.json(count=len(self._workspace.roll(segment).members)) for segment in told]
            return _json({"type": "segment.list", "segments": counted})
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
        digits = re.match(r"\d*", query.get("per_page", str(LIST_PER_PAGE)))
        asked = SearchRequest(
            query=None,
            version=_version(request),
            field="created_at",
            per_page=read_per_page(int((digits and digits[0]) or 0), LIST_PER_PAGE),
            cursor=read_cursor(query.get("starting_after")),
        )
        return self._page(self._searches.matches(asked).page(asked), asked)

    async def search(self, request: Request) -> Response:
        """A page of those who answer to a query; faults that were asked for spoil it here."""
        self._workspace.calls["search"] += 1
        asked = read_request(await request.body(), _version(request))
        matches = self._searches.matches(asked)
        page = self._spoiled(matches.page(asked), matches, asked)
        return self._page(page, asked, url=str(request.url.replace(query="")))

    async def contact(self, request: Request) -> Response:
        """One contact."""
        self._workspace.calls["contact"] += 1
        self._refuse_merged(request)
        return _encoded(self._workspace.form(_version(request)).encoded(self._contact(request)))

    async def contact_segments(self, request: Request) -> Response:
        """The segments that a contact is in."""
        self._workspace.calls["contact_segments"] += 1
        contact = self._contact(request)
        segments = list(self._workspace.segments.values())
        joined = [segment for segment in segments if contact.id in self._workspace.roll(segment).members]
        return _json({"type": "list", "data": [segment.json() for segment in joined]})

    def _contact(self, request: Request) -> Contact:
        contact = self._workspace.contacts.get(request.path_params["contact_id"])
        if contact is None:
            raise ApiError(404, "not_found", "User Not Found")
        return contact

    def _refuse_merged(self, request: Request) -> None:
        """Intercom describes this answer for a contact itself, not for its segments."""
        survivor = self._workspace.survivor(request.path_params["contact_id"])
        if survivor and _version(request).tells_of_merges:
            headers = {"Link": f'</contacts/{survivor}>; rel="canonical"'}
            raise ApiError(410, "contact_merged", MERGED, headers)

    def _page(self, page: Page, asked: SearchRequest, *, url: str | None = None) -> Response:
        workspace = self._workspace
        return _encoded(page.json(workspace.form(asked.version), workspace.odd_pages_next, url=url))

    def _spoiled(self, page: Page, matches: Matches, asked: SearchRequest) -> Page:
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
