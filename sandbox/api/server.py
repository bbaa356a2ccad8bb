"""Serves an application on a port of this machine, or in process."""

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

from ..faults import ConnectionDropped

HOST = "127.0.0.1"


def listen(port: int = 0) -> socket.socket:
    """A socket that only this machine can reach; port 0 takes a free port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen()  # from here on, requests wait for the server to start instead of being refused
    return listener


def address(listener: socket.socket) -> str:
    """The base URL of the socket."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


def server(app: Starlette) -> uvicorn.Server:
    """A server without uvicorn's own Date header, because the workspace has its own clock."""
    config = uvicorn.Config(
        app,
        http=DroppableConnection,
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
    """Serves the app from another thread while the block runs; yields its base URL."""
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
    """A transport for `httpx.AsyncClient(transport=...)`, without a port. Faults and timeouts are as on a network."""
    return InProcessTransport(app)


class InProcessTransport(httpx.AsyncBaseTransport):
    """httpx.ASGITransport with dropped connections, and with the client's read timeout."""

    def __init__(self, app: Starlette) -> None:
        self._transport = httpx.ASGITransport(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        seconds = request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(seconds):
                return await self._transport.handle_async_request(request)
        except ConnectionDropped:
            raise httpx.RemoteProtocolError("the sandbox closed the connection", request=request) from None
        except TimeoutError:
            raise httpx.ReadTimeout(f"the sandbox gave no answer in {seconds} s", request=request) from None


class DroppableConnection(H11Protocol):
    """A connection that the app can drop. With uvicorn alone it ends only with an answer or a traceback."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._inner_app, self.app = self.app, self._answer

    async def _answer(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        try:
            await self._inner_app(scope, receive, send)
        except ConnectionDropped:
            await self._close(receive)

    async def _close(self, receive: Callable[[], Awaitable[Any]]) -> None:
        """Closes the connection after the whole request has come; before that, the client would see a reset."""
        while self.cycle.more_body and not self.cycle.disconnected:
            await receive()
        self.transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass
