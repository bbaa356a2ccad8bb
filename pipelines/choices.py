"""What options of commands offer, apart from the commands: their modules are imported when they run."""

from datetime import timedelta
from enum import StrEnum

DEFAULT_CHUNK = timedelta(days=7)
"""Short enough that a kill costs little, long enough that there are few loads, each of which takes half a second."""
NO_HISTORY = (
    "Intercom has no API for memberships from before the first sync: a backfill loads contacts, not the segments they "
    "were in."
)
LATEST_ONLY = (
    "By updated_at, only contacts whose latest update is in the window are found: Intercom keeps no earlier ones."
)
DEFAULT_SAMPLE = 100
"""Contacts that `verify` compares."""


class FileFormat(StrEnum):
    """What kind of files `export` writes."""

    PARQUET = "parquet"
    CSV = "csv"
