"""The conversations and tickets of a workspace: what happens in them, and how Intercom shows and finds them."""

from .desk import Desk
from .life import live_support
from .search import BadQuery, Day, found
from .shown import parts_shown, shown_conversation, shown_ticket
from .statistics import statistics_of

__all__ = [
    "BadQuery",
    "Day",
    "Desk",
    "found",
    "live_support",
    "parts_shown",
    "shown_conversation",
    "shown_ticket",
    "statistics_of",
]
