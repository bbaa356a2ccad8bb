"""From extracted rows to raw tables."""

from .background import Background
from .contact_rows import Mentions, is_id, pseudonym
from .load import known_fields, load_package, part_store_of, source_state, state_in
from .loads import KEPT, delete_loads, drop_pending, loaded_rows
from .log_repair import LoadedRun, RawLog
from .packages import PendingPackage, pending_folders, pending_packages, stuck_packages_explained
from .part_store import PartStore
from .recovery import repair_packages, set_aside
from .runs_table import new_runs
from .working_folder import UNREADABLE, agreed, is_readable, restored

__all__ = [
    "KEPT",
    "UNREADABLE",
    "Background",
    "LoadedRun",
    "Mentions",
    "PartStore",
    "PendingPackage",
    "RawLog",
    "agreed",
    "delete_loads",
    "drop_pending",
    "is_id",
    "is_readable",
    "known_fields",
    "load_package",
    "loaded_rows",
    "new_runs",
    "part_store_of",
    "pending_folders",
    "pending_packages",
    "pseudonym",
    "repair_packages",
    "restored",
    "set_aside",
    "source_state",
    "state_in",
    "stuck_packages_explained",
]
