"""Contact search: queries, pages, windows of creation time, lookups by id."""

from .by_id import Lookup, look_up
from .contacts import ROWS_A_TABLE, ContactSearch, Times, read_contacts
from .members import Interrupted, MemberRead, ReadSlots, Sighting
from .pages import BY_CREATION, PagingEnd, count, knows_segments, newest, next_cursor
from .progress import Progress, Tally
from .queries import (
    SEGMENT,
    TAG,
    Dates,
    Window,
    all_of,
    any_of,
    everyone,
    is_after,
    is_equal,
    members_of,
    updated_after,
)
from .windows import EVERYTHING, SMALLEST_WINDOW, Span, Windows, date_of, window_pages

__all__ = [
    "BY_CREATION",
    "EVERYTHING",
    "ROWS_A_TABLE",
    "SEGMENT",
    "SMALLEST_WINDOW",
    "TAG",
    "ContactSearch",
    "Dates",
    "Interrupted",
    "Lookup",
    "MemberRead",
    "PagingEnd",
    "Progress",
    "ReadSlots",
    "Sighting",
    "Span",
    "Tally",
    "Times",
    "Window",
    "Windows",
    "all_of",
    "any_of",
    "count",
    "date_of",
    "everyone",
    "is_after",
    "is_equal",
    "knows_segments",
    "look_up",
    "members_of",
    "newest",
    "next_cursor",
    "read_contacts",
    "updated_after",
    "window_pages",
]
