"""`status`: the last runs, freshness, and gaps."""

from .segments import Days, SegmentStatus
from .status import RunSummary, Status, StatusQuery, WorkspaceStatus

__all__ = ["Days", "RunSummary", "SegmentStatus", "Status", "StatusQuery", "WorkspaceStatus"]
