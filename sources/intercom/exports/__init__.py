"""Reads what Intercom exports by jobs: made once, polled, downloaded, loaded, each step by the run that comes to it."""

from .plan import planned_exports
from .reading import ExportReading

__all__ = ["ExportReading", "planned_exports"]
