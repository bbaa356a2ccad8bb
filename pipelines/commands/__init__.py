"""One module or package a command."""

from .abort_pending import Abort, Aborted, Waiting
from .backfill import DEFAULT_CHUNK, LATEST_ONLY, NO_HISTORY, Backfill, Backfilled, BackfillPreview
from .check import run_checks
from .forget import Forget, Forgotten
from .models import rebuild
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
    "Forget",
    "Forgotten",
    "Outcome",
    "Sync",
    "Waiting",
    "rebuild",
    "run_checks",
]
