"""Ways to a workspace: a port of this machine, or straight into it."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..world import Dropped

HOST = "127.0.0.1"


def listen(port: int = 0) -> socket.socket:
    """A socket that only this machine can reach; port 0 takes a free one."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen()  # from here on calls wait for the server to start; until now they would be refused
    return listener


def address(listener: socket.socket) -> str:
    """The base URL of what is served there."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


def server(app: Starlette) -> uvicorn.Server:
    """Without uvicorn's own Date, since a workspace's clock tells another one."""
    config = uvicorn.Config(
        app,
        http=Line,
        date_header=False,
        server_header=False,
        proxy_headers=False,
        access_log=False,
        log_level="warning",
        lifespan="off",
    )
    return uvicorn.Server(config)


@contextmanager
def serving(app: Starlette, *, port: int = 0) -> Iterator[str]:
    """Serves the app from another thread while the block runs; gives its base URL."""
    listener, running = listen(port), server(app)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield address(listener)
    finally:
        running.should_exit = True
        thread.join()
        listener.close()


def in_process(app: Starlette) -> httpx.AsyncBaseTransport:
    """The app without a port, for `httpx.AsyncClient(transport=...)`: faults and timeouts are those of a network."""
    return InProcess(app)


class InProcess(httpx.AsyncBaseTransport):
    """httpx.ASGITransport with connections that can be cut, and with the client's read timeout."""

    def __init__(self, app: Starlette) -> None:
        self._whole = httpx.ASGITransport(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answers, or fails as a network would."""
        seconds = request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(seconds):
                return await self._whole.handle_async_request(request)
        except Dropped:
            raise httpx.RemoteProtocolError("the sandbox closed the connection", request=request) from None
        except TimeoutError:
            raise httpx.ReadTimeout(f"the sandbox gave no answer in {seconds} s", request=request) from None


class Line(H11Protocol):
    """A connection that the app can cut: uvicorn knows no other end of it than an answer or a traceback."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._whole, self.app = self.app, self._answer

    async def _answer(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        try:
            await self._whole(scope, receive, send)
        except Dropped:
            await self._close(receive)

    async def _close(self, receive: Callable[[], Awaitable[Any]]) -> None:
        """Closes after the request came whole (else the client sees a reset), and returns when it is closed."""
        while self.cycle.more_body and not self.cycle.disconnected:
            await receive()
        self.transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass
