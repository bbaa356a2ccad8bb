"""Contact search as Intercom answers it."""

from .errors import ApiError
from .filters import segment_ids
from .matches import MatchRange
from .pages import Page
from .requests import (
    DEFAULT_PER_PAGE,
    SearchRequest,
    invalid_cursor,
    read_cursor,
    read_per_page,
    read_request,
)
from .searches import Searches

__all__ = [
    "DEFAULT_PER_PAGE",
    "ApiError",
    "MatchRange",
    "Page",
    "SearchRequest",
    "Searches",
    "invalid_cursor",
    "read_cursor",
    "read_per_page",
    "read_request",
    "segment_ids",
]
