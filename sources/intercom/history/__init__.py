"""Reads what happened, and only adds to what is loaded: activities of teammates, transcripts of calls, and
events of contacts."""

from .plan import planned_history
from .reading import HistoryReading

__all__ = ["HistoryReading", "planned_history"]
