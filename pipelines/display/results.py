"""Results of the commands that write, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from sources.intercom.wire import named

from ..messages import duration_text
from ..settings import SECRETS
from .terminal import SCAN_PROBLEMS, as_text, print_notes, print_row, print_rows, shortest, stdout

if TYPE_CHECKING:  # the command that returns a result has imported it
    from sources.intercom.readings import Preview

    from ..commands import (
        Aborted,
        Backfilled,
        BackfillPreview,
        Exported,
        Finding,
        Forgotten,
        KnownResources,
        Outcome,
        Waiting,
    )
    from ..commands.init import Initialized
    from ..commands.repair import Repaired
    from ..destinations import Warehouse
    from ..models import Build

CHOOSE = (
    "The setting resources in .dlt/config.toml chooses what a sync reads. sync --only tags,companies reads some lists "
    "at once."
)


def show_sync(outcome: Outcome, warehouse: Warehouse) -> None:
    print_rows(
        {
            "workspace": f"{outcome.workspace_id}: {outcome.segments} segments, {outcome.members:,} memberships",
            "changed": f"{outcome.joins:,} joined, {outcome.leaves:,} left, {outcome.contacts_read:,} contacts read, "
            f"{outcome.contacts_gone:,} removed",
            "swept": f"{outcome.swept} of {outcome.segments} segments",
            "lists": _lists(outcome),
            "cost": _cost(outcome),
            "query": warehouse.address,
        }
    )
    print_notes(f"alert: {alert.text}" for alert in outcome.alerts)
    print_notes(_incomplete(outcome))
    print_notes(outcome.notes)
    _print_fields(outcome.drift)
    _print_checks(outcome.warnings)


def _lists(outcome: Outcome) -> str:
    if not outcome.lists:
        return "not read"
    counts = Counter(outcome.lists.values())
    others = [f"{counts[status]} {status}" for status in ("partial", "incomplete", "refused") if counts[status]]
    return ", ".join([f"{counts['complete']} complete", *others, f"{outcome.list_rows:,} rows changed"])


def _incomplete(outcome: Outcome) -> Iterator[str]:
    for segment_id, problem in outcome.incomplete.items():
        meaning = SCAN_PROBLEMS.get(problem, problem)
        yield f"incomplete: segment {segment_id} {meaning}. This run recorded no leaves for it."


def show_resources(known: KnownResources) -> None:
    """The lists of the catalogue, those that are not read at the end."""
    table = _table("list", "read", "needs", "last reading", numbers=("records", "calls"))
    for one in sorted(known.resources, key=lambda one: not one.is_chosen):
        last = one.last
        table.add_row(
            one.resource,
            "yes" if one.is_chosen else "no",
            f"{one.needs}, {one.since}+",
            f"{last.status}, {last.observed_at:%Y-%m-%d %H:%M}" if last else "never",
            f"{last.records:,}" if last else "",
            f"{last.calls:,}" if last else "",
        )
    stdout.print(table)
    print_notes([CHOOSE])


def show_plan(preview: Preview) -> None:
    """The plan of a sync; the largest segments come first."""
    plan = preview.plan
    if plan.sweeps:
        table = _table("segment", "swept because", numbers=("members", "calls"))
        for sweep in sorted(plan.sweeps, key=lambda sweep: -sweep.members):
            table.add_row(as_text(named(sweep.segment.name)), sweep.why, f"{sweep.members:,}", f"{sweep.sweep_calls:,}")
        stdout.print(table)
    if preview.lists:
        stdout.print(_planned_lists(preview))
    print_rows(dict(_plan_rows(preview)))
    print_notes(preview.notes)


def _planned_lists(preview: Preview) -> Table:
    """The lists; the most expensive ones come first."""
    table = _table("list", numbers=("records", "calls", "MB", "at least"))
    for one in sorted(preview.lists, key=lambda one: (one.calls is not None, -(one.calls or 0))):
        records = "" if one.records is None else f"{one.records:,}"
        calls = "one a parent" if one.calls is None else f"{one.calls:,}"
        table.add_row(one.table_name, records, calls, f"{one.megabytes:,.1f}", _took(preview.seconds_of(one.calls)))
    return table


def _plan_rows(preview: Preview) -> Iterator[tuple[str, str]]:
    if preview.is_of_lists:
        yield "lists", f"{len(preview.lists)} to read, and neither contacts nor segments"
    else:
        yield from _planned_memberships(preview)
    yield "cost", ", ".join(filter(None, _plan_costs(preview)))
    if preview.excluded:
        yield "excluded", f"{preview.excluded} segments: not read"
    if preview.plan.rest:
        calls = f"up to {preview.plan.drift_calls:,} more calls"
        yield "drift", f"{calls}, for segments whose counts turn out to have drifted"


def _plan_costs(preview: Preview) -> Iterator[str]:
    yield f"about {preview.calls:,} calls and {preview.megabytes:,.1f} MB"
    yield f"at least {took}" if (took := _took(preview.seconds)) else ""


def _took(seconds: int | None) -> str:
    """Empty where it is unknown."""
    return "" if seconds is None else duration_text(seconds)


def _planned_memberships(preview: Preview) -> Iterator[tuple[str, str]]:
    plan = preview.plan
    yield "contacts", f"{preview.contacts:,} to read"
    if preview.asked:
        yield "segments", f"read from {preview.asked:,} contacts, one call each: search refuses to find by segment"
    else:
        yield "segments", f"{len(plan.sweeps)} swept, {len(plan.rest)} read only for contacts that changed"


def show_backfill(outcome: Backfilled, warehouse: Warehouse) -> None:
    window = outcome.window
    print_rows(
        {
            "workspace": f"{outcome.workspace_id}: contacts from {window['from']} to {window['to']}, by {outcome.by}",
            "loaded": f"{outcome.contacts_loaded:,} contacts, {outcome.left_to_sync:,} left to the next sync",
            "chunks": f"{outcome.chunks_done:,} of {outcome.chunks:,}, {outcome.chunks_done_before:,} by earlier runs",
            "cost": _cost(outcome),
            "query": warehouse.address,
        }
    )
    _print_fields(outcome.drift)
    print_notes(outcome.notes)
    _print_checks(outcome.warnings)


def show_backfill_plan(preview: BackfillPreview) -> None:
    from sources.intercom.readings import moment_of

    table = _table("from", "to", numbers=("contacts", "calls"))
    table.show_edge = table.pad_edge = False
    for estimate in preview.estimates:
        edges = (moment_of(estimate.chunk.since), moment_of(estimate.chunk.until))
        table.add_row(*edges, f"{estimate.contacts:,}", f"{estimate.calls:,}")
    stdout.print(table)
    print_rows(
        {
            "chunks": f"{len(preview.estimates):,} to load, {preview.chunks_done_before:,} loaded before",
            "contacts": f"{preview.contacts:,} to read, by {preview.by}",
            "cost": f"about {preview.calls:,} calls and {preview.megabytes:,.1f} MB",
        }
    )
    print_notes(preview.notes)


def show_build(built: Build) -> None:
    stdout.print(f"{len(built.models)} models built in {built.seconds:.1f} s, all checks done", highlight=False)
    _print_checks(map(str, built.faults))


def show_check(finding: Finding) -> None:
    """One line of `check`: a requirement that is met, or met in part."""
    print_row(finding.name, finding.text, mark="[yellow]??[/yellow] " if finding.remarks else "[green]ok[/green] ")
    print_notes(finding.remarks)


def show_pending(pending: Waiting) -> None:
    """Packages that are read and not loaded, and their rows by table."""
    for package in pending.packages:
        runs = f", run {', '.join(package.run_ids)}" if package.run_ids else ""
        print_row("package", f"{package.load_id}, made at {package.made_at}{runs}")
        print_row("rows", _by_table(package.rows))
        if package.failures:
            print_row("failed", ", ".join(f"{table} {failure}" for table, failure in package.failures.items()))
    if pending.shelved_parts:
        print_row("parts", f"{pending.shelved_parts:,} of a first load, {pending.shelved_rows:,} rows")
    if pending.arrived:
        print_row("arrived", _by_table(pending.arrived))


def show_aborted(aborted: Aborted) -> None:
    if aborted.waiting.is_nothing:
        print_row("pending", "no packages")
    elif not aborted.is_dropped:
        print_row("kept", "all packages; the next sync tries to load them")
    else:
        deleted = _by_table(aborted.deleted) or "nothing"
        print_row("dropped", f"deleted from the warehouse: {deleted}; the next sync reads all of it again")


def show_forgotten(forgotten: Forgotten) -> None:
    """What was removed. Nothing here identifies the person."""
    rows = ", ".join(f"{count:,} of {table}" for table, count in forgotten.rows.items())
    print_rows(
        {
            "workspace": forgotten.workspace_id,
            "forgotten": f"rows that named the contact: {rows}" if rows else "no row names this contact",
            "cost": f"{forgotten.seconds:.1f} s",
        }
    )
    print_notes(_forget_notes(forgotten))


def _forget_notes(forgotten: Forgotten) -> Iterator[str]:
    if forgotten.was_interrupted:
        yield "This run also finished an earlier forget that was interrupted."
    if forgotten.merged_with:
        merged = ", ".join(forgotten.merged_with)
        yield f"Contacts merged with this one have rows of their own: {merged}. Forget them, too."
    if forgotten.rows:
        yield (
            "Delete the contact in Intercom, too: otherwise the next sync loads it again. Backups and other copies of "
            "the warehouse still hold it."
        )


def show_initialized(initialized: Initialized) -> None:
    """The files, and the next step."""
    for mark, files in (("wrote", initialized.written), ("kept", initialized.kept)):
        for file in files:
            print_row(mark, shortest(initialized.folder / file))
    if initialized.not_ignored:
        print_notes([f"Add these lines to .gitignore: {', '.join(initialized.not_ignored)}"])
    secrets = shortest(initialized.folder / SECRETS)
    print_row("next", f"put the access token into {secrets}, then run intercom-warehouse check")


def show_exported(exported: Exported) -> None:
    """The files, and a word about personal data."""
    table = Table("file", box=SIMPLE_HEAD)
    table.add_column("rows", justify="right")
    table.add_column("MB", justify="right")
    for one in exported.files:
        table.add_row(as_text(shortest(Path(one.file))), f"{one.rows:,}", f"{one.megabytes:,.1f}")
    stdout.print(table)
    print_notes(["These files hold personal data. `forget` does not know where you keep them."])


def show_report(file: Path, *, has_people: bool) -> None:
    """Where the page is, and who may see it."""
    warning = "It holds personal data." if has_people else "It holds no personal data, so it can be forwarded."
    stdout.print(
        f"\nThe report is in {shortest(file)}. Open it in a browser. {warning}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def show_repaired(repaired: Repaired) -> None:
    """What was removed, or would be."""
    print_rows(dict(_repair_rows(repaired)))
    if repaired.is_dry_run and not repaired.is_nothing:
        print_notes(["Nothing was removed. Run the command without --dry-run to remove it."])
    _print_checks(repaired.warnings)


def _repair_rows(repaired: Repaired) -> Iterator[tuple[str, str]]:
    yield "workspace", repaired.workspace_id
    for run in repaired.runs:
        yield f"run {run.run_id}", f"{run.command or 'not in the journal'}: {_by_table(run.rows) or 'no rows'}"
    if repaired.doubled:
        yield "doubled", _by_table(repaired.doubled)
    if repaired.schemas:
        yield "schemas", f"{', '.join(repaired.schemas)}: of dlt's development mode"
    if repaired.is_nothing:
        yield "repaired", "nothing: no row is there twice"


def _cost(outcome: Outcome | Backfilled) -> str:
    return f"{outcome.api_calls:,} calls, {outcome.megabytes:,.1f} MB, {outcome.seconds:.1f} s"


def _table(*texts: str, numbers: Iterable[str]) -> Table:
    table = Table(*texts, box=SIMPLE_HEAD)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def _by_table(rows: Mapping[str, int | None]) -> str:
    counts = {table: "cannot be read" if count is None else f"{count:,}" for table, count in rows.items()}
    return ", ".join(f"{table} {count}" for table, count in counts.items())


def _print_fields(changes: Iterable[str]) -> None:
    print_notes(f"fields: {change}" for change in changes)


def _print_checks(warnings: Iterable[str]) -> None:
    print_notes(f"check: {warning}" for warning in warnings)
