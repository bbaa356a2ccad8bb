"""From extracted rows to raw tables."""

from .background import Background
from .contact_rows import Mentions, is_id, pseudonym
from .load import known_fields, load_package, part_store_of, source_state
from .packages import PendingPackage, pending_folders, pending_packages, stuck_packages_explained
from .part_store import PartStore
from .recovery import repair_packages, set_aside
from .runs_table import new_runs

__all__ = [
    "Background",
    "Mentions",
    "PartStore",
    "PendingPackage",
    "is_id",
    "known_fields",
    "load_package",
    "new_runs",
    "part_store_of",
    "pending_folders",
    "pending_packages",
    "pseudonym",
    "repair_packages",
    "set_aside",
    "source_state",
    "stuck_packages_explained",
]
