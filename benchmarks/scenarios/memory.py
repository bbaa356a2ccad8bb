"""The peak memory of a first sync, and how it grows with the workspace."""

from itertools import pairwise

from ..measuring import FinishedSync, SandboxLoad, served, sync
from ..report import Row, at_most, below
from .bench import Bench
from .quota import FEW_CONTACTS, PARTS

SMALL, LARGE, HUGE = 50_000, 200_000, 1_000_000
GB = 1e9
CONVERSATIONS = 200_000


def memory(bench: Bench) -> list[Row]:
    """The peaks of first syncs of three sizes, and the ratio of each to the one before."""
    done = {full: first_sync(bench, full) for full in (SMALL, LARGE, HUGE)}
    peaks = {full: one.cost.peak_bytes / GB for full, (one, _) in done.items()}
    targets = {LARGE: below(1.0)}
    growth = {(LARGE, HUGE): at_most(1.3)}
    return [
        *(
            Row("memory", f"peak at {full:,}", peak, "GB", targets.get(full), _details(done[full][0]))
            for full, peak in peaks.items()
        ),
        *(
            Row("memory", f"{after:,} / {before:,}", peaks[after] / peaks[before], target=growth.get((before, after)))
            for before, after in pairwise(peaks)
        ),
        *(load for _, load in done.values()),
    ]


def first_sync(bench: Bench, full: int) -> tuple[FinishedSync, Row]:
    """A first sync of that full size without quota and latency, and the load of its sandbox."""
    folder = bench.folder / f"memory-{full}"
    with served(folder.with_suffix(".sandbox"), contacts=bench.contacts(full)) as sandbox:
        load = SandboxLoad(sandbox)
        return sync(sandbox, folder), load.row("memory", name=f"sandbox of {full:,}")


def _details(done: FinishedSync) -> str:
    return f"{done.contacts_read + done.joins:,} rows, {done.cost.seconds:.1f} s"


def conversations_memory(bench: Bench) -> list[Row]:
    """The peak of a first sync of 200,000 conversations with all of their parts, without quota and latency."""
    folder, count = bench.folder / "conversations_memory", bench.contacts(CONVERSATIONS)
    with served(folder.with_suffix(".sandbox"), contacts=FEW_CONTACTS, conversations=count) as sandbox:
        load = SandboxLoad(sandbox)
        done = sync(sandbox, folder, **PARTS)
        load_row = load.row("conversations_memory")
    peak, details = done.cost.peak_bytes / GB, f"{done.calls:,} calls, {done.cost.seconds:.1f} s"
    return [Row("conversations_memory", f"peak at {CONVERSATIONS:,}", peak, "GB", below(1.0), details), load_row]
