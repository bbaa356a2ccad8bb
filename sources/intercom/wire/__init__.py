"""What Intercom sends, before it has a meaning: text, headers, and records read field by field."""

from .headers import date, whole_number
from .records import Flaws, Id, Whole, lenient
from .shown import keep_secret, plainly, visible, without_secrets
from .text import MOST_LEVELS, clean, shallow

__all__ = [
    "MOST_LEVELS",
    "Flaws",
    "Id",
    "Whole",
    "clean",
    "date",
    "keep_secret",
    "lenient",
    "plainly",
    "shallow",
    "visible",
    "whole_number",
    "without_secrets",
]
