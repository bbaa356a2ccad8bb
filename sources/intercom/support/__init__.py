"""Reads conversations and tickets: by search what changed, in batches, with the evidence for what is deleted."""

from .batches import Batch
from .reading import SupportReading

__all__ = ["Batch", "SupportReading"]
