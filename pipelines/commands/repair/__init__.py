"""`repair`: removes from the raw tables what should not be there."""

from .raw_log import RawLog
from .repair import Repair, Repaired

__all__ = ["RawLog", "Repair", "Repaired"]
