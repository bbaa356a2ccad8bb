"""The lists of a workspace beside contacts and segments."""

from .collection import Collection, Paging, statistics_of
from .exports import Exports
from .life import live_lists
from .reporting import Reporting, shown_dataset
from .workplace import Workplace

__all__ = ["Collection", "Exports", "Paging", "Reporting", "Workplace", "live_lists", "shown_dataset", "statistics_of"]
