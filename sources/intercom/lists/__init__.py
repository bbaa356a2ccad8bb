"""Reads the lists of the catalogue, and finds what changed in them."""

from .changes import changed_tables, changes_of, looked_up
from .loaded import LastRead, LoadedLists
from .paging import Call, ListPage, first_call, one_page, query_call
from .plan import planned_lists, refused_lists
from .reader import ListReader, ReadRecords
from .reading import NEVER, ListReading
from .rows import Key, NestedRows, Record, RecordReader
from .run import DoneList

__all__ = [
    "NEVER",
    "Call",
    "DoneList",
    "Key",
    "LastRead",
    "ListPage",
    "ListReader",
    "ListReading",
    "LoadedLists",
    "NestedRows",
    "ReadRecords",
    "Record",
    "RecordReader",
    "changed_tables",
    "changes_of",
    "first_call",
    "looked_up",
    "one_page",
    "planned_lists",
    "query_call",
    "refused_lists",
]
