"""What a person sees: progress on standard error, results on standard output."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from traceback import format_exception
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from stamina.instrumentation import RetryDetails
from typer.rich_utils import rich_format_error

from sources.intercom.backfill import moment_of
from sources.intercom.preview import Preview
from sources.intercom.progress import Progress

from .abort import Aborted, Waiting
from .backfill import Backfilled, BackfillPreview
from .errors import ExitCode
from .forget import Forgotten
from .gauge import Gauge
from .models import Build
from .output import Problem
from .screen import line, screen, summary
from .sync import Outcome
from .verify import Difference, Verification
from .warehouse import Warehouse

results = Console()
progress = Console(stderr=True)

PROBLEMS = {
    "shrunk": "would lose too many members at once: believed if the next run finds the same, or with --accept-shrink",
    "list_shrunk": "is missing from a list that lost too many at once: asked about if the next run finds the same",
    "not_listed": "is missing from the list, but Intercom does not say that it is deleted",
    "does_not_add_up": "showed other members than Intercom counted, twice",
}
"""What `segment_scans.problem` says, in words."""


LINE_SECONDS = 30
"""Between two lines of progress in a log."""


def say(step: str, *, console: Console = progress) -> None:
    """Tells a step of a run as it begins."""
    console.print(f"[dim]·[/dim] {escape(step)}", highlight=False, soft_wrap=True)


class Retrying:
    """Tells of calls that are tried again after a wait, once in a while: all lanes of a client wait at once."""

    EVERY_SECONDS = 5

    def __init__(self) -> None:
        self._told_at = -math.inf

    def __call__(self, details: RetryDetails) -> None:
        """A hook of stamina's."""
        if details.wait_for >= 1 and time.monotonic() - self._told_at >= self.EVERY_SECONDS:
            self._told_at = time.monotonic()
            say(f"{details.caused_by}: trying again in {details.wait_for:.0f} s")


retrying = Retrying()


@contextmanager
def watch(
    reading: Progress,
    *,
    console: Console = progress,
    clock: Callable[[], float] = time.monotonic,
    every_seconds: float = LINE_SECONDS,
) -> Iterator[None]:
    """Figures that move while the block runs, then a line of what was read; a line now and then in a log.

    Args:
        clock: seconds that only grow.
        every_seconds: a log's lines; a shorter run has none.
    """
    gauge = Gauge(reading, clock=clock)
    if console.is_interactive:
        with moving(lambda: screen(gauge.figures(), width=console.width), console):
            yield
        figures = gauge.figures()
        if any(row.rows for row in figures.rows):
            say(summary(figures), console=console)
    else:
        with repeating(lambda: say(line(gauge.figures()), console=console), every_seconds):
            yield


def moving(picture: Callable[[], RenderableType], console: Console) -> Live:
    """A picture that is drawn again and again while the block runs, and is gone after it."""
    return Live(get_renderable=picture, console=console, refresh_per_second=8, transient=True)


