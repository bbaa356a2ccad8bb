"""The use of the quota, by one sync, by two at the same time, and by one that reads conversations."""

from math import ceil
from pathlib import Path

from ..measuring import (
    PAGE_SIZE,
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
FEW_CONTACTS, CONVERSATIONS = 300, 2_000
PARTS = {"SOURCES__INTERCOM__RESOURCES": '["conversation_parts"]', "SOURCES__INTERCOM__PARTS_BUDGET": 10_000_000}


def quota(bench: Bench) -> list[Row]:
    """One first sync on a small quota."""
    folder = bench.folder / "quota"
    contacts = bench.contacts(ALONE_CONTACTS)
    with served(folder.with_suffix(".sandbox"), contacts=contacts, limit=LIMIT, latency=LATENCY) as sandbox:
        return alone("quota", sandbox, folder, sandbox.status().size.page_minimum)


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


def conversations(bench: Bench) -> list[Row]:
    """One first sync of conversations with all of their parts, for which each takes a call, on a small quota."""
    folder, count = bench.folder / "conversations", bench.contacts(CONVERSATIONS)
    log = folder.with_suffix(".sandbox")
    with served(log, contacts=FEW_CONTACTS, conversations=count, limit=LIMIT, latency=LATENCY) as sandbox:
        minimum = sandbox.status().size.page_minimum + ceil(count / PAGE_SIZE) + count
        return alone("conversations", sandbox, folder, minimum, **PARTS)


def alone(scenario: str, sandbox: ServedSandbox, folder: Path, minimum: int, **settings: object) -> list[Row]:
    """One first sync with the default share of the quota, compared with the fewest calls that it needs."""
    load = SandboxLoad(sandbox)
    done = sync(sandbox, folder, **settings)
    load_row = load.row(scenario)
    return [
        reading(scenario, done.reading_seconds, quota_bound(minimum, limit=LIMIT, share=SHARE), target=1.08),
        Row(scenario, "calls / page minimum", done.calls / minimum, details=f"{done.calls:,} / {minimum:,}"),
        refusals(scenario, sandbox),
        load_row,
    ]


def reading(scenario: str, seconds: float, bound: float, *, target: float) -> Row:
    """The time of reading, compared with its lower bound."""
    details = f"{seconds:.1f} s / {bound:.1f} s"
    return Row(scenario, "reading / quota bound", seconds / bound, target=at_most(target), details=details)


def refusals(scenario: str, sandbox: ServedSandbox) -> Row:
    return Row(scenario, "calls refused with 429", sandbox.status().refused, "", at_most(0))
