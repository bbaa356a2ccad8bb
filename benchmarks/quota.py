"""How close reading comes to what the quota allows, alone and beside another one."""

from .bench import Bench
from .floors import quota_floor
from .rows import Row, at_most
from .served import Served, served
from .syncing import SHARE, sync, synced, syncing
from .watch import Watch

LIMIT = 200
LATENCY = 0.2
ALONE_CONTACTS = 60_000
SHARED_CONTACTS = 20_000


def quota(bench: Bench) -> list[Row]:
    """One first sync on a small quota."""
    place = bench.folder / "quota"
    contacts = bench.contacts(ALONE_CONTACTS)
    with served(place.with_suffix(".sandbox"), contacts=contacts, limit=LIMIT, latency=LATENCY) as workspace:
        minimum = workspace.told().size.page_minimum
        watch = Watch(workspace)
        done = sync(workspace, place)
        sandbox = watch.row("quota")
        return [
            extraction("quota", done.reading_seconds, quota_floor(minimum, limit=LIMIT, share=SHARE), target=1.08),
            Row("quota", "calls / page minimum", done.calls / minimum, seen=f"{done.calls:,} / {minimum:,}"),
            refusals("quota", workspace),
            sandbox,
        ]


def two(bench: Bench) -> list[Row]:
    """Two first syncs at the same time on one quota, of which each may spend the usual share."""
    place = bench.folder / "two"
    contacts = bench.contacts(SHARED_CONTACTS)
    with served(place.with_suffix(".sandbox"), contacts=contacts, limit=LIMIT, latency=LATENCY) as workspace:
        minimum = 2 * workspace.told().size.page_minimum
        watch = Watch(workspace)
        with (
            syncing(workspace, bench.folder / "two-one") as one,
            syncing(workspace, bench.folder / "two-other") as other,
        ):
            seconds = max(synced(each).reading_seconds for each in (one, other))
        sandbox = watch.row("two")
        return [
            extraction("two", seconds, quota_floor(minimum, limit=LIMIT, share=2 * SHARE), target=1.10),
            refusals("two", workspace),
            sandbox,
        ]


def extraction(scenario: str, seconds: float, floor: float, *, target: float) -> Row:
    """Reading, held against the quota."""
    seen = f"{seconds:.1f} s / {floor:.1f} s"
    return Row(scenario, "extraction / quota floor", seconds / floor, target=at_most(target), seen=seen)


def refusals(scenario: str, workspace: Served) -> Row:
    """How often Intercom's 429 was answered, to anybody."""
    return Row(scenario, "calls refused with 429", workspace.told().refused, "", at_most(0))
