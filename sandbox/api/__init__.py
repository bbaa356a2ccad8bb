"""Intercom's HTTP API over a workspace."""

from .app import create_app
from .quota import Quota
from .server import address, in_process, listen, server, serving

__all__ = ["Quota", "address", "create_app", "in_process", "listen", "server", "serving"]
