"""Reads conversations and tickets: by search what changed, in batches, with the evidence for what is deleted."""

from .batches import Batch
from .plan import planned_parts
from .reading import SupportReading

__all__ = ["Batch", "SupportReading", "planned_parts"]
