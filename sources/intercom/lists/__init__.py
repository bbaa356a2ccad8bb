"""Reads the lists of the catalogue, and finds what changed in them."""

from .changes import changed_tables, changes_of, collapse, looked_up
from .loaded import LastRead, LoadedLists
from .paging import Call, ListPage, first_call, one_page, pages, query_call
from .plan import planned_lists, refused_lists
from .reader import ListReader, ReadRecords
from .reading import NEVER, ListReading
from .rows import Key, NestedRows, Record, RecordReader, Row, columns_of, table_of
from .run import DoneList
from .values import Unfit, canonical
from .values import read as read_value

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
    "Row",
    "Unfit",
    "canonical",
    "changed_tables",
    "changes_of",
    "collapse",
    "columns_of",
    "first_call",
    "looked_up",
    "one_page",
    "pages",
    "planned_lists",
    "query_call",
    "read_value",
    "refused_lists",
    "table_of",
]