@contextmanager
def repeating(tell: Callable[[], None], every_seconds: float) -> Iterator[None]:
    """Tells again and again while the block runs, from a thread that ends with it."""
    done = Event()

    def keep_telling() -> None:
        while not done.wait(every_seconds):
            tell()

    thread = Thread(target=keep_telling, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def show(outcome: Outcome, warehouse: Warehouse) -> None:
    """The result of a sync, for people."""
    rows = {
        "workspace": f"{outcome.workspace_id}: {outcome.segments} segments, {outcome.members:,} memberships",
        "changed": f"{outcome.joins:,} joined, {outcome.leaves:,} left, {outcome.contacts_read:,} contacts read, "
        f"{outcome.contacts_gone:,} gone",
        "swept": f"{outcome.swept} of {outcome.segments} segments",
        "cost": f"{outcome.api_calls:,} calls, {outcome.megabytes:,.1f} MB, {outcome.seconds:.1f} s",
        "query": warehouse.address,
    }
    for name, value in rows.items():
        tell(name, value)
    for segment_id, problem in outcome.incomplete.items():
        words = f"incomplete: segment {segment_id} {PROBLEMS.get(problem, problem)}. Nobody left it in this run."
        results.print(escape(words), style="yellow", highlight=False, soft_wrap=True)
    for note in outcome.notes:
        results.print(escape(note), style="yellow", highlight=False, soft_wrap=True)
    for news in outcome.drift:
        results.print(escape(f"fields: {news}"), style="yellow", highlight=False, soft_wrap=True)
    show_warnings(outcome.warnings)


def show_waiting(waiting: Waiting) -> None:
    """What waits to be loaded, for people."""
    for package in waiting.packages:
        runs = f", run {', '.join(package.run_ids)}" if package.run_ids else ""
        tell("package", f"{package.load_id}, made at {package.made_at}{runs}")
        tell("rows", _by_table({table: _rows(count) for table, count in package.rows.items()}))
        if package.failures:
            tell("failed", _by_table(package.failures))
    if waiting.shelved_parts:
        tell("shelf", f"{waiting.shelved_parts:,} parts of a first load, {waiting.shelved_rows:,} rows")
    if waiting.arrived:
        tell("arrived", _by_table({table: _rows(count) for table, count in waiting.arrived.items()}))


def show_aborted(aborted: Aborted) -> None:
    """What became of what waited to be loaded, for people."""
    if aborted.waiting.is_nothing:
        tell("pending", "nothing waits to be loaded")
    elif not aborted.is_dropped:
        tell("kept", "all of it; the next sync tries to load it")
    else:
        deleted = _by_table({table: _rows(count) for table, count in aborted.deleted.items()})
        tell("dropped", f"deleted from the warehouse: {deleted or 'nothing'}; the next sync reads all of it again")


def tell(name: str, value: str) -> None:
    """A line of a result."""
    results.print(f"[bold]{name:<10}[/bold] {escape(value)}", highlight=False, soft_wrap=True)


def _by_table(values: Mapping[str, str]) -> str:
    return ", ".join(f"{table} {value}" for table, value in values.items())


def _rows(count: int | None) -> str:
    return "cannot be read" if count is None else f"{count:,}"


def show_preview(preview: Preview) -> None:
    """The plan of a sync, for people."""
    todo = preview.plan
    table = Table("segment", "swept because", box=SIMPLE_HEAD)
    for heading in ("members", "calls"):
        table.add_column(heading, justify="right")
    for one in sorted(todo.sweeps, key=lambda planned: -planned.members):
        table.add_row(escape(one.segment.name), one.why, f"{one.members:,}", f"{one.sweep_calls:,}")
    if todo.sweeps:
        results.print(table)
    rows = {
        "contacts": f"{preview.contacts:,} to read",
        "segments": f"{len(todo.sweeps)} swept, {len(todo.rest)} asked only about contacts that changed",
        "cost": f"about {preview.calls:,} calls and {preview.megabytes:,.1f} MB",
    }
    if preview.excluded:
        rows["excluded"] = f"{preview.excluded} segments: not read"
    if preview.asked:
        rows["segments"] = f"{preview.asked:,} contacts asked for theirs one by one: search cannot be asked by segment"
    if todo.rest:
        rows["drift"] = f"up to {todo.drift_calls:,} calls more, for segments that turn out to have drifted"
    for name, value in rows.items():
        tell(name, value)
    for note in preview.notes:
        results.print(escape(note), style="yellow", highlight=False, soft_wrap=True)


def show_backfill(outcome: Backfilled, warehouse: Warehouse) -> None:
    """The result of a backfill, for people."""
    rows = {
        "workspace": f"{outcome.workspace_id}: contacts from {outcome.window['from']} to {outcome.window['to']}, by "
        f"{outcome.by}",
        "loaded": f"{outcome.contacts_loaded:,} contacts, {outcome.left_to_sync:,} left to the next sync",
        "chunks": f"{outcome.chunks_done:,} of {outcome.chunks:,}, {outcome.chunks_done_before:,} by earlier runs",
        "cost": f"{outcome.api_calls:,} calls, {outcome.megabytes:,.1f} MB, {outcome.seconds:.1f} s",
        "query": warehouse.address,
    }
    _show_rows(rows)
    for news in outcome.drift:
        results.print(escape(f"fields: {news}"), style="yellow", highlight=False, soft_wrap=True)
    _show_notes(outcome.notes)
    show_warnings(outcome.warnings)


def show_backfill_preview(preview: BackfillPreview) -> None:
    """What a backfill would read, for people."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("from", "to"):
        table.add_column(heading)
    for heading in ("contacts", "calls"):
        table.add_column(heading, justify="right")
    for one in preview.estimates:
        edges = (moment_of(one.chunk.since), moment_of(one.chunk.until))
        table.add_row(*edges, f"{one.contacts:,}", f"{one.calls:,}")
    results.print(table)
    _show_rows(
        {
            "chunks": f"{len(preview.estimates):,} to load, {preview.chunks_done_before:,} loaded before",
            "contacts": f"{preview.contacts:,} to read, by {preview.by}",
            "cost": f"about {preview.calls:,} calls and {preview.megabytes:,.1f} MB",
        }
    )
    _show_notes(preview.notes)


def _show_rows(rows: Mapping[str, str]) -> None:
    for name, value in rows.items():
        results.print(f"[bold]{name:<10}[/bold] {escape(value)}", highlight=False, soft_wrap=True)


def _show_notes(notes: Iterable[str]) -> None:
    for note in notes:
        results.print(escape(note), style="yellow", highlight=False, soft_wrap=True)


def show_build(built: Build) -> None:
    """The result of a build, for people."""
    results.print(f"{len(built.models)} models built in {built.seconds:.1f} s, all checks done", highlight=False)
    show_warnings(str(fault) for fault in built.faults)


def show_check(name: str, found: str) -> None:
    """One thing that is as it has to be."""
    results.print(f"[green]ok[/green] [bold]{name:<10}[/bold] {escape(found)}", highlight=False, soft_wrap=True)


def show_warnings(warnings: Iterable[str]) -> None:
    """Checks that are no errors, but worth a look."""
    for warning in warnings:
        results.print(escape(f"check: {warning}"), style="yellow", highlight=False, soft_wrap=True)


def show_problem(problem: Problem, cause: Exception | None = None) -> None:
    """An error, as one paragraph; below its traceback where a `cause` is given, which may quote personal data."""
    if cause:
        progress.print(escape("".join(format_exception(cause))), highlight=False, soft_wrap=True)
    progress.print(escape(problem.problem), style="red", highlight=False)


def show_usage(error: Any) -> None:
    """What Typer says of a command line that cannot be."""
    rich_format_error(error)


def remark(_: Outcome) -> None:
    """Nothing: what is worth a look is among the results."""


def conclude(_: ExitCode, __: float) -> None:
    """Nothing: a shell sees how a command ended."""


@contextmanager
def track(contacts: int) -> Iterator[Callable[[], None]]:
    """A bar that fills while contacts are asked about; only on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=progress, disable=not progress.is_terminal, transient=True) as bar:
        task = bar.add_task("Asking Intercom for each contact's segments", total=contacts)
        yield lambda: bar.advance(task)


