"""What one run reads: a sync, a first load, a backfill, a preview."""

from .backfill import By, CameShort, ChunkReading, Estimate, Period, estimates, moment_of
from .first_load import FirstLoad
from .parts import FirstLoadState, Interruptions, Part, Sweep, state_after_first_load
from .preview import Preview, preview
from .sync import Reading

__all__ = [
    "By",
    "CameShort",
    "ChunkReading",
    "Estimate",
    "FirstLoad",
    "FirstLoadState",
    "Interruptions",
    "Part",
    "Period",
    "Preview",
    "Reading",
    "Sweep",
    "estimates",
    "moment_of",
    "preview",
    "state_after_first_load",
]
