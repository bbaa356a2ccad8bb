"""A workspace on a port of this machine."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

HOST = "127.0.0.1"


def listen(port: int = 0) -> socket.socket:
    """A socket that only this machine can reach; port 0 takes a free one."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    return listener


def address(listener: socket.socket) -> str:
    """The base URL of what is served there."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


def server(app: Starlette) -> uvicorn.Server:
    """Without uvicorn's own Date, since a workspace's clock tells another one."""
    config = uvicorn.Config(app, date_header=False, server_header=False, log_level="warning", lifespan="off")
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
