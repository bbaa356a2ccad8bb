"""Segments: their rules, and the contacts that meet them."""

from .comparisons import ANY_TYPE, CHOICE, EQUALITY, NUMBER, ORDER, TEXT, Comparison
from .history import History
from .members import SegmentMembers
from .rules import All, Attribute, Rule
from .search_index import SearchIndex
from .segments import Segment
from .templates import TEMPLATES, SegmentTemplate, generated_template, sparse_templates, templates

__all__ = [
    "ANY_TYPE",
    "CHOICE",
    "EQUALITY",
    "NUMBER",
    "ORDER",
    "TEMPLATES",
    "TEXT",
    "All",
    "Attribute",
    "Comparison",
    "History",
    "Rule",
    "SearchIndex",
    "Segment",
    "SegmentMembers",
    "SegmentTemplate",
    "generated_template",
    "sparse_templates",
    "templates",
]
