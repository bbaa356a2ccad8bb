"""How much memory a first sync takes, and how that grows with the workspace."""

from itertools import pairwise

from .bench import Bench
from .rows import Row, at_most, below
from .served import served
from .syncing import Synced, sync
from .watch import Watch

SMALL, LARGE, HUGE = 50_000, 200_000, 1_000_000
GB = 1e9


def memory(bench: Bench) -> list[Row]:
    """The peaks of first syncs of three sizes, and each one's ratio to the one before."""
    done = {full: first_sync(bench, full) for full in (SMALL, LARGE, HUGE)}
    peaks = {full: one.cost.peak_bytes / GB for full, (one, _) in done.items()}
    targets = {LARGE: below(1.0)}
    growth = {(LARGE, HUGE): at_most(1.3)}
    return [
        *(
            Row("memory", f"peak at {full:,}", peak, "GB", targets.get(full), _seen(done[full][0]))
            for full, peak in peaks.items()
        ),
        *(
            Row("memory", f"{after:,} / {before:,}", peaks[after] / peaks[before], target=growth.get((before, after)))
            for before, after in pairwise(peaks)
        ),
        *(sandbox for _, sandbox in done.values()),
    ]


def first_sync(bench: Bench, full: int) -> tuple[Synced, Row]:
    """One of a workspace of that full size, with neither quota nor latency, and how busy it kept the sandbox."""
    place = bench.folder / f"memory-{full}"
    with served(place.with_suffix(".sandbox"), contacts=bench.contacts(full)) as workspace:
        watch = Watch(workspace)
        return sync(workspace, place), watch.row("memory", of=f"sandbox of {full:,}")


def _seen(done: Synced) -> str:
    return f"{done.contacts_read + done.joins:,} rows, {done.cost.seconds:.1f} s"
