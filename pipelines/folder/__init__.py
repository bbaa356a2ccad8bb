"""The data folder: journal, lock, marks, dlt's working folder. It knows no database."""

from .data_folder import DataFolder
from .file_modes import in_one_step, owner_only
from .journal import Run, append_run, mark_removed, newest_run, read_journal, replace_in_journal, start_run
from .lock import AT_ONCE, Holder, Lock, LockRequest
from .plain_path import plain_path
from .working_files import extracted, is_loaded, normalized, pending_folders, state_in, subfolders

__all__ = [
    "AT_ONCE",
    "DataFolder",
    "Holder",
    "Lock",
    "LockRequest",
    "Run",
    "append_run",
    "extracted",
    "in_one_step",
    "is_loaded",
    "mark_removed",
    "newest_run",
    "normalized",
    "owner_only",
    "pending_folders",
    "plain_path",
    "read_journal",
    "replace_in_journal",
    "start_run",
    "state_in",
    "subfolders",
]
