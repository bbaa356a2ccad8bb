"""The catalogue: a record for each list of Intercom's that is loaded beside contacts and segments."""

from .choice import ALL, BY_NAME, DEFAULT, EMBEDDED, RESOURCES, TABLES, choice_problems, chosen, grain
from .companies import COMPANIES, COMPANIES_OF_A_SEGMENT, SEGMENTS_OF_A_COMPANY, TAGS
from .contacts import CONTACT_TAGS
from .conversations import CONVERSATION_PARTS, CONVERSATIONS, CONVERSATIONS_DELETED
from .form import CONTACTS, OBJECT_TYPES, Column, Nested, Parent, Resource, Search, Searched, Table
from .groups import ELSEWHERE, NOT_LISTED

__all__ = [
    "ALL",
    "BY_NAME",
    "COMPANIES",
    "COMPANIES_OF_A_SEGMENT",
    "CONTACTS",
    "CONTACT_TAGS",
    "CONVERSATIONS",
    "CONVERSATIONS_DELETED",
    "CONVERSATION_PARTS",
    "DEFAULT",
    "ELSEWHERE",
    "EMBEDDED",
    "NOT_LISTED",
    "OBJECT_TYPES",
    "RESOURCES",
    "SEGMENTS_OF_A_COMPANY",
    "TABLES",
    "TAGS",
    "Column",
    "Nested",
    "Parent",
    "Resource",
    "Search",
    "Searched",
    "Table",
    "choice_problems",
    "chosen",
    "grain",
]
