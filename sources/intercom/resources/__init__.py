"""The dlt resources."""

from .contacts import INSERT_ONLY, UPSERT, HighWaterMark, Loadable, chunk_contacts, contacts, kept, kept_contacts
from .memberships import contact_activities, contact_removals, membership_changes, scans, segment_scans, segments
from .state import saved

__all__ = [
    "INSERT_ONLY",
    "UPSERT",
    "HighWaterMark",
    "Loadable",
    "chunk_contacts",
    "contact_activities",
    "contact_removals",
    "contacts",
    "kept",
    "kept_contacts",
    "membership_changes",
    "saved",
    "scans",
    "segment_scans",
    "segments",
]
