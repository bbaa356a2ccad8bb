"""The table of results, on the screen and in the README."""

from .readme import write_readme
from .rows import TIMES, Missing, Row, Target, at_least, at_most, below, quantity
from .table import FULL, on_screen

__all__ = [
    "FULL",
    "TIMES",
    "Missing",
    "Row",
    "Target",
    "at_least",
    "at_most",
    "below",
    "on_screen",
    "quantity",
    "write_readme",
]
