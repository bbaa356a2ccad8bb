"""The dlt resources, and the sources of a first load and of a backfill."""

from .backfill import intercom_backfill
from .contacts import HighWaterMark, contact_attribute_changes, contacts
from .dispositions import INSERT_ONLY, intercom_empty_tables
from .extraction import Readings, own_reading
from .first_load import intercom_first_load
from .lists import list_resources, resources_of
from .memberships import contact_activities, contact_removals, membership_changes, scans, segment_scans, segments
from .state import saved_state
from .workspace import data_attributes, workspaces

__all__ = [
    "INSERT_ONLY",
    "HighWaterMark",
    "Readings",
    "contact_activities",
    "contact_attribute_changes",
    "contact_removals",
    "contacts",
    "data_attributes",
    "intercom_backfill",
    "intercom_empty_tables",
    "intercom_first_load",
    "list_resources",
    "membership_changes",
    "own_reading",
    "resources_of",
    "saved_state",
    "scans",
    "segment_scans",
    "segments",
    "workspaces",
]
