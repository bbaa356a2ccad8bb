"""Contact search as Intercom answers it."""

from .errors import ApiError
from .filters import segment_ids
from .pages import Page
from .searches import (
    DEFAULT_PER_PAGE,
    Searches,
    SearchRequest,
    Stretch,
    invalid_cursor,
    read_cursor,
    read_per_page,
    read_request,
)

__all__ = [
    "DEFAULT_PER_PAGE",
    "ApiError",
    "Page",
    "SearchRequest",
    "Searches",
    "Stretch",
    "invalid_cursor",
    "read_cursor",
    "read_per_page",
    "read_request",
    "segment_ids",
]
