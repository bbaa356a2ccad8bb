"""How much memory a first sync takes, and how that grows with the workspace."""

from itertools import pairwise

from benchmarks.bench import Bench
from benchmarks.rows import Row, at_most, below
from benchmarks.served import served
from benchmarks.syncing import Synced, sync

SMALL, LARGE, HUGE = 50_000, 200_000, 1_000_000
GB = 1e9


def memory(bench: Bench) -> list[Row]:
    """The peaks of first syncs of three sizes, and each one's ratio to the one before."""
    done = {full: first_sync(bench, full) for full in (SMALL, LARGE, HUGE)}
    peaks = {full: one.cost.peak_bytes / GB for full, one in done.items()}
    targets = {LARGE: below(1.0)}
    growth = {(LARGE, HUGE): at_most(1.3)}
    return [
        *(
            Row("memory", f"peak at {full:,}", peak, "GB", targets.get(full), _seen(done[full]))
            for full, peak in peaks.items()
        ),
        *(
            Row("memory", f"{after:,} / {before:,}", peaks[after] / peaks[before], target=growth.get((before, after)))
            for before, after in pairwise(peaks)
        ),
    ]


def first_sync(bench: Bench, full: int) -> Synced:
    """One of a workspace of that full size, with neither quota nor latency."""
    place = bench.folder / f"memory-{full}"
    with served(place.with_suffix(".sandbox"), contacts=bench.contacts(full)) as workspace:
        return sync(workspace, place)


def _seen(done: Synced) -> str:
    return f"{done.contacts_read + done.joins:,} rows, {done.cost.seconds:.1f} s"
