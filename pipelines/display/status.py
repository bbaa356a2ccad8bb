"""`status`, as people see it."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pendulum
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..commands.status import Days, EndedRun, Holder, SegmentStatus, Status, WorkspaceStatus
from ..errors import ExitCode
from .terminal import PROBLEMS

NAME_WIDTH = 10
MOST_LINES = 8
"""Segments, or ranges of days, that are told of one kind: --json tells all."""
FEW_WORDS = 140
"""Characters of an error that are told here: its first sentence, mostly."""

Line = tuple[str, str, str]
"""What it is about, the words, and how they look."""


def show_status(found: Status, console: Console) -> None:
    """A table of runs for each workspace, and below it what there is to know and to do."""
    for one in found.workspaces:
        console.print(_grid([(one.workspace, _what(one), "bold")]))
        if one.runs:
            console.print(_table(one.runs))
        console.print(_grid(_lines(one, found)), "")
    console.print(_grid(_lines_of_all(found)))


def _what(one: WorkspaceStatus) -> str:
    name = f"workspace {one.workspace_id}" if one.workspace_id else "no run has reached Intercom yet"
    return f"{name}: {one.segments:,} segments, {one.members:,} memberships" if one.segments else name


def _table(runs: Iterable[EndedRun]) -> Table:
    table = Table("started (UTC)", "command", "outcome", box=SIMPLE_HEAD)
    for heading in ("exit", "calls", "changed", "took"):
        table.add_column(heading, justify="right")
    for run in runs:
        style = "" if run.exit_code == ExitCode.DONE else "yellow" if run.exit_code == ExitCode.INCOMPLETE else "red"
        cells = (_minute(run.started_at), escape(run.command), run.outcome or "not ended", _number(run.exit_code))
        changed = f"{run.memberships_changed:,}"
        table.add_row(*cells, f"{run.api_calls:,}", changed, _seconds(run.seconds), style=style)
    return table


def _lines(one: WorkspaceStatus, found: Status) -> Iterator[Line]:
    yield from _problems(one.runs)
    yield _freshness(one, found.max_age_seconds)
    looks = one.segments_worth_a_look
    yield from _few("incomplete", [_incomplete(segment) for segment in looks if segment.problem])
    yield from _few("drift", [_drift(segment) for segment in looks if segment.has_drifted])
    yield from _few("unobserved", [f"{days}: no segment" for days in one.days_missing])
    gaps = [f"{_name(segment)}: {_days(segment.days_missing)}" for segment in looks if segment.days_missing]
    yield from _few("" if one.days_missing else "unobserved", gaps)
    yield from _unloaded(one, found.holder)


def _lines_of_all(found: Status) -> Iterator[Line]:
    if found.holder:
        yield _holder(found.holder)
    if found.published_at:
        yield "published", f"{_minute(found.published_at)} UTC, {_ago(found.asked_at - found.published_at)}", ""
    if found.unread:
        yield "published", found.unread, "yellow"


def _problems(runs: Iterable[EndedRun]) -> Iterator[Line]:
    """Each problem once, at its newest run."""
    told = set[str]()
    for run in runs:
        words = _shortened(run.problem or "")
        if words and words not in told:
            yield "problem", f"{_minute(run.started_at)} {words}", "red"
        told.add(words)


def _freshness(one: WorkspaceStatus, max_age: int | None) -> Line:
    allowed = "" if max_age is None else f"; {_words(max_age)} are allowed"
    if one.last_good_sync_at is None or one.age_seconds is None:
        return "last good", "no sync has succeeded yet", "red" if one.is_stale else "yellow"
    words = f"sync ended {_minute(one.last_good_sync_at)} UTC, {_ago(timedelta(seconds=one.age_seconds))}{allowed}"
    return ("stale", words, "red") if one.is_stale else ("last good", words, "")


def _incomplete(segment: SegmentStatus) -> str:
    return f"{_name(segment)} {PROBLEMS.get(str(segment.problem), segment.problem)}"


def _drift(segment: SegmentStatus) -> str:
    swept = segment.last_complete_scan_at
    when = f"swept {swept.astimezone(UTC):%Y-%m-%d}" if swept else "never swept"
    return f"{_name(segment)}: {segment.member_count:,} members, Intercom counts {segment.reported_count:,}; {when}"


def _unloaded(one: WorkspaceStatus, holder: Holder | None) -> Iterator[Line]:
    """What waits; while a run is at it nothing does."""
    if holder and holder.is_alive and holder.workspace in (one.workspace, None):
        return
    if one.unloaded.packages:
        packages = "a load package" if one.unloaded.packages == 1 else f"{one.unloaded.packages} load packages"
        yield "waiting", f"{packages} of an interrupted run: the next sync loads what was read", ""
    if one.unloaded.is_first_load_unfinished:
        yield "waiting", "the first load is not finished: the next sync goes on where it stopped", ""
    for backfill in one.unloaded.backfills:
        yield "waiting", f"{backfill.words}; the same backfill command goes on", ""


def _holder(holder: Holder) -> Line:
    run = f"{holder.command or 'a run'}{f' of {holder.workspace}' if holder.workspace else ''}"
    words = f"{run}, process {holder.pid}, since {_minute(holder.since)} UTC"
    if holder.is_alive:
        return "running", words, "cyan"
    return "killed", f"{words}: it never told an end. The next run goes on where it stopped.", "red"


def _few(name: str, words: list[str]) -> Iterator[Line]:
    """So many lines of one kind as can be read; only the first one is named."""
    for number, line in enumerate(words[:MOST_LINES]):
        yield name if number == 0 else "", line, "yellow"
    if len(words) > MOST_LINES:
        yield "", f"and {len(words) - MOST_LINES:,} more: --json tells all", "yellow"


def _grid(lines: Iterable[Line]) -> Table:
    """Names in a column of their own, so that long lines wrap beside them."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(min_width=NAME_WIDTH, style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, words, style in lines:
        grid.add_row(escape(name), escape(words), style=style)
    return grid


def _name(segment: SegmentStatus) -> str:
    return segment.name or segment.segment_id


def _days(ranges: tuple[Days, ...]) -> str:
    shown = ", ".join(str(days) for days in ranges[:MOST_LINES])
    return shown if len(ranges) <= MOST_LINES else f"{shown} and {len(ranges) - MOST_LINES} more"


def _shortened(words: str) -> str:
    """The first sentence, without what differs from run to run."""
    sentence = re.sub(r", request \S+", "", words.partition(". ")[0])
    return sentence if len(sentence) <= FEW_WORDS else f"{sentence[: FEW_WORDS - 1]}…"


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _ago(age: timedelta) -> str:
    return f"{_words(max(age.total_seconds(), 0))} ago"


def _words(seconds: float) -> str:
    """A length of time, to the minute or, from two days on, to the hour."""
    unit = 3600 if seconds >= 2 * 86_400 else 60
    rounded = int(seconds // unit * unit)
    return pendulum.duration(seconds=rounded).in_words() if rounded else "less than a minute"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _number(number: int | None) -> str:
    return "" if number is None else str(number)
