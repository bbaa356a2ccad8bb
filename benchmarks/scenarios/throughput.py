"""The speed of a sync without a quota, and the cost of a sync without changes."""

import asyncio
import time

from ..measuring import RECORDED_SEARCHES, SandboxLoad, replay, sync
from ..report import Row, at_least, at_most
from .bench import Bench, LargeWorkspace

ROWS_PER_SECOND = "rows/s"


def throughput(bench: Bench) -> list[Row]:
    """The first sync of a large workspace, compared with a plain replay of its searches."""
    large = bench.large
    cost = large.first_sync.cost
    bound = bytes_bound(large)
    details = f"{large.rows:,} rows, {cost.seconds:.1f} s, CPU {cost.cpu_seconds:.1f} s"
    return [
        Row("throughput", "rows, end to end", large.rows_per_second, ROWS_PER_SECOND, at_least(15_000), details),
        Row("throughput", "sync / bytes bound", cost.seconds / bound, details=f"{cost.seconds:.1f} s / {bound:.1f} s"),
        large.load,
    ]


def unchanged(bench: Bench) -> list[Row]:
    """A second sync of the same workspace, without optional sweeps."""
    large = bench.large
    load = SandboxLoad(large.sandbox)
    again = sync(large.sandbox, large.folder, SOURCES__INTERCOM__SWEEP_BUDGET=0)
    return [
        Row("unchanged", "calls", again.calls, "", at_most(10)),
        Row("unchanged", "sync", again.cost.seconds, "s", at_most(5), f"{again.cost.cpu_seconds:.1f} s of CPU"),
        load.row("unchanged"),
    ]


def bytes_bound(large: LargeWorkspace) -> float:
    """The seconds to receive the same pages again, over as many connections, and discard them."""
    bodies: list[str] = large.sandbox.request("GET", RECORDED_SEARCHES).raise_for_status().json()
    started = time.monotonic()
    asyncio.run(replay(large.sandbox.url, bodies))
    return time.monotonic() - started
