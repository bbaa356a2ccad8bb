"""The data folder: journal, lock, file modes. It knows no database."""

from .file_modes import narrow, owner_only
from .journal import Run, _runs, append_run, newest_run, read_journal, replace_in_journal, start_run
from .lock import AT_ONCE, Holder, Lock, LockRequest

__all__ = [
    "AT_ONCE",
    "Holder",
    "Lock",
    "LockRequest",
    "Run",
    "_runs",
    "append_run",
    "narrow",
    "newest_run",
    "owner_only",
    "read_journal",
    "replace_in_journal",
    "start_run",
]
