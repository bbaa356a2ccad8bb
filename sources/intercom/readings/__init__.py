"""What one run reads: a sync, a first load, a backfill, a preview."""

from .backfill import By, CameShort, ChunkReading, Estimate, Period, estimates, moment_of
from .first_load import FirstLoad
from .inputs import ALL_TABLES, MEMBERSHIP_TABLES, Prepare, RunInputs, check_clock, check_host_clock, check_workspace
from .loaded import LoadedTables
from .parts import FirstLoadState, Interruptions, Part, Sweep, state_after_first_load
from .preview import Preview, preview
from .producing import produced
from .sync import NO_ATTRIBUTES, Reading

__all__ = [
    "ALL_TABLES",
    "MEMBERSHIP_TABLES",
    "NO_ATTRIBUTES",
    "By",
    "CameShort",
    "ChunkReading",
    "Estimate",
    "FirstLoad",
    "FirstLoadState",
    "Interruptions",
    "LoadedTables",
    "Part",
    "Period",
    "Prepare",
    "Preview",
    "Reading",
    "RunInputs",
    "Sweep",
    "check_clock",
    "check_host_clock",
    "check_workspace",
    "estimates",
    "moment_of",
    "preview",
    "produced",
    "state_after_first_load",
]
