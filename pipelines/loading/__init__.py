"""From extracted rows to raw tables."""

from .background import Background
from .contact_rows import Mentions, is_id, pseudonym
from .load import absent_tables, client_of, known_fields, load_package, part_store_of, source_state, with_all_tables
from .loads import KEPT, delete_loads, delete_rows, drop_pending, loaded_rows
from .packages import PendingPackage, pending_packages, stuck_packages_explained
from .part_store import PartStore
from .recovery import set_aside
from .runs_table import new_runs
from .working_folder import UNREADABLE, agreed, delete_states, is_usable, restored

__all__ = [
    "KEPT",
    "UNREADABLE",
    "Background",
    "Mentions",
    "PartStore",
    "PendingPackage",
    "absent_tables",
    "agreed",
    "client_of",
    "delete_loads",
    "delete_rows",
    "delete_states",
    "drop_pending",
    "is_id",
    "is_usable",
    "known_fields",
    "load_package",
    "loaded_rows",
    "new_runs",
    "part_store_of",
    "pending_packages",
    "pseudonym",
    "restored",
    "set_aside",
    "source_state",
    "stuck_packages_explained",
    "with_all_tables",
]
