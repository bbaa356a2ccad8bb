"""`status`: how the runs went, how fresh the warehouse is, and what it does not know.

It reads the run journal, what readers see, and what dlt left in its working folder. It needs no token, takes no lock
and writes nothing, so it can be asked at any time, also while a sync runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from ...destinations import Warehouse
from ...errors import ExitCode, Misconfigured, NothingToRead
from ...folder import Lock, Run, is_alive, read_journal
from ...loading import pending_folders
from .segments import NOTHING, Days, Published, SegmentStatus, gaps, published

LAST_RUNS = 5
GOOD = (ExitCode.DONE, ExitCode.INCOMPLETE)
"""A sync that ended so has loaded and published."""


@dataclass(frozen=True)
class EndedRun:
    """A run, as the journal has it; `seconds` from its begin to its end."""

    run_id: str
    command: str
    started_at: datetime
    outcome: str | None
    exit_code: int | None
    api_calls: int
    contacts_read: int
    memberships_changed: int
    seconds: float | None
    problem: str | None


@dataclass(frozen=True)
class UnfinishedBackfill:
    """A backfill that is not finished: `key` tells it from others, `words` tell it to people."""

    key: str
    words: str


@dataclass(frozen=True)
class Unloaded:
    """What waits in dlt's working folder for the next sync: packages read, or in part, and not loaded."""

    packages: int
    is_first_load_unfinished: bool
    backfills: tuple[UnfinishedBackfill, ...]


@dataclass(frozen=True)
class WorkspaceStatus:
    """What is known of one workspace; `workspace` is its name here, `workspace_id` Intercom's.

    `runs` are the last ones, newest first. The last good sync is one that published; `is_stale` is null where no age
    was asked for. `segments_worth_a_look` have drifted, or were not observed completely in the last run or on some day;
    `days_missing` are days since the first observation, until yesterday (UTC), on which no segment at all was.
    """

    workspace: str
    workspace_id: str | None
    runs: tuple[EndedRun, ...]
    last_good_sync_at: datetime | None
    age_seconds: int | None
    is_stale: bool | None
    segments: int
    members: int
    segments_worth_a_look: tuple[SegmentStatus, ...]
    days_missing: tuple[Days, ...]
    unloaded: Unloaded


@dataclass(frozen=True)
class Holder:
    """Who holds the lock of the data folder; one who is not alive any more was killed, and has told no end."""

    pid: int
    command: str | None
    workspace: str | None
    since: datetime
    is_alive: bool


@dataclass(frozen=True)
class Status:
    """All workspaces of a warehouse. `unread` says why nothing of what readers see could be read, if that is so."""

    exit_code: ExitCode
    warehouse: str
    asked_at: datetime
    published_at: datetime | None
    unread: str | None
    holder: Holder | None
    max_age_seconds: int | None
    workspaces: tuple[WorkspaceStatus, ...]


