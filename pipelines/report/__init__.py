"""The report: one HTML file about segments, for people who do not query."""

from .numbers import Numbers, read_numbers
from .page import render

__all__ = ["Numbers", "read_numbers", "render"]
