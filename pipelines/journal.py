"""The run journal: one line per run in `data/runs.jsonl`, also for those that failed or were refused."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import dlt
import msgspec
import pyarrow as pa

from sources.intercom import INSERT_ONLY
from sources.intercom.client import Usage
from sources.intercom.memberships import Clock
from sources.intercom.records import RUNS, RUNS_KEY, rows_table

from .errors import ExitCode, exit_code_of, is_ours, plain_errors
from .memory import RawMemory
from .packages import stuck_packages_told
from .private import owner_only
from .warehouse import Warehouse


@dataclass
class Run:
    """One run of a command. Times are ISO 8601 in UTC; `problem` is the error as the user read it.

    `memberships_changed` are those that began or ended.
    """

    run_id: str
    pipeline_name: str
    command: str
    started_at: str
    workspace_id: str | None = None
    ended_at: str | None = None
    outcome: str | None = None
    exit_code: int | None = None
    api_calls: int = 0
    contacts_read: int = 0
    memberships_changed: int = 0
    problem: str | None = None

    def end(self, at: datetime, exit_code: ExitCode, problem: str | None = None) -> None:
        """Notes how the run went."""
        self.ended_at, self.exit_code, self.problem = at.isoformat(), int(exit_code), problem
        self.outcome = exit_code.name.lower()


def start(pipeline_name: str, command: str, at: datetime) -> Run:
    """A run that begins now, under an id that sorts by time."""
    return Run(f"{at:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}", pipeline_name, command, at.isoformat())


_runs: list[Run] = []


def newest() -> Run | None:
    """The newest run that this process began; null where it began none."""
    return _runs[-1] if _runs else None


@contextmanager
def kept(warehouse: Warehouse, pipeline_name: str, command: str, *, clock: Clock, usage: Usage) -> Iterator[Run]:
    """A run that is written into the journal however it ends; errors that people can mend are put into words."""
    run = start(pipeline_name, command, clock())
    _runs[:] = [run]
    try:
        with stuck_packages_told(), plain_errors(warehouse.explain):
            yield run
        run.end(clock(), ExitCode(run.exit_code or 0))
    except BaseException as error:
        run.end(clock(), exit_code_of(error), str(error) if is_ours(error) else type(error).__name__)
        raise
    finally:
        run.api_calls = usage.calls.total()
        append(warehouse.journal, run)


def append(path: Path, run: Run) -> None:
    """Adds the run's line; it is on the disk when this returns. A line that a crash cut off is closed first."""
    cut_off = path.exists() and not path.read_bytes().endswith(b"\n")
    with owner_only(), path.open("a") as file:
        file.write("\n" * cut_off + json.dumps(asdict(run)) + "\n")
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, name: str, substitute: str) -> None:
    """Puts another name in the place of one that a run's problem mentions."""
    text = path.read_text() if path.exists() else ""
    if name not in text:
        return
    successor = path.with_suffix(".next")
    with owner_only(), successor.open("w") as file:
        file.write(text.replace(name, substitute))
        file.flush()
        os.fsync(file.fileno())
    successor.replace(path)


def read(path: Path) -> Iterator[Run]:
    """All runs, oldest first, but for a line that a crash cut off; what another release noted besides is left out."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        with suppress(msgspec.DecodeError):
            yield msgspec.json.decode(line, type=Run)


@dlt.resource(primary_key=RUNS_KEY, write_disposition=INSERT_ONLY)
def runs(path: Path, workspace_id: str, memory: RawMemory, pipeline_name: str) -> Iterator[pa.Table]:
    """One row per ended run that the warehouse does not have yet: it lags one run, whose end nobody knew before."""
    newest = memory.newest_run(pipeline_name)
    unloaded = [run for run in read(path) if run.pipeline_name == pipeline_name and _is_after(run, newest)]
    yield rows_table(RUNS, [asdict(run) | {"workspace_id": workspace_id} | _moments(run) for run in unloaded])


def _is_after(run: Run, newest: datetime | None) -> bool:
    return newest is None or (run.ended_at is not None and datetime.fromisoformat(run.ended_at) > newest)


def _moments(run: Run) -> dict[str, datetime | None]:
    return {
        name: datetime.fromisoformat(value) if value else None
        for name, value in (("started_at", run.started_at), ("ended_at", run.ended_at))
    }
