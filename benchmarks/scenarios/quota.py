"""The use of the quota, by one sync and by two at the same time."""

from ..measuring import (
    SHARE,
    SandboxLoad,
    ServedSandbox,
    finished_sync,
    quota_bound,
    served,
    sync,
    syncing,
)
from ..report import Row, at_most
from .bench import Bench

LIMIT = 200
LATENCY = 0.2
ALONE_CONTACTS = 60_000
SHARED_CONTACTS = 20_000


def quota(bench: Bench) -> list[Row]:
    """One first sync on a small quota."""
    folder = bench.folder / "quota"
    contacts = bench.contacts(ALONE_CONTACTS)
    with served(folder.with_suffix(".sandbox"), contacts=contacts, limit=LIMIT, latency=LATENCY) as sandbox:
        minimum = sandbox.status().size.page_minimum
        load = SandboxLoad(sandbox)
        done = sync(sandbox, folder)
        load_row = load.row("quota")
        return [
            reading("quota", done.reading_seconds, quota_bound(minimum, limit=LIMIT, share=SHARE), target=1.08),
            Row("quota", "calls / page minimum", done.calls / minimum, details=f"{done.calls:,} / {minimum:,}"),
            refusals("quota", sandbox),
            load_row,
        ]


def two(bench: Bench) -> list[Row]:
    """Two first syncs at the same time on one quota, each with the default share."""
    folder = bench.folder / "two"
    contacts = bench.contacts(SHARED_CONTACTS)
    with served(folder.with_suffix(".sandbox"), contacts=contacts, limit=LIMIT, latency=LATENCY) as sandbox:
        minimum = 2 * sandbox.status().size.page_minimum
        load = SandboxLoad(sandbox)
        with (
            syncing(sandbox, bench.folder / "two-one") as one,
            syncing(sandbox, bench.folder / "two-other") as other,
        ):
            seconds = max(finished_sync(each).reading_seconds for each in (one, other))
        load_row = load.row("two")
        return [
            reading("two", seconds, quota_bound(minimum, limit=LIMIT, share=2 * SHARE), target=1.10),
            refusals("two", sandbox),
            load_row,
        ]


def reading(scenario: str, seconds: float, bound: float, *, target: float) -> Row:
    """The time of reading, compared with its lower bound."""
    details = f"{seconds:.1f} s / {bound:.1f} s"
    return Row(scenario, "reading / quota bound", seconds / bound, target=at_most(target), details=details)


def refusals(scenario: str, sandbox: ServedSandbox) -> Row:
    return Row(scenario, "calls refused with 429", sandbox.status().refused, "", at_most(0))
