"""The ASGI application: Intercom's paths and error handlers."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..search import ApiError
from ..world import WorkspaceState
from .contacts import ContactEndpoints, EventEndpoints, RemovalEndpoints
from .lists import ListEndpoints
from .middleware import STATUS_PATH, ApiMiddleware, error_response
from .quota import Quota
from .support import SupportEndpoints
from .workspace import ExportEndpoints, ReportingEndpoints, WorkspaceEndpoints


def create_app(workspace: WorkspaceState, *, limit: int = 1666, latency: float = 0.0) -> Starlette:
    """An ASGI application over a workspace, for a server or for httpx.ASGITransport.

    Args:
        workspace: it may change while the application runs; `workspace.faults` takes faults.
        limit: the number of calls allowed in ten seconds.
        latency: seconds by which every answer is delayed.
    """
    app = Starlette(
        routes=_routes(workspace),
        middleware=[Middleware(ApiMiddleware, workspace=workspace, quota=Quota(limit), latency=latency)],
        exception_handlers={ApiError: _answer_error, HTTPException: _answer_unknown},
    )
    app.router.redirect_slashes = False
    return app


def _routes(workspace: WorkspaceState) -> list[Route]:
    whole, contacts, removals = WorkspaceEndpoints(workspace), ContactEndpoints(workspace), RemovalEndpoints(workspace)
    exports, reporting = ExportEndpoints(workspace), ReportingEndpoints(workspace)
    return [
        Route(STATUS_PATH, whole.status),
        Route("/me", whole.me),
        Route("/data_attributes", whole.data_attributes),
        Route("/segments", whole.segments),
        Route("/segments/{segment_id}", whole.segment),
        Route("/contacts", contacts.contacts),
        Route("/contacts/search", contacts.search, methods=["POST"]),
        Route("/contacts/activities", removals.activities),
        Route("/contacts/deleted", removals.deleted),
        Route("/contacts/{contact_id}", contacts.contact),
        Route("/contacts/{contact_id}/segments", contacts.contact_segments),
        Route("/contacts/{contact_id}/companies", contacts.companies),
        Route("/contacts/{contact_id}/tags", contacts.tags),
        Route("/contacts/{contact_id}/notes", contacts.notes),
        Route("/events", EventEndpoints(workspace).events),
        Route("/export/content/data", exports.make, methods=["POST"]),
        Route("/export/content/data/{id}", exports.state),
        Route("/download/content/data/{id}", exports.download),
        *SupportEndpoints(workspace).routes(),
        *ListEndpoints(workspace).routes(),
        Route("/export/reporting_data/enqueue", reporting.make, methods=["POST"]),
        Route("/export/reporting_data/{id}", reporting.state),
        Route("/download/reporting_data/{id}", reporting.download),
    ]


async def _answer_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):  # Starlette's handlers are typed for any exception
        raise error
    response = error_response(error, request.state.request_id)
    response.headers.update(error.headers)
    return response


async def _answer_unknown(request: Request, error: Exception) -> Response:
    """Intercom answers 404 to an unknown path, and to another method of a known path."""
    return error_response(ApiError(404, "not_found", "Resource Not Found"), request.state.request_id)
