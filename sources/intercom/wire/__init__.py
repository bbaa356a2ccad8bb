"""What Intercom sends, before it has a meaning: text, headers, and records read field by field."""

from .headers import date, whole_number
from .records import Flaws, Id, Whole, lenient
from .text import MOST_LEVELS, clean, shallow

__all__ = ["MOST_LEVELS", "Flaws", "Id", "Whole", "clean", "date", "lenient", "shallow", "whole_number"]
