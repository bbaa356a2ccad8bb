"""One module or package a command."""

from .abort_pending import Abort, Aborted, Waiting
from .backfill import DEFAULT_CHUNK, LATEST_ONLY, NO_HISTORY, Backfill, Backfilled, BackfillPreview
from .check import Finding, run_checks
from .export import Export, Exported, FileFormat, RawExport
from .forget import Forget, Forgotten
from .models import LakeBuild, Rebuild
from .report import Report
from .resources import KnownResources, known_resources
from .sync import Outcome, Sync

__all__ = [
    "DEFAULT_CHUNK",
    "LATEST_ONLY",
    "NO_HISTORY",
    "Abort",
    "Aborted",
    "Backfill",
    "BackfillPreview",
    "Backfilled",
    "Export",
    "Exported",
    "FileFormat",
    "Finding",
    "Forget",
    "Forgotten",
    "KnownResources",
    "LakeBuild",
    "Outcome",
    "RawExport",
    "Rebuild",
    "Report",
    "Sync",
    "Waiting",
    "known_resources",
    "run_checks",
]
