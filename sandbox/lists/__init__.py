"""The lists of a workspace beside contacts and segments."""

from .collection import Collection, Paging, statistics_of
from .life import live_lists
from .workplace import Workplace

__all__ = ["Collection", "Paging", "Workplace", "live_lists", "statistics_of"]
