"""`status`: the last runs, freshness, gaps, and lists that were not read."""

from .lists import ListStatus, newest_readings
from .segments import Days, SegmentStatus, ranges
from .status import RunSummary, Status, StatusQuery, WorkspaceStatus, last_good_sync

__all__ = [
    "Days",
    "ListStatus",
    "RunSummary",
    "SegmentStatus",
    "Status",
    "StatusQuery",
    "WorkspaceStatus",
    "last_good_sync",
    "newest_readings",
    "ranges",
]
