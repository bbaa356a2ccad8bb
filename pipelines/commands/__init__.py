"""One module or package a command."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .abort_pending import Abort, Aborted, Waiting
    from .backfill import Backfill, Backfilled, BackfillPreview
    from .check import Finding, run_checks
    from .export import Export, Exported, RawExport
    from .forget import Forget, Forgotten
    from .models import LakeBuild, Rebuild
    from .report import Report
    from .resources import KnownResources, known_resources
    from .sync import Outcome, Sync

__all__ = [
    "Abort",
    "Aborted",
    "Backfill",
    "BackfillPreview",
    "Backfilled",
    "Export",
    "Exported",
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
NAMES = {
    "abort_pending": ("Abort", "Aborted", "Waiting"),
    "backfill": ("Backfill", "BackfillPreview", "Backfilled"),
    "check": ("Finding", "run_checks"),
    "export": ("Export", "Exported", "RawExport"),
    "forget": ("Forget", "Forgotten"),
    "models": ("LakeBuild", "Rebuild"),
    "report": ("Report",),
    "resources": ("KnownResources", "known_resources"),
    "sync": ("Outcome", "Sync"),
}
MODULES = {name: module for module, names in NAMES.items() for name in names}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Imports a command when it is first asked for, with the libraries that only it needs."""
        if name not in MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{MODULES[name]}", __name__), name)
