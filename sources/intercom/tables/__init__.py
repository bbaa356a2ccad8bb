"""The raw tables: schemas, contact rows, field drift, privacy."""

from .contacts import CONTACTS, CONTACTS_KEY, NESTED_CONTACT_FIELDS, Contact, SentContact, read_contact
from .drift import Fields, KnownFields
from .privacy import Privacy, problems
from .schemas import (
    CONTACT_ACTIVITIES,
    CONTACT_ACTIVITIES_KEY,
    CONTACT_REMOVALS,
    CONTACT_REMOVALS_KEY,
    MEMBERSHIP_CHANGES,
    MEMBERSHIP_CHANGES_KEY,
    RUNS,
    RUNS_KEY,
    SEGMENT_SCANS,
    SEGMENT_SCANS_KEY,
    SEGMENTS,
    SEGMENTS_KEY,
    changes_table,
    rows_table,
)

__all__ = [
    "CONTACTS",
    "CONTACTS_KEY",
    "CONTACT_ACTIVITIES",
    "CONTACT_ACTIVITIES_KEY",
    "CONTACT_REMOVALS",
    "CONTACT_REMOVALS_KEY",
    "MEMBERSHIP_CHANGES",
    "MEMBERSHIP_CHANGES_KEY",
    "NESTED_CONTACT_FIELDS",
    "RUNS",
    "RUNS_KEY",
    "SEGMENTS",
    "SEGMENTS_KEY",
    "SEGMENT_SCANS",
    "SEGMENT_SCANS_KEY",
    "Contact",
    "Fields",
    "KnownFields",
    "Privacy",
    "SentContact",
    "changes_table",
    "problems",
    "read_contact",
    "rows_table",
]