def show_forgotten(found: Forgotten) -> None:
    """What was removed, for people; nothing of the person."""
    named = ", ".join(f"{count:,} of {table}" for table, count in found.rows.items())
    rows = {
        "workspace": found.workspace_id,
        "forgotten": f"rows that named the contact: {named}" if named else "no row names such a contact",
        "cost": f"{found.seconds:.1f} s",
    }
    for name, value in rows.items():
        results.print(f"[bold]{name:<10}[/bold] {escape(value)}", highlight=False, soft_wrap=True)
    for note in _notes(found):
        results.print(escape(note), style="yellow", highlight=False, soft_wrap=True)


def _notes(found: Forgotten) -> Iterator[str]:
    if found.was_interrupted:
        yield "An earlier forget had been interrupted: what it had begun is done now."
    if found.merged_with:
        yield f"Merged with it, and rows of their own: {', '.join(found.merged_with)}. Forget them, too."
    if found.rows:
        yield (
            "Delete the contact in Intercom, too: else the next sync brings it back. Backups, and copies that others "
            "made of the warehouse, are as they were."
        )


MOST_GROUPS = 20
"""Groups of differences that are told: enough to see what they have in common."""


def show_verification(found: Verification) -> None:
    """The result of a verification, for people: what nothing explains comes first."""
    explained = len(found.differences) - found.unexplained
    rows = {
        "workspace": f"{found.workspace_id}: {found.contacts:,} of {found.contacts_known:,} contacts asked about "
        f"(seed {found.seed}), {found.contacts_gone:,} of them gone",
        "agree": f"{found.agreeing:,} of {found.compared:,} memberships",
        "differ": f"{explained:,} for a reason, {found.unexplained:,} for none",
        "cost": f"{found.api_calls:,} calls, {found.seconds:.1f} s",
    }
    for name, value in rows.items():
        results.print(f"[bold]{name:<10}[/bold] {escape(value)}", highlight=False, soft_wrap=True)
    groups = _alike(found.differences)
    for group in groups[:MOST_GROUPS]:
        _show_differences(group)
    if hidden := sum(len(group) for group in groups[MOST_GROUPS:]):
        results.print(f"and {hidden:,} more: --json tells all of them", highlight=False)
    if advice := _advice(found):
        results.print(escape(advice), style="yellow", highlight=False, soft_wrap=True)


def _alike(differences: Iterable[Difference]) -> list[list[Difference]]:
    """Differences of one segment that have one explanation together; those without any alone, and first."""
    groups = defaultdict[Any, list[Difference]](list)
    for one in sorted(differences, key=lambda one: one.explanation is not None):
        groups[one.segment_id, one.in_intercom, one.explanation or one.contact_id].append(one)
    return list(groups.values())


def _show_differences(alike: list[Difference]) -> None:
    first, *others = alike
    sides = "in Intercom, not in the warehouse" if first.in_intercom else "in the warehouse, not in Intercom"
    who = f"{len(alike):,} contacts" if others else f"contact {first.contact_id}"
    why, style = (first.explanation.words, "") if first.explanation else ("nothing explains it", "red")
    words = f"segment {first.segment_id}, {who}: {sides}\n  {why}"
    results.print(escape(words), style=style, highlight=False, soft_wrap=True)


def _advice(found: Verification) -> str | None:
    """The next step, where there is one to take."""
    if not found.contacts:
        return "The warehouse holds no contacts, so nothing was compared. If there are some, run sync --full."
    if not found.unexplained:
        return None
    return (
        f"{found.unexplained:,} of the differences should not be. Run intercom-warehouse sync --full, then "
        f"intercom-warehouse verify --sample {found.contacts} --seed {found.seed}. What is still told then, report "
        "with its ids."
    )
