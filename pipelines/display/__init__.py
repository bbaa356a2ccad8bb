"""Output: results and progress for people, and JSON lines for programs."""

from . import reporting, results, terminal
from .demo import show_demo
from .status import show_status
from .verification import show_verification

__all__ = ["reporting", "results", "show_demo", "show_status", "show_verification", "terminal"]
