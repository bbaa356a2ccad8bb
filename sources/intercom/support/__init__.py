"""Reads conversations and tickets: by search what changed, in batches, with the evidence for what is deleted."""

from .batches import Batch, Batches, Put
from .loaded import SETTLED_SECONDS
from .lookups import LookupRun
from .plan import planned_parts
from .reading import BatchReading, SupportReading

__all__ = ["SETTLED_SECONDS", "Batch", "BatchReading", "Batches", "LookupRun", "Put", "SupportReading", "planned_parts"]
