"""What happens to a request before its endpoint: latency, faults, token, quota, API version."""

import asyncio
import hmac
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..faults import ConnectionDropped, ConnectionFault, ResponseFault
from ..search import ApiError
from ..world import VERSIONS, WorkspaceState
from .quota import WINDOW_SECONDS, Allowance, Quota

# The sandbox's own path, for programs that measure a client against it.
STATUS_PATH = "/_sandbox"

SERVER_ERROR = ("server_error", "Something went wrong on our side")
CODES: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "Bad request"),
    401: ("unauthorized", "Access Token Invalid"),
    404: ("not_found", "Resource Not Found"),
    429: ("rate_limit_exceeded", "Exceeded rate limit"),
}


class ApiMiddleware:
    """ASGI middleware in front of all endpoints and error handlers."""

    def __init__(self, app: ASGIApp, *, workspace: WorkspaceState, quota: Quota, latency: float) -> None:
        self._app = app
        self._workspace = workspace
        self._quota = quota
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == STATUS_PATH:
            await self._app(scope, receive, send)
            return
        if self._latency:
            await asyncio.sleep(self._latency)
        request = Request(scope)
        fault = self._workspace.faults.take(request.url.path)
        send = await _faulty(fault, send) if isinstance(fault, ConnectionFault) else send
        now = self._workspace.now()
        headers = {"Date": format_datetime(now, usegmt=True)}
        response = self._response(request, fault if isinstance(fault, ResponseFault) else None, now, headers)
        await (response or self._app)(scope, receive, _with_headers(headers, send))

    def _response(
        self, request: Request, fault: ResponseFault | None, now: datetime, headers: dict[str, str]
    ) -> Response | None:
        """The response without an endpoint; None if the request may pass. Adds to `headers` those of every answer."""
        if fault and fault.from_load_balancer:
            return _load_balancer_error(fault)
        request_id = headers["x-request-id"] = request.state.request_id = str(uuid4())
        if not self._is_authorized(request):
            return error_response(ApiError(401, *CODES[401]), request_id)
        allowance = self._quota.spend()
        headers |= allowance.headers(now)
        if fault:
            return self._fault_response(fault, headers, request_id)
        return self._refusal(request, allowance, request_id)

    def _is_authorized(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), self._workspace.token.encode())

    def _refusal(self, request: Request, allowance: Allowance, request_id: str) -> Response | None:
        if allowance.remaining < 0:
            self._workspace.refused += 1
            message = f"Exceeded rate limit of {allowance.limit} in {WINDOW_SECONDS}_seconds"
            return error_response(ApiError(429, "rate_limit_exceeded", message), request_id)
        request.state.version = VERSIONS.get(request.headers.get("intercom-version", ""))
        if request.state.version is None:
            message = "The requested version could not be found"
            return error_response(ApiError(400, "intercom_version_invalid", message), request_id)
        return None

    def _fault_response(self, fault: ResponseFault, headers: dict[str, str], request_id: str) -> Response:
        if fault.status == 200:
            return Response(media_type="application/json", headers=dict(fault.headers))
        if fault.status == 429:
            self._workspace.refused += 1
            headers["X-RateLimit-Remaining"] = "0"
        code, message = CODES.get(fault.status, SERVER_ERROR)
        response = error_response(ApiError(fault.status, code, fault.message or message), request_id)
        response.headers.update(fault.headers)
        return response


def error_response(error: ApiError, request_id: str) -> Response:
    """An error in Intercom's envelope."""
    return Response(error.body(request_id), error.status, media_type="application/json")


def _load_balancer_error(fault: ResponseFault) -> Response:
    page = f"<html><head><title>{fault.status}</title></head><body>nginx</body></html>"
    return HTMLResponse(page, fault.status, headers=dict(fault.headers))


async def _faulty(fault: ConnectionFault, send: Send) -> Send:
    """Applies the fault: now, or in the returned `send`."""
    if fault.name == "drop":
        raise ConnectionDropped
    if fault.name == "slow":
        await asyncio.sleep(fault.delay_seconds)
        return send
    return _sending_half(send, closes=fault.name == "truncated")


def _sending_half(send: Send, *, closes: bool) -> Send:
    """Sends half of a body that comes in one piece; then closes the connection, or announces half of the length."""
    start: Message = {}

    async def send_half(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        half = message["body"][: len(message["body"]) // 2]
        if not closes:
            MutableHeaders(scope=start)["Content-Length"] = str(len(half))
        await send(start)
        await send({**message, "body": half, "more_body": closes})
        if closes:
            raise ConnectionDropped

    return send_half


def _with_headers(headers: Mapping[str, str], send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers
