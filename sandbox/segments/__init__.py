"""Segments: their rules, and which contacts they hold at any time."""

from .comparisons import ANY_TYPE, CHOICE, EQUALITY, NUMBER, ORDER, TEXT, Comparison
from .history import History
from .index import Index
from .memberships import Memberships, Roll
from .rules import All, Attribute, Rule
from .segments import OUTLINES, Outline, Segment, family_outline, outlines, sparse_outlines

__all__ = [
    "ANY_TYPE",
    "CHOICE",
    "EQUALITY",
    "NUMBER",
    "ORDER",
    "OUTLINES",
    "TEXT",
    "All",
    "Attribute",
    "Comparison",
    "History",
    "Index",
    "Memberships",
    "Outline",
    "Roll",
    "Rule",
    "Segment",
    "family_outline",
    "outlines",
    "sparse_outlines",
]
