"""Which contact is in which segment: plan, scans, evidence, removals."""

from .evidence import Clock, Guard, Memory, Removal, Scan
from .options import ContactChanges, ReadingResult, RunOptions, SavedState, WorkspaceSnapshot, take_snapshot
from .plan import BYTES_A_CONTACT, LastSweep, Limits, Plan, Planned, RememberedSegment, SegmentVersion, Selection, plan
from .removals import feed_pages, reported_removals
from .scan_all import Scanning, changes_of, scans_of
from .scanner import Counts, Scanner

__all__ = [
    "BYTES_A_CONTACT",
    "Clock",
    "ContactChanges",
    "Counts",
    "Guard",
    "LastSweep",
    "Limits",
    "Memory",
    "Plan",
    "Planned",
    "ReadingResult",
    "RememberedSegment",
    "Removal",
    "RunOptions",
    "SavedState",
    "Scan",
    "Scanner",
    "Scanning",
    "SegmentVersion",
    "Selection",
    "WorkspaceSnapshot",
    "changes_of",
    "feed_pages",
    "plan",
    "reported_removals",
    "scans_of",
    "take_snapshot",
]
