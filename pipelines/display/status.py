"""`status`, for people."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sources.intercom.wire import named

from ..commands.status import Days, ListStatus, RunSummary, SegmentStatus, Status, WorkspaceStatus
from ..errors import ExitCode
from ..folder import Holder
from ..messages import duration_text, utc_text
from .terminal import SCAN_PROBLEMS, as_text

NAME_WIDTH = 10
MOST_LINES = 8
"""Segments, or ranges of days, shown of one kind: --json prints all."""
MOST_CHARACTERS = 140
"""Of an error: mostly its first sentence."""

Line = tuple[str, str, str]
"""Name, text and style."""


def show_status(status: Status, console: Console) -> None:
    """For each workspace a table of its runs, then what needs attention."""
    for workspace in status.workspaces:
        console.print(_grid([(workspace.workspace, _title(workspace), "bold")]))
        if workspace.runs:
            console.print(_table(workspace.runs))
        console.print(_grid(_workspace_lines(workspace, status)), "")
    console.print(_grid(_warehouse_lines(status)))


def _title(workspace: WorkspaceStatus) -> str:
    if workspace.workspace_id is None:
        return "no run has reached Intercom yet"
    name = f"workspace {workspace.workspace_id}"
    if not workspace.segments:
        return name
    lists = f", {workspace.lists:,} lists" if workspace.lists else ""
    return f"{name}: {workspace.segments:,} segments, {workspace.members:,} memberships{lists}"


def _table(runs: Iterable[RunSummary]) -> Table:
    table = Table("started (UTC)", "command", "outcome", box=SIMPLE_HEAD)
    for heading in ("exit", "calls", "changed", "took"):
        table.add_column(heading, justify="right")
    for run in runs:
        table.add_row(*_cells(run), style=_style(run))
    return table


def _cells(run: RunSummary) -> Iterator[str]:
    yield _minute(run.started_at)
    yield as_text(run.command)
    yield as_text(run.outcome or "not ended")
    yield "" if run.exit_code is None else str(run.exit_code)
    yield f"{run.api_calls:,}"
    yield f"{run.memberships_changed:,}"
    yield _seconds(run.seconds)


def _style(run: RunSummary) -> str:
    if run.exit_code == ExitCode.DONE:
        return ""
    return "yellow" if run.exit_code == ExitCode.INCOMPLETE else "red"


def _workspace_lines(workspace: WorkspaceStatus, status: Status) -> Iterator[Line]:
    yield from _problems(workspace.runs)
    yield _freshness(workspace, status.max_age_seconds)
    if at := workspace.observed_in_future_at:
        repair = f"intercom-warehouse repair --after {status.asked_at:%Y-%m-%dT%H:%M}"
        yield "future", f"observed {_minute(at)} UTC, by a run with a wrong clock. Remove it: {repair}", "red"
    segments = workspace.segments_worth_a_look
    yield from _few("incomplete", [_incomplete(segment) for segment in segments if segment.problem])
    yield from _few("drift", [_drift(segment) for segment in segments if segment.has_drifted])
    yield from _few("lists", [_list(one) for one in workspace.lists_worth_a_look])
    yield from _few("unobserved", [f"{days}: no segment" for days in workspace.days_missing])
    missing = [f"{_name(segment)}: {_days(segment.days_missing)}" for segment in segments if segment.days_missing]
    yield from _few("" if workspace.days_missing else "unobserved", missing)
    yield from _waiting(workspace, status.holder)


def _warehouse_lines(status: Status) -> Iterator[Line]:
    if status.holder:
        yield _holder(status.holder)
    if status.published_at:
        yield "published", f"{_minute(status.published_at)} UTC, {_ago(status.asked_at - status.published_at)}", ""
    if status.unread:
        yield "published", status.unread, "yellow"


def _problems(runs: Iterable[RunSummary]) -> Iterator[Line]:
    """Each problem once, at the newest run that had it."""
    shown = set[str]()
    for run in runs:
        problem = _shortened(run.problem or "")
        if problem and problem not in shown:
            yield "problem", f"{_minute(run.started_at)} {problem}", "red"
        shown.add(problem)


def _freshness(workspace: WorkspaceStatus, max_age: int | None) -> Line:
    if workspace.last_good_sync_at is None or workspace.age_seconds is None:
        return "last good", "no sync has succeeded yet", "red" if workspace.is_stale else "yellow"
    age = _ago(timedelta(seconds=workspace.age_seconds))
    limit = "" if max_age is None else f" (limit {_rounded(max_age)})"
    text = f"sync ended {_minute(workspace.last_good_sync_at)} UTC, {age}{limit}"
    return ("stale", text, "red") if workspace.is_stale else ("last good", text, "")


def _incomplete(segment: SegmentStatus) -> str:
    return f"{_name(segment)} {SCAN_PROBLEMS.get(str(segment.problem), segment.problem)}"


def _drift(segment: SegmentStatus) -> str:
    swept_at = segment.last_complete_scan_at
    swept = f"swept {swept_at.astimezone(UTC):%Y-%m-%d}" if swept_at else "never swept"
    return f"{_name(segment)}: {segment.member_count:,} members, Intercom counts {segment.reported_count:,}; {swept}"


def _list(one: ListStatus) -> str:
    return f"{one.table_name}: {one.status}" + (f", {_shortened(one.problem)}" if one.problem else "")


def _waiting(workspace: WorkspaceStatus, holder: Holder | None) -> Iterator[Line]:
    """What a run left to load. While a run of the workspace is alive, that run loads it."""
    if holder and holder.is_alive and holder.workspace in (workspace.workspace, None):
        return
    unloaded = workspace.unloaded
    if unloaded.packages:
        packages = "a load package" if unloaded.packages == 1 else f"{unloaded.packages} load packages"
        yield "waiting", f"{packages} of an interrupted run: the next sync loads what was read", ""
    if unloaded.is_first_load_unfinished:
        yield "waiting", "the first load is not finished: the next sync resumes it", ""
    for backfill in unloaded.backfills:
        yield "waiting", f"{backfill.words}; the same backfill command resumes it", ""


def _holder(holder: Holder) -> Line:
    workspace = f" of {holder.workspace}" if holder.workspace else ""
    text = f"{holder.command or 'a run'}{workspace}, process {holder.pid}, since {_minute(holder.since)} UTC"
    if holder.is_alive:
        return "running", text, "cyan"
    return "killed", f"{text}: it did not end properly. The next run resumes its work.", "red"


def _few(name: str, texts: list[str]) -> Iterator[Line]:
    """The first lines of one kind. Only the first of them shows the name."""
    for number, text in enumerate(texts[:MOST_LINES]):
        yield name if number == 0 else "", text, "yellow"
    if len(texts) > MOST_LINES:
        yield "", f"and {len(texts) - MOST_LINES:,} more: --json prints all", "yellow"


def _grid(lines: Iterable[Line]) -> Table:
    """Names have a column of their own, so that long texts wrap beside them."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(min_width=NAME_WIDTH, style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text, style in lines:
        grid.add_row(as_text(name), as_text(text), style=style)
    return grid


def _name(segment: SegmentStatus) -> str:
    return named(segment.name or segment.segment_id)


def _days(ranges: tuple[Days, ...]) -> str:
    shown = ", ".join(str(days) for days in ranges[:MOST_LINES])
    return shown if len(ranges) <= MOST_LINES else f"{shown} and {len(ranges) - MOST_LINES} more"


def _shortened(problem: str) -> str:
    """The first sentence, without the request id: the same problem then has the same text in each run."""
    sentence = re.sub(r", request \S+", "", problem.partition(". ")[0])
    return sentence if len(sentence) <= MOST_CHARACTERS else f"{sentence[: MOST_CHARACTERS - 1]}…"


def _minute(at: datetime) -> str:
    return utc_text(at, timespec="minutes")


def _ago(age: timedelta) -> str:
    seconds = age.total_seconds()
    return f"{_rounded(seconds)} ago" if seconds >= 0 else f"{_rounded(-seconds)} from now, which cannot be"


def _rounded(seconds: float) -> str:
    """A duration, rounded down to the minute or, from two days on, to the hour."""
    unit = 3600 if seconds >= 2 * 86_400 else 60
    whole = int(seconds // unit * unit)
    return duration_text(whole) if whole > 0 else "less than a minute"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
