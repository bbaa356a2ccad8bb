"""How fast rows come where no quota holds them back, how much of that is the network's, and what nothing costs."""

import asyncio
import time

from .bench import Bench, Large
from .noting import SEARCHES
from .receiving import received
from .rows import Row, at_least, at_most
from .syncing import sync
from .watch import Watch

ROWS_PER_SECOND = "rows/s"


def throughput(bench: Bench) -> list[Row]:
    """The first sync of a large workspace, then its pages once more, received by a bare loop."""
    large = bench.large
    cost = large.synced.cost
    floor = bytes_floor(large)
    return [
        Row("throughput", "rows, end to end", large.rows_per_second, ROWS_PER_SECOND, at_least(15_000), _seen(large)),
        Row("throughput", "sync / bytes floor", cost.seconds / floor, seen=f"{cost.seconds:.1f} s / {floor:.1f} s"),
        large.sandbox,
    ]


def unchanged(bench: Bench) -> list[Row]:
    """The same workspace again, at once, with no sweeps that need not be."""
    large = bench.large
    watch = Watch(large.workspace)
    again = sync(large.workspace, large.folder, SOURCES__INTERCOM__SWEEP_BUDGET=0)
    return [
        Row("unchanged", "calls", again.calls, "", at_most(10)),
        Row("unchanged", "sync", again.cost.seconds, "s", at_most(5), f"{again.cost.cpu_seconds:.1f} s of CPU"),
        watch.row("unchanged"),
    ]


def bytes_floor(large: Large) -> float:
    """Seconds to receive the pages that the sync asked for, with as many connections, and nothing else."""
    bodies: list[str] = large.workspace.ask("GET", SEARCHES).raise_for_status().json()
    began = time.monotonic()
    asyncio.run(received(large.workspace.url, bodies))
    return time.monotonic() - began


def _seen(large: Large) -> str:
    cost = large.synced.cost
    return f"{large.loaded:,} rows, {cost.seconds:.1f} s, CPU {cost.cpu_seconds:.1f} s"
