"""What Intercom sends, before it has a meaning: text, headers, and records read field by field."""

from .flaws import Flaws, flaw_notes
from .headers import date, whole_number
from .records import Id, Total, Whole, lenient
from .text import MOST_LEVELS, clean, shallow

__all__ = [
    "MOST_LEVELS",
    "Flaws",
    "Id",
    "Total",
    "Whole",
    "clean",
    "date",
    "flaw_notes",
    "lenient",
    "shallow",
    "whole_number",
]
