"""Intercom's HTTP API over the made-up workspace, with its quota."""

from .app import create_app
from .server import address, in_process, listen, server, serving

__all__ = ["address", "create_app", "in_process", "listen", "server", "serving"]
