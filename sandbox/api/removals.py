"""Endpoints that report removed contacts."""

from starlette.requests import Request
from starlette.responses import Response

from ..people import Activity
from ..search import DEFAULT_PER_PAGE, invalid_cursor
from ..world import WorkspaceState
from .parameters import LIST_PER_PAGE, json_response, page_number_of, per_page_of, refuse_older_versions


class RemovalEndpoints:
    """One method per endpoint; each counts its calls."""

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
