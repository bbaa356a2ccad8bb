"""What a person sees: progress on standard error, results on standard output."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from sources.intercom.readings import Preview, moment_of

from ..commands import Aborted, Backfilled, BackfillPreview, Forgotten, Outcome, Waiting
from ..commands.verify import Difference, Verification
from ..destinations import Warehouse
from ..models import Build
from .terminal import PROBLEMS, stdout, tell


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
        stdout.print(escape(words), style="yellow", highlight=False, soft_wrap=True)
    for note in outcome.notes:
        stdout.print(escape(note), style="yellow", highlight=False, soft_wrap=True)
    for news in outcome.drift:
        stdout.print(escape(f"fields: {news}"), style="yellow", highlight=False, soft_wrap=True)
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
        stdout.print(table)
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
        stdout.print(escape(note), style="yellow", highlight=False, soft_wrap=True)


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
        stdout.print(escape(f"fields: {news}"), style="yellow", highlight=False, soft_wrap=True)
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
    stdout.print(table)
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
        stdout.print(f"[bold]{name:<10}[/bold] {escape(value)}", highlight=False, soft_wrap=True)


def _show_notes(notes: Iterable[str]) -> None:
    for note in notes:
        stdout.print(escape(note), style="yellow", highlight=False, soft_wrap=True)


def show_build(built: Build) -> None:
    """The result of a build, for people."""
    stdout.print(f"{len(built.models)} models built in {built.seconds:.1f} s, all checks done", highlight=False)
    show_warnings(str(fault) for fault in built.faults)


def show_check(name: str, found: str) -> None:
    """One thing that is as it has to be."""
    stdout.print(f"[green]ok[/green] [bold]{name:<10}[/bold] {escape(found)}", highlight=False, soft_wrap=True)


def show_warnings(warnings: Iterable[str]) -> None:
    """Checks that are no errors, but worth a look."""
    for warning in warnings:
        stdout.print(escape(f"check: {warning}"), style="yellow", highlight=False, soft_wrap=True)


def show_forgotten(found: Forgotten) -> None:
    """What was removed, for people; nothing of the person."""
    named = ", ".join(f"{count:,} of {table}" for table, count in found.rows.items())
    rows = {
        "workspace": found.workspace_id,
        "forgotten": f"rows that named the contact: {named}" if named else "no row names such a contact",
        "cost": f"{found.seconds:.1f} s",
    }
    for name, value in rows.items():
        stdout.print(f"[bold]{name:<10}[/bold] {escape(value)}", highlight=False, soft_wrap=True)
    for note in _notes(found):
        stdout.print(escape(note), style="yellow", highlight=False, soft_wrap=True)


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
        stdout.print(f"[bold]{name:<10}[/bold] {escape(value)}", highlight=False, soft_wrap=True)
    groups = _alike(found.differences)
    for group in groups[:MOST_GROUPS]:
        _show_differences(group)
    if hidden := sum(len(group) for group in groups[MOST_GROUPS:]):
        stdout.print(f"and {hidden:,} more: --json tells all of them", highlight=False)
    if advice := _advice(found):
        stdout.print(escape(advice), style="yellow", highlight=False, soft_wrap=True)


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
    stdout.print(escape(words), style=style, highlight=False, soft_wrap=True)


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
