"""The run journal: one line per run in `data/runs.jsonl`, failed and refused runs included."""

import json
import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from sources.intercom.wire import visible, without_secrets

from ..errors import ExitCode
from .file_modes import owner_only, without_links


@dataclass
class Run:
    """One run of a command. Times are ISO 8601 in UTC; `problem` is the error message that the user read.

    `memberships_changed` counts memberships that began or ended. `destination` is the key of the database it wrote to.
    `removed_by`: the run of `repair` that removed what it had loaded. `quota`: how many calls Intercom allows in ten
    seconds; null where the run did not learn it.
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
    destination: str | None = None
    removed_by: str | None = None
    quota: int | None = None

    def end(self, at: datetime, exit_code: ExitCode, problem: str | None = None) -> None:
        self.ended_at, self.exit_code, self.problem = at.isoformat(), int(exit_code), problem
        self.outcome = exit_code.name.lower()


_newest: list[Run] = []


def start_run(pipeline_name: str, command: str, at: datetime) -> Run:
    """A new run. Ids sort by time."""
    run = Run(f"{at:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}", pipeline_name, command, at.isoformat())
    _newest[:] = [run]
    return run


def newest_run() -> Run | None:
    """The newest run that this process started, for log lines; null before the first."""
    return _newest[0] if _newest else None


def append_run(path: Path, run: Run) -> None:
    """Appends the run's line and syncs it to disk. A line that a crash cut off is closed first."""
    cut_off = path.exists() and not path.read_bytes().endswith(b"\n")
    with owner_only(), open(path, "a", encoding="utf-8", opener=without_links) as file:
        file.write("\n" * cut_off + json.dumps(asdict(run)) + "\n")
        file.flush()
        os.fsync(file.fileno())


def replace_in_journal(path: Path, name: str, substitute: str) -> None:
    """Replaces a name that a run's problem mentions."""
    if name in (text := _text(path)):
        _rewrite(path, text.replace(name, substitute))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""


def _rewrite(path: Path, text: str) -> None:
    """A kill leaves either the old journal or the new one."""
    successor = path.with_suffix(".next")
    successor.unlink(missing_ok=True)
    with (
        owner_only(),
        open(successor, "w", encoding="utf-8", errors="surrogateescape", opener=without_links) as file,
    ):
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    successor.replace(path)


def mark_removed(path: Path, run_ids: Collection[str], removed_by: str) -> None:
    """Notes in the lines of these runs that a run of `repair` removes what they had loaded."""
    if run_ids:
        _rewrite(path, "".join(_marked(line, run_ids, removed_by) for line in _text(path).splitlines(keepends=True)))


def _marked(line: str, run_ids: Collection[str], removed_by: str) -> str:
    with suppress(msgspec.DecodeError):
        if (run := msgspec.json.decode(line, type=Run)).run_id in run_ids:
            return json.dumps(asdict(run) | {"removed_by": removed_by}) + "\n"
    return line


def read_journal(path: Path) -> Iterator[Run]:
    """All runs, oldest first. Skips a line that a crash cut off, and fields that only another release knows."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        with suppress(msgspec.DecodeError):
            run = msgspec.json.decode(line, type=Run)
            run.problem = run.problem and visible(without_secrets(run.problem))  # earlier releases kept a token there
            yield run
