"""The command, run like a user's in a process and a data folder of its own."""

import json
import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import ChildProcess, Cost, started
from .served import TOKEN, ServedSandbox

COMMAND = str(Path(sys.executable).with_name("intercom-warehouse"))
TIMEOUT_SECONDS = 3600
SHARE = 0.8
"""Share of the quota that a sync may use, the default of `rate_limit_share`."""
TABLES = ("contacts", "current_segment_members")
CONFIGURED = ("SOURCES__", "WAREHOUSE__", "DESTINATION__")


@dataclass(frozen=True)
class FinishedSync:
    """A successful sync. `reading_seconds` is the time from its first call to its last answer."""

    cost: Cost
    calls: int
    contacts_read: int
    joins: int
    reading_seconds: float


def sync(sandbox: ServedSandbox, folder: Path, **settings: object) -> FinishedSync:
    """Syncs into a data folder; settings are environment variables.

    Raises:
        ScenarioFailed: the sync failed, or took too long.
    """
    with syncing(sandbox, folder, **settings) as child:
        return finished_sync(child)


def syncing(sandbox: ServedSandbox, folder: Path, **settings: object) -> AbstractContextManager[ChildProcess]:
    """A sync that runs while the block runs."""
    environment = environment_of(sandbox, folder, settings)
    return started([COMMAND, "sync", "--json"], log=folder, environment=environment, timeout_seconds=TIMEOUT_SECONDS)


def finished_sync(child: ChildProcess) -> FinishedSync:
    """Waits for a sync, and reads its JSON output.

    Raises:
        ScenarioFailed: the sync failed, or took too long.
    """
    process = child.finished()
    result: dict[str, Any] = json.loads(process.output.read_bytes())
    return FinishedSync(
        cost=process.cost,
        calls=result["api_calls"],
        contacts_read=result["contacts_read"],
        joins=result["joins"],
        reading_seconds=result["reading_seconds"],
    )


def loaded_rows(folder: Path) -> int:
    """The contacts and memberships in the published copy after a first sync."""
    import duckdb  # late: its memory would count in the peak of every process started from here

    with duckdb.connect(str(folder / "published.duckdb"), read_only=True) as published:
        return sum(published.table(f"intercom.{table}").shape[0] for table in TABLES)


def environment_of(sandbox: ServedSandbox, folder: Path, settings: dict[str, object]) -> dict[str, str]:
    """The environment of a sync, without the user's own configuration."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(CONFIGURED)}
    defaults: dict[str, object] = {
        "SOURCES__INTERCOM__BASE_URL": sandbox.url,
        "SOURCES__INTERCOM__ACCESS_TOKEN": TOKEN,
        "SOURCES__INTERCOM__REGION": "us",
        "SOURCES__INTERCOM__RATE_LIMIT_SHARE": SHARE,
        "SOURCES__INTERCOM__RESOURCES": "[]",  # contacts and memberships, which the other tools read too
        "WAREHOUSE__DATA_DIR": folder,
        "WAREHOUSE__DESTINATION": "duckdb",
    }
    return inherited | {name: str(value) for name, value in (defaults | settings).items()}
