"""The catalogue: a record for each list of Intercom's that is loaded beside contacts and segments."""

from .choice import ALL, BY_NAME, DEFAULT, EMBEDDED, RESOURCES, TABLES, choice_problems, chosen, grain
from .companies import COMPANIES, COMPANIES_OF_A_SEGMENT, SEGMENTS_OF_A_COMPANY, TAGS
from .contacts import CONTACT_TAGS, DATA_EVENTS
from .conversations import CALL_TRANSCRIPTS, CALLS, CONVERSATION_PARTS, CONVERSATIONS, CONVERSATIONS_DELETED
from .form import (
    CONTACTS,
    OBJECT_TYPES,
    Column,
    Exported,
    Grouped,
    Nested,
    Parent,
    Periods,
    Resource,
    Search,
    Searched,
    Table,
)
from .groups import ELSEWHERE, NOT_LISTED
from .people import ADMIN_ACTIVITY_LOGS, REPORTING_DATASETS, REPORTING_EXPORTS

__all__ = [
    "ADMIN_ACTIVITY_LOGS",
    "ALL",
    "BY_NAME",
    "CALLS",
    "CALL_TRANSCRIPTS",
    "COMPANIES",
    "COMPANIES_OF_A_SEGMENT",
    "CONTACTS",
    "CONTACT_TAGS",
    "CONVERSATIONS",
    "CONVERSATIONS_DELETED",
    "CONVERSATION_PARTS",
    "DATA_EVENTS",
    "DEFAULT",
    "ELSEWHERE",
    "EMBEDDED",
    "NOT_LISTED",
    "OBJECT_TYPES",
    "REPORTING_DATASETS",
    "REPORTING_EXPORTS",
    "RESOURCES",
    "SEGMENTS_OF_A_COMPANY",
    "TABLES",
    "TAGS",
    "Column",
    "Exported",
    "Grouped",
    "Nested",
    "Parent",
    "Periods",
    "Resource",
    "Search",
    "Searched",
    "Table",
    "choice_problems",
    "chosen",
    "grain",
]
