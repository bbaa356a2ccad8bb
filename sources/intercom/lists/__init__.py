"""Reads the lists of the catalogue, and finds what changed in them."""

from .plan import planned_lists
from .reading import ListReading

__all__ = ["ListReading", "planned_lists"]
