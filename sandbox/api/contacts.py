"""Endpoints of contacts, and of contacts that were removed."""

from dataclasses import replace

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response

from ..people import Activity, Contact, DataEvent, Json, all_ids
from ..search import (
    DEFAULT_PER_PAGE,
    ApiError,
    MatchRange,
    Page,
    Searches,
    SearchRequest,
    invalid_cursor,
    read_cursor,
    read_request,
    segment_ids,
)
from ..world import WorkspaceState
from .parameters import (
    LIST_PER_PAGE,
    encoded_response,
    json_response,
    page_number_of,
    per_page_of,
    refuse_older_versions,
    version_of,
)

EVENTS_A_PAGE, MOST_EVENTS = 15, 50
NOTED_AT = 1_700_000_000
MERGED = "This contact has been merged. See the 'Link' header for the canonical contact."


class ContactEndpoints:
    """One method per endpoint; each counts its calls."""

    def __init__(self, workspace: WorkspaceState) -> None:
        self._workspace = workspace
        self._searches = Searches(workspace)

    async def contacts(self, request: Request) -> Response:
        """A page of all contacts, newest first. Intercom does not document its order."""
        self._workspace.calls["contacts"] += 1
        listing = SearchRequest(
            query=None,
            version=version_of(request),
            field="created_at",
            per_page=per_page_of(request, LIST_PER_PAGE),
            cursor=read_cursor(request.query_params.get("starting_after")),
        )
        return self._page(self._searches.matches(listing).page(listing), listing)

    async def search(self, request: Request) -> Response:
        """A page of the contacts that match a query, with the page faults."""
        self._workspace.calls["search"] += 1
        search = read_request(await request.body(), version_of(request))
        matches = self._searches.matches(search)
        page = self._with_faults(matches.page(search), matches, search)
        return self._page(page, search, url=request.url)

    async def contact(self, request: Request) -> Response:
        """One contact, also an archived or blocked one."""
        self._workspace.calls["contact"] += 1
        self._refuse_merged(request)
        return encoded_response(self._workspace.encoder(version_of(request)).encode(self._contact(request)))

    async def contact_segments(self, request: Request) -> Response:
        """The segments of a contact; an archived or blocked contact is in none."""
        self._workspace.calls["contact_segments"] += 1
        contact = self._contact(request)
        segments, memberships = list(self._workspace.segments.values()), self._workspace.memberships
        joined = [segment for segment in segments if contact.id in memberships.current(segment).ids]
        return json_response({"type": "list", "data": [segment.json() for segment in joined]})

    async def companies(self, request: Request) -> Response:
        """The companies of a contact, in pages that lead on by URLs."""
        found = self._listed(request, "companies")
        page, per_page = page_number_of(request), per_page_of(request, LIST_PER_PAGE)
        shown = found[(page - 1) * per_page : page * per_page]
        following = request.url.include_query_params(page=page + 1, per_page=per_page)
        pages = {"type": "pages", "page": page, "per_page": per_page, "total_pages": -(-len(found) // per_page)}
        pages["next"] = str(following) if page * per_page < len(found) else None
        companies = [{"type": "company", "id": one, "name": f"Company {one}"} for one in shown]
        return json_response({"type": "list", "data": companies, "pages": pages, "total_count": len(found)})

    async def tags(self, request: Request) -> Response:
        """The tags of a contact."""
        tags = [{"type": "tag", "id": one, "name": f"Tag {one}"} for one in self._listed(request, "tags")]
        return json_response({"type": "list", "data": tags})

    async def notes(self, request: Request) -> Response:
        """The notes about a contact."""
        author = {"type": "admin", "id": "991000001", "name": "Teammate 1", "email": "teammate1@example.com"}
        notes = [
            {"type": "note", "id": one, "created_at": NOTED_AT, "author": author, "body": f"<p>Note {one}</p>"}
            for one in self._listed(request, "notes")
        ]
        return json_response({"type": "list", "data": notes, "total_count": len(notes)})

    def _listed(self, request: Request, name: str) -> list[str]:
        """The ids of a whole list of a contact."""
        self._workspace.calls[f"contact_{name}"] += 1
        contact = self._contact(request)
        return all_ids(contact.id, contact.attributes[name])

    def _contact(self, request: Request) -> Contact:
        contact_id = request.path_params["contact_id"]
        contact = self._workspace.contacts.get(contact_id)
        removal = self._workspace.records.removals.get(contact_id)
        if contact is None and removal:
            contact = removal.contact_by_id
        if contact is None:
            raise ApiError(404, "not_found", "User Not Found")
        return contact

    def _refuse_merged(self, request: Request) -> None:
        """Intercom documents this answer for a contact itself, not for its segments."""
        survivor = self._workspace.records.survivor(request.path_params["contact_id"])
        if survivor and version_of(request).reports_merges:
            headers = {"Link": f'</contacts/{survivor}>; rel="canonical"'}
            raise ApiError(410, "contact_merged", MERGED, headers)

    def _page(self, page: Page, search: SearchRequest, *, url: URL | None = None) -> Response:
        workspace = self._workspace
        return encoded_response(page.json(workspace.encoder(search.version), workspace.next_page_style, url=url))

    def _with_faults(self, page: Page, matches: MatchRange, search: SearchRequest) -> Page:
        searched = segment_ids(search.query)
        fault = self._workspace.faults.pages.take(lambda fault: fault.hits(searched, page.number))
        if fault is None:
            return page
        if fault.how == "repeat":
            return replace(page, contacts=matches.previous_page(search))
        kept = page.contacts[: len(page.contacts) // 2] if fault.how == "half" else []
        return replace(page, contacts=kept, next=page.next if fault.keeps_next else None)


class RemovalEndpoints:
    """Endpoints that report removed contacts."""

    def __init__(self, workspace: WorkspaceState) -> None:
        self._workspace = workspace

    async def activities(self, request: Request) -> Response:
        """A page of the feed. The cursor of the next page is the last id, also on the last page."""
        self._workspace.calls["activities"] += 1
        refuse_older_versions(request)
        per_page = per_page_of(request, DEFAULT_PER_PAGE)
        activities = [] if self._workspace.faults.feeds.take(lambda _: True) else self._activities(request, per_page)
        following = {"next": {"starting_after": activities[-1].id}} if activities else {}
        pages = {"type": "pages", "per_page": per_page, **following}
        return json_response({"type": "list", "data": [activity.json for activity in activities], "pages": pages})

    async def deleted(self, request: Request) -> Response:
        """A page of the removed contacts, in the order of their removal. Intercom does not document its order."""
        self._workspace.calls["deleted"] += 1
        refuse_older_versions(request)
        page, per_page = page_number_of(request), per_page_of(request, LIST_PER_PAGE)
        removals = list(self._workspace.records.removals.values())
        now = int(self._workspace.now().timestamp())
        escapes_email = request.query_params.get("escape_identity") != "false"
        listed = removals[(page - 1) * per_page : page * per_page]
        rows = [removal.json(now, escapes_email=escapes_email) for removal in listed]
        total_pages = -(-len(removals) // per_page)
        pages = {"type": "pages", "page": page, "per_page": per_page, "total_pages": total_pages}
        return json_response({"type": "list", "data": rows, "pages": pages, "total_count": len(removals)})

    def _activities(self, request: Request, limit: int) -> list[Activity]:
        try:
            return self._workspace.feed.after(request.query_params.get("starting_after"), limit)
        except KeyError:
            raise invalid_cursor() from None


class EventEndpoints:
    """The events of single contacts."""

    def __init__(self, workspace: WorkspaceState) -> None:
        self._workspace = workspace

    async def events(self, request: Request) -> Response:
        """A page of a contact's events, the newest first, or their summary."""
        asked, events = request.query_params, self._workspace.events
        self._workspace.calls["event summaries" if asked.get("summary") == "true" else "events"] += 1
        if events.is_refused:
            raise ApiError(403, "forbidden", "The token lacks the scope of this list")
        if asked.get("type") != "user":
            raise ApiError(400, "parameter_invalid", "type is user")
        contact = self._workspace.contacts.get(asked.get("intercom_user_id", ""))
        if contact is None:
            raise ApiError(404, "not_found", "User Not Found")
        if asked.get("summary") == "true":
            person = {"email": contact.value("email") or "", "intercom_user_id": contact.id}
            person["user_id"] = contact.value("external_id") or ""
            return json_response({"type": "event.summary", **person, "events": list(events.summaries(contact.id))})
        return json_response(self._page(request, events.listed(contact.id, int(self._workspace.now().timestamp()))))

    def _page(self, request: Request, listed: list[DataEvent]) -> Json:
        before, per_page = request.query_params.get("before", ""), per_page_of(request, EVENTS_A_PAGE)
        found = [one for one in listed if not before.isdigit() or one.cursor < int(before)]
        shown = found[: min(per_page, MOST_EVENTS)]
        pages = {"since": str(request.url.include_query_params(since=shown[0].cursor if shown else 0))}
        if len(shown) < len(found):
            pages["next"] = str(request.url.include_query_params(before=shown[-1].cursor))
        return {"type": "event.list", "events": [one.json for one in shown], "pages": pages}
