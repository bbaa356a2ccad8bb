"""Reads the lists of the catalogue, and finds what changed in them."""

from .plan import planned_lists, refused_lists
from .reader import ListReader, ReadRecords
from .reading import ListReading
from .rows import NestedRows
from .run import DoneList

__all__ = ["DoneList", "ListReader", "ListReading", "NestedRows", "ReadRecords", "planned_lists", "refused_lists"]
