"""What a request passes before an endpoint sees it: load balancer, token, quota, version; and the headers it gets."""

import asyncio
import hmac
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..search import ApiError
from ..world import VERSIONS, AnswerFault, Dropped, LineFault, Workspace

WINDOW_SECONDS = 10

# No path of Intercom's: what is asked there is the sandbox, by whoever measures a client against it.
ACCOUNT_PATH = "/_sandbox"

SERVER_ERROR = ("server_error", "Something went wrong on our side")
CODES: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "Bad request"),
    401: ("unauthorized", "Access Token Invalid"),
    404: ("not_found", "Resource Not Found"),
    429: ("rate_limit_exceeded", "Exceeded rate limit"),
}


@dataclass(frozen=True)
class Allowance:
    """What is left of the quota. `remaining` is below zero for a call too many."""

    limit: int
    remaining: int
    seconds_left: float

    def headers(self, now: datetime) -> dict[str, str]:
        """The quota as Intercom tells it; the reset is a second on the workspace's clock."""
        reset = (now + timedelta(seconds=self.seconds_left)).timestamp()
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.remaining)),
            "X-RateLimit-Reset": str(math.ceil(reset)),
        }


class Quota:
    """So many calls in every window of ten real seconds; what is left over is lost."""

    def __init__(self, limit: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self._began = monotonic()
        self._window = 0
        self._spent = 0

    def spend(self) -> Allowance:
        """Takes one call from the window that is open now."""
        window, into_it = divmod(self._monotonic() - self._began, WINDOW_SECONDS)
        if window != self._window:
            self._window, self._spent = int(window), 0
        self._spent += 1
        return Allowance(self._limit, self._limit - self._spent, WINDOW_SECONDS - into_it)


class Gate:
    """ASGI middleware before every endpoint and every error."""

    def __init__(self, app: ASGIApp, *, workspace: Workspace, quota: Quota, latency: float) -> None:
        self._app = app
        self._workspace = workspace
        self._quota = quota
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers by itself, or lets the request through."""
        if scope["type"] != "http" or scope["path"] == ACCOUNT_PATH:
            await self._app(scope, receive, send)
            return
        if self._latency:
            await asyncio.sleep(self._latency)
        request = Request(scope)
        fault = self._workspace.faults.take(request.url.path)
        line = await _line(fault, send) if isinstance(fault, LineFault) else send
        now = self._workspace.now()
        headers = {"Date": format_datetime(now, usegmt=True)}
        answer = self._answer(request, fault if isinstance(fault, AnswerFault) else None, now, headers)
        await (answer or self._app)(scope, receive, _adding(headers, line))

    def _answer(
        self, request: Request, fault: AnswerFault | None, now: datetime, headers: dict[str, str]
    ) -> Response | None:
        """The answer of whoever stops the request; `headers` gains what every answer from here on carries."""
        if fault and fault.from_load_balancer:
            return _outage(fault)
        request_id = headers["x-request-id"] = request.state.request_id = str(uuid4())
        if not self._is_authorized(request):
            return error_response(ApiError(401, *CODES[401]), request_id)
        allowance = self._quota.spend()
        headers |= allowance.headers(now)
        if fault:
            return self._broken(fault, headers, request_id)
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

    def _broken(self, fault: AnswerFault, headers: dict[str, str], request_id: str) -> Response:
        if fault.status == 200:
            return Response(media_type="application/json", headers=dict(fault.headers))
        if fault.status == 429:
            self._workspace.refused += 1
            headers["X-RateLimit-Remaining"] = "0"
        response = error_response(ApiError(fault.status, *CODES.get(fault.status, SERVER_ERROR)), request_id)
        response.headers.update(fault.headers)
        return response


def error_response(error: ApiError, request_id: str) -> Response:
    """Intercom's envelope around one error."""
    return Response(error.body(request_id), error.status, media_type="application/json")


def _outage(fault: AnswerFault) -> Response:
    page = f"<html><head><title>{fault.status}</title></head><body>nginx</body></html>"
    return HTMLResponse(page, fault.status, headers=dict(fault.headers))


async def _line(fault: LineFault, send: Send) -> Send:
    """What the fault makes of the way back to the client."""
    if fault.name == "drop":
        raise Dropped
    if fault.name == "slow":
        await asyncio.sleep(fault.late_seconds)
        return send
    return _halving(send, closes=fault.name == "truncated")


def _halving(send: Send, *, closes: bool) -> Send:
    """Sends half of a body that comes in one piece, then closes the connection or owns up to the half's length."""
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
            raise Dropped

    return send_half


def _adding(headers: Mapping[str, str], send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers
