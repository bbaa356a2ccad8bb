"""`status`: the last runs, the age of the last good sync, and gaps in what the warehouse knows.

It reads the run journal, the published tables and dlt's working folder. It needs no token, takes no lock and writes
nothing, so it can run at any time, even during a sync.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import msgspec

from ...destinations import Warehouse
from ...errors import ExitCode, Misconfigured, NothingToRead, Unreadable
from ...folder import Holder, Lock, Run, pending_folders, read_journal, state_in
from .lists import ListStatus
from .segments import NOTHING, Days, Published, SegmentStatus, gaps, published

LAST_RUNS = 5
NOTHING_PASSED = timedelta()
"""A sync that ended in the future had a wrong clock, or this host has: its age says nothing."""
GOOD = (ExitCode.DONE, ExitCode.INCOMPLETE)
"""Exit codes of a sync that loaded and published."""


@dataclass(frozen=True)
class RunSummary:
    """A run in the journal. `outcome`, `exit_code` and `seconds` are null if it has not ended."""

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

    @classmethod
    def of(cls, run: Run) -> Self:
        return msgspec.convert(asdict(run) | {"seconds": _seconds(run)}, cls)


def _seconds(run: Run) -> float | None:
    if run.ended_at is None:
        return None
    return (datetime.fromisoformat(run.ended_at) - datetime.fromisoformat(run.started_at)).total_seconds()


@dataclass(frozen=True)
class UnfinishedBackfill:
    """A backfill that is not finished: `key` identifies it, `words` describe it for people."""

    key: str
    words: str


@dataclass(frozen=True)
class Unloaded:
    """What dlt's working folder holds for the next sync: pending packages, and unfinished first loads or backfills."""

    packages: int
    is_first_load_unfinished: bool
    backfills: tuple[UnfinishedBackfill, ...]


@dataclass(frozen=True)
class WorkspaceStatus:
    """The state of one workspace: `workspace` is its name here, `workspace_id` its id in Intercom.

    `runs`: the last ones, newest first. `last_good_sync_at`: the end of the last sync that published. `is_stale`: null
    without a maximum age. `segments_worth_a_look`: segments that have drifted, or were not observed completely in the
    last run or on some day. `lists`: how many were ever read; `lists_worth_a_look`: those that Intercom refused, or
    that were not read completely. `days_missing`: days from the first observation until yesterday (UTC) without any.
    `observed_in_future_at`: the newest observation, if it is later than now: a run had a wrong clock.
    """

    workspace: str
    workspace_id: str | None
    runs: tuple[RunSummary, ...]
    last_good_sync_at: datetime | None
    age_seconds: int | None
    is_stale: bool | None
    segments: int
    members: int
    segments_worth_a_look: tuple[SegmentStatus, ...]
    lists: int
    lists_worth_a_look: tuple[ListStatus, ...]
    days_missing: tuple[Days, ...]
    observed_in_future_at: datetime | None
    unloaded: Unloaded


@dataclass(frozen=True)
class Status:
    """All workspaces of a warehouse. `unread`: why the published tables cannot be read; null if they can."""

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
    """Finds the status of a warehouse.

    Args:
        now: the time from which ages count.
        max_age: of the last good sync; an older one is stale. Without it, age is not judged.
        workspace: only this one.
        ended: a run that ended before it could be put into the journal.
    """

    warehouse: Warehouse
    now: datetime
    max_age: timedelta | None = None
    workspace: str | None = None
    ended: Run | None = None
    _runs: list[Run] = field(init=False)
    _tables: Published = field(init=False)

    def answer(self) -> Status:
        """The current status.

        Raises:
            Misconfigured: the warehouse or the workspace does not exist.
            Unreachable: the database server does not answer.
        """
        self.warehouse.data_folder.check_readable()
        self._runs = [*read_journal(self.warehouse.journal), *filter(None, [self.ended])]
        self._tables, unread = read_published(self.warehouse)
        tables = self._tables
        is_unreadable = self.max_age is not None and isinstance(unread, Unreadable)
        holder = Lock(self.warehouse.folder).last_holder()
        workspaces = tuple(self._workspace(*names, tables) for names in self._chosen(tables, holder).items())
        return Status(
            exit_code=ExitCode.INCOMPLETE
            if is_unreadable or any(one.is_stale for one in workspaces)
            else ExitCode.DONE,
            warehouse=self.warehouse.place,
            asked_at=self.now,
            published_at=self.warehouse.published_at,
            unread=str(unread) if unread else None,
            holder=holder,
            max_age_seconds=None if self.max_age is None else round(self.max_age.total_seconds()),
            workspaces=workspaces,
        )

    def segments_of(self, workspace: WorkspaceStatus) -> list[SegmentStatus]:
        """All segments that are not deleted, of a workspace of the answer."""
        return [one for one in self._tables.segments.get(workspace.workspace_id or "", []) if not one.is_deleted]

    def runs_of(self, name: str) -> list[Run]:
        """All runs of a workspace of the answer, oldest first."""
        return [run for run in self._runs if run.pipeline_name == name]

    def _chosen(self, tables: Published, holder: Holder | None) -> dict[str, str | None]:
        """Intercom's ids of the chosen workspaces, by name. A workspace without a name is named by its id."""
        ids: dict[str, str | None] = {holder.workspace: None} if holder and holder.workspace else {}
        for run in self._runs:
            ids[run.pipeline_name] = run.workspace_id or ids.get(run.pipeline_name)
        ids |= {unnamed: unnamed for unnamed in tables.segments.keys() - ids.values()}
        if not ids:
            raise Misconfigured(
                f"There is no warehouse in {self.warehouse.folder} yet. Run intercom-warehouse sync first."
            )
        if self.workspace is None:
            return dict(sorted(ids.items()))
        if self.workspace not in ids:
            raise Misconfigured(
                f"Workspace {self.workspace} was never synced. Choose one of: {', '.join(sorted(ids))}. Or sync it "
                f"first: intercom-warehouse sync --workspace {self.workspace}."
            )
        return {self.workspace: ids[self.workspace]}

    def _workspace(self, name: str, workspace_id: str | None, tables: Published) -> WorkspaceStatus:
        runs = self.runs_of(name)
        segments, days = tables.segments.get(workspace_id or "", []), tables.days.get(workspace_id or "", [])
        synced_at, lists = last_good_sync(runs), tables.lists.get(workspace_id or "", [])
        age = None if synced_at is None else self.now - synced_at
        observed_at = max(
            (one.last_complete_scan_at for one in segments if one.last_complete_scan_at), default=self.now
        )
        today = self.now.astimezone(ZoneInfo(self.warehouse.day_timezone)).date()
        return WorkspaceStatus(
            workspace=name,
            workspace_id=workspace_id,
            runs=tuple(RunSummary.of(run) for run in reversed(runs[-LAST_RUNS:])),
            last_good_sync_at=synced_at,
            age_seconds=None if age is None else round(age.total_seconds()),
            is_stale=None if self.max_age is None else self._is_stale(age) or observed_at > self.now,
            segments=sum(not segment.is_deleted for segment in segments),
            members=sum(segment.member_count for segment in segments),
            segments_worth_a_look=tuple(segment for segment in segments if segment.needs_attention),
            lists=len(lists),
            lists_worth_a_look=tuple(one for one in lists if one.needs_attention),
            days_missing=gaps([day for day in days if day <= today], today),
            observed_in_future_at=observed_at if observed_at > self.now else None,
            unloaded=unloaded(self.warehouse.working_folder(name)),
        )

    def _is_stale(self, age: timedelta | None) -> bool:
        return age is None or self.max_age is None or not NOTHING_PASSED <= age <= self.max_age


def read_published(warehouse: Warehouse) -> tuple[Published, NothingToRead | None]:
    """The published tables; if they cannot be read, nothing, and why."""
    try:
        with warehouse.reading() as ask:
            return published(ask), None
    except NothingToRead as error:
        return NOTHING, error


def last_good_sync(runs: Iterable[Run]) -> datetime | None:
    """The end of the last sync that published; null if none has."""
    good = (run for run in runs if run.exit_code in GOOD and run.removed_by is None)
    ends = [run.ended_at for run in good if f"{run.command} ".startswith("sync ")]
    return max((datetime.fromisoformat(end) for end in ends if end), default=None)


def unloaded(folder: Path) -> Unloaded:
    state, store = state_in(folder), folder / "first_load"
    return Unloaded(
        packages=len(pending_folders(folder)),
        is_first_load_unfinished="first_load" in state or (store.is_dir() and any(store.iterdir())),
        backfills=tuple(backfill(key, done) for key, done in state.get("backfills", {}).items()),
    )


def backfill(key: str, done: Any) -> UnfinishedBackfill:
    """An unfinished backfill. Its key holds the time it goes by, the window and the chunk, both in seconds."""
    match key.split():
        case [by, since, until, seconds] if f"{since}{until}{seconds}".isdecimal():
            chunks = -(-(int(until) - int(since)) // int(seconds))
            first, last = (datetime.fromtimestamp(int(edge), UTC).date() for edge in (since, until))
            return UnfinishedBackfill(key, f"contacts by {by} from {first} to {last}: {done} of {chunks} chunks loaded")
        case _:
            return UnfinishedBackfill(key, f"{key}: {done}")
