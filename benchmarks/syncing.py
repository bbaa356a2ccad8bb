"""The command as a user runs it, in a process and a data folder of its own."""

import json
import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .children import Child, Cost, started
from .served import TOKEN, Served

COMMAND = str(Path(sys.executable).with_name("intercom-warehouse"))
PATIENCE_SECONDS = 3600
SHARE = 0.8
"""Of the quota, the default of `rate_limit_share`."""
ROWS = ("contacts", "current_segment_members")
CONFIGURED = ("SOURCES__", "WAREHOUSE__", "DESTINATION__")


@dataclass(frozen=True)
class Synced:
    """A sync that went well. `reading_seconds`: from its first call to the last answer it read."""

    cost: Cost
    calls: int
    contacts_read: int
    joins: int
    reading_seconds: float


def sync(workspace: Served, folder: Path, **settings: object) -> Synced:
    """Syncs into a data folder; settings are environment variables.

    Raises:
        Failed: it did not end with exit code 0, or not in time.
    """
    with syncing(workspace, folder, **settings) as child:
        return synced(child)


def syncing(workspace: Served, folder: Path, **settings: object) -> AbstractContextManager[Child]:
    """The same, under way while the block runs."""
    environment = environment_of(workspace, folder, settings)
    return started([COMMAND, "sync", "--json"], says=folder, environment=environment, timeout_seconds=PATIENCE_SECONDS)


def synced(child: Child) -> Synced:
    """Waits for a sync, and answers what it tells of itself.

    Raises:
        Failed: it did not end with exit code 0, or not in time.
    """
    ended = child.ended()
    told: dict[str, Any] = json.loads(ended.output.read_bytes())
    return Synced(
        cost=ended.cost,
        calls=told["api_calls"],
        contacts_read=told["contacts_read"],
        joins=told["joins"],
        reading_seconds=told["reading_seconds"],
    )


def rows_in(folder: Path) -> int:
    """The contacts and memberships that a first sync has brought to where readers find them."""
    import duckdb  # late, as it would be counted in with what the processes hold that are started from this one

    with duckdb.connect(str(folder / "published.duckdb"), read_only=True) as published:
        return sum(published.table(f"intercom.{table}").shape[0] for table in ROWS)


def environment_of(workspace: Served, folder: Path, settings: dict[str, object]) -> dict[str, str]:
    """Whatever is configured for a real workspace stays out of it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(CONFIGURED)}
    ours: dict[str, object] = {
        "SOURCES__INTERCOM__BASE_URL": workspace.url,
        "SOURCES__INTERCOM__ACCESS_TOKEN": TOKEN,
        "SOURCES__INTERCOM__REGION": "us",
        "SOURCES__INTERCOM__RATE_LIMIT_SHARE": SHARE,
        "WAREHOUSE__DATA_DIR": folder,
        "WAREHOUSE__DESTINATION": "duckdb",
    }
    return inherited | {name: str(value) for name, value in (ours | settings).items()}
