"""`status`: the last runs, freshness, and what the warehouse does not know."""

from .segments import Days, SegmentStatus
from .status import EndedRun, Holder, Status, StatusQuery, WorkspaceStatus

__all__ = ["Days", "EndedRun", "Holder", "SegmentStatus", "Status", "StatusQuery", "WorkspaceStatus"]
