"""The result of `explain`, for people: a story for each segment, with its timeline and its evidence."""

from .explanation import show_explanation

__all__ = ["show_explanation"]
