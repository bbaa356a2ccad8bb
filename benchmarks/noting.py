"""A sandbox that notes every search, to receive the same pages again: takes what `python -m sandbox` takes.

Its clock stands still, so that nobody comes or goes by age: nothing changes in it, however long it is read. It is an
hour past the newest change, since who changed in the second in which a run began may have changed again.
"""

from functools import partial

import typer
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox import __main__ as serving
from sandbox.api import create_app
from sandbox.world import Workspace

SEARCHES = "/_searches"
"""Answers the bodies of all searches so far."""


class Notes:
    """ASGI middleware that keeps the bodies of searches."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._bodies: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with the notes, or takes one and lets the request through."""
        if scope["type"] == "http" and scope["path"] == SEARCHES:
            await JSONResponse(self._bodies)(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == "/contacts/search":
            await self._app(scope, self._noted(receive), send)
        else:
            await self._app(scope, receive, send)

    def _noted(self, receive: Receive) -> Receive:
        parts: list[bytes] = []

        async def noted() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    self._bodies.append(b"".join(parts).decode())
            return message

        return noted


def noting_app(workspace: Workspace, *, limit: int = 1666, latency: float = 0.0) -> Starlette:
    """The sandbox's app with the notes before it."""
    workspace.advance(hours=1)
    app = create_app(workspace, limit=limit, latency=latency)
    app.add_middleware(Notes)
    return app


def standing_still() -> float:
    """No second passes."""
    return 0.0


if __name__ == "__main__":
    # The sandbox's command line alone knows how workspaces are described, and has no options for these two.
    vars(serving).update(create_app=noting_app, Workspace=partial(Workspace, monotonic=standing_still))
    typer.run(serving.main)
