"""Intercom's HTTP API over a workspace."""

from .app import create_app
from .contacts import NOTED_AT
from .quota import Quota
from .server import address, in_process, listen, server, serving
from .support import day_of

__all__ = ["NOTED_AT", "Quota", "address", "create_app", "day_of", "in_process", "listen", "server", "serving"]
