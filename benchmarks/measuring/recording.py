"""A sandbox that records every search for a replay; it takes the options of `python -m sandbox`.

Its clock stands still, so that no member changes by age, however long it is read. It starts an hour after the newest
change, because contacts changed in the second of a run's start may change again. Its answers have the real time in
`Date`, with which a run compares the clock of its host.
"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import typer
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox import __main__ as serving
from sandbox.api import create_app
from sandbox.world import Workspace

from .served import RECORDED_SEARCHES


class SearchRecorder:
    """ASGI middleware that records the bodies of searches and returns them on its own path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._bodies: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == RECORDED_SEARCHES:
            await JSONResponse(self._bodies)(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == "/contacts/search":
            await self._app(scope, self._recorded(receive), _dated(send))
        else:
            await self._app(scope, receive, _dated(send))

    def _recorded(self, receive: Receive) -> Receive:
        parts: list[bytes] = []

        async def record() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    self._bodies.append(b"".join(parts).decode())
            return message

        return record


def _dated(send: Send) -> Send:
    async def send_dated(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Date"] = format_datetime(datetime.now(UTC), usegmt=True)
        await send(message)

    return send_dated


def recording_app(workspace: Workspace, *, limit: int = 1666, latency: float = 0.0) -> Starlette:
    """The sandbox's app behind a recorder."""
    workspace.advance(hours=1)
    app = create_app(workspace, limit=limit, latency=latency)
    app.add_middleware(SearchRecorder)
    return app


def standing_still() -> float:
    return 0.0


if __name__ == "__main__":
    # The sandbox's command line creates the workspace and the app, and has no options for these two.
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    still = partial(Workspace, monotonic=standing_still, start=an_hour_ago)
    vars(serving).update(create_app=recording_app, Workspace=still)
    typer.run(serving.main)
