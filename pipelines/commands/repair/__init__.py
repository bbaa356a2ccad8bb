"""`repair`: removes from the raw tables what should not be there."""

from .repair import Repair, Repaired

__all__ = ["Repair", "Repaired"]