@dataclass
class StatusQuery:
    """A question for the status of a warehouse; `answer` gives it.

    Args:
        now: told from outside, so that ages can be known.
        max_age: of the last good sync; an older one is stale. Nothing is judged without.
        workspace: only this one.
    """

    warehouse: Warehouse
    now: datetime
    max_age: timedelta | None = None
    workspace: str | None = None
    _runs: list[Run] = field(init=False)

    def answer(self) -> Status:
        """The status of now.

        Raises:
            Misconfigured: there is no such warehouse or workspace.
            Unreachable: the warehouse's server is not there.
        """
        self._runs = list(read_journal(self.warehouse.journal))
        seen, unread = what_readers_see(self.warehouse)
        holder = read_holder(self.warehouse.folder)
        workspaces = tuple(self._workspace(*one, seen) for one in self._chosen(seen, holder).items())
        return Status(
            exit_code=ExitCode.INCOMPLETE if any(one.is_stale for one in workspaces) else ExitCode.DONE,
            warehouse=self.warehouse.place,
            asked_at=self.now,
            published_at=self.warehouse.published_at,
            unread=unread,
            holder=holder,
            max_age_seconds=None if self.max_age is None else round(self.max_age.total_seconds()),
            workspaces=workspaces,
        )

    def _chosen(self, seen: Published, holder: Holder | None) -> dict[str, str | None]:
        """Intercom's ids of the workspaces asked about, by name; one without a name goes by its id."""
        ids: dict[str, str | None] = {holder.workspace: None} if holder and holder.workspace else {}
        for run in self._runs:
            ids[run.pipeline_name] = run.workspace_id or ids.get(run.pipeline_name)
        ids |= {unnamed: unnamed for unnamed in seen.segments.keys() - ids.values()}
        if not ids:
            raise Misconfigured(
                f"There is no warehouse in {self.warehouse.folder} yet. Run intercom-warehouse sync first."
            )
        if self.workspace is None:
            return dict(sorted(ids.items()))
        if self.workspace not in ids:
            raise Misconfigured(
                f"No run of a workspace called {self.workspace} is known. There are: {', '.join(sorted(ids))}. Name "
                "one of them, or sync it first."
            )
        return {self.workspace: ids[self.workspace]}

    def _workspace(self, name: str, workspace_id: str | None, seen: Published) -> WorkspaceStatus:
        runs = [run for run in self._runs if run.pipeline_name == name]
        segments, days = seen.segments.get(workspace_id or "", []), seen.days.get(workspace_id or "", [])
        fresh_at = last_good_sync(runs)
        age = None if fresh_at is None else self.now - fresh_at
        return WorkspaceStatus(
            workspace=name,
            workspace_id=workspace_id,
            runs=tuple(ended(run) for run in reversed(runs[-LAST_RUNS:])),
            last_good_sync_at=fresh_at,
            age_seconds=None if age is None else round(age.total_seconds()),
            is_stale=None if self.max_age is None else age is None or age > self.max_age,
            segments=sum(not segment.is_deleted for segment in segments),
            members=sum(segment.member_count for segment in segments),
            segments_worth_a_look=tuple(segment for segment in segments if segment.is_worth_a_look),
            days_missing=gaps(days, self.now.astimezone(UTC).date()),
            unloaded=unloaded(self.warehouse.working_folder(name)),
        )


def what_readers_see(warehouse: Warehouse) -> tuple[Published, str | None]:
    """What was published and, where that cannot be read, why not."""
    try:
        with warehouse.reading() as ask:
            return published(ask), None
    except NothingToRead as error:
        return NOTHING, str(error)


def last_good_sync(runs: Iterable[Run]) -> datetime | None:
    """When the last sync that published ended; null if there was none."""
    ends = [run.ended_at for run in runs if f"{run.command} ".startswith("sync ") and run.exit_code in GOOD]
    return max((datetime.fromisoformat(end) for end in ends if end), default=None)


def ended(run: Run) -> EndedRun:
    """A line of the journal with its times understood."""
    began = datetime.fromisoformat(run.started_at)
    seconds = (datetime.fromisoformat(run.ended_at) - began).total_seconds() if run.ended_at else None
    return EndedRun(
        run_id=run.run_id,
        command=run.command,
        started_at=began,
        outcome=run.outcome,
        exit_code=run.exit_code,
        api_calls=run.api_calls,
        contacts_read=run.contacts_read,
        memberships_changed=run.memberships_changed,
        seconds=seconds,
        problem=run.problem,
    )


def unloaded(folder: Path) -> Unloaded:
    """What a pipeline's working folder holds."""
    state, store = source_state(folder), folder / "first_load"
    return Unloaded(
        packages=len(pending_folders(folder)),
        is_first_load_unfinished="first_load" in state or (store.is_dir() and any(store.iterdir())),
        backfills=tuple(backfill(key, done) for key, done in state.get("backfills", {}).items()),
    )


def source_state(folder: Path) -> dict[str, Any]:
    """The source's state, as dlt left it in a pipeline's working folder; empty where there is none that is whole."""
    try:
        state = msgspec.json.decode((folder / "state.json").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}
    found: dict[str, Any] = state.get("sources", {}).get("intercom", {})
    return found


def backfill(key: str, done: Any) -> UnfinishedBackfill:
    """An unfinished backfill; its key is what it goes by, and from and until which second, in chunks of how many."""
    match key.split():
        case [by, since, until, seconds] if f"{since}{until}{seconds}".isdecimal():
            chunks = -(-(int(until) - int(since)) // int(seconds))
            first, last = (datetime.fromtimestamp(int(edge), UTC).date() for edge in (since, until))
            return UnfinishedBackfill(key, f"contacts by {by} from {first} to {last}: {done} of {chunks} chunks loaded")
        case _:
            return UnfinishedBackfill(key, f"{key}: {done}")


def read_holder(folder: Path) -> Holder | None:
    """Who holds the lock of a data folder, or held it when killed; null where nobody said so."""
    holder = Lock(folder).last_holder()
    return Holder(**structs.asdict(holder), is_alive=is_alive(holder.pid)) if holder else None
