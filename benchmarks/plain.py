"""The plain way beside ours: dlt's REST source in a process of its own."""

import json
import sys

from .bench import LATENCY, Bench
from .children import started
from .rows import Row, at_least
from .served import TOKEN, served
from .throughput import ROWS_PER_SECOND
from .watch import Watch

CONTACTS = 10_000
PATIENCE_SECONDS = 30
"""Then it asks for no further page of contacts, and goes on with those that it has: some minutes at most."""
TIMEOUT_SECONDS = 900


def plain(bench: Bench) -> list[Row]:
    """Rows a second of the plain way, and how many times as many ours brings."""
    place = bench.folder / "plain"
    with served(place.with_suffix(".sandbox"), contacts=bench.contacts(CONTACTS), latency=LATENCY) as workspace:
        arguments = [workspace.url, TOKEN, str(place), f"--seconds={PATIENCE_SECONDS}"]
        command = [sys.executable, "-m", "benchmarks.plain_pipeline", *arguments]
        watch = Watch(workspace)
        with started(command, says=place, timeout_seconds=TIMEOUT_SECONDS) as child:
            ended = child.ended()
        sandbox = watch.row("plain")
        every = workspace.told().size.rows
    rows = sum(json.loads(ended.output.read_bytes()).values())
    rows_per_second = rows / ended.cost.seconds
    how_far = "all" if rows == every else f"of {every:,}, then stopped"
    seen = f"{rows:,} rows, {how_far}, {ended.cost.seconds:.1f} s"
    ours = bench.large.rows_per_second
    return [
        Row("plain", "rows, end to end", rows_per_second, ROWS_PER_SECOND, seen=seen),
        sandbox,
        Row("plain", "ours / plain", ours / rows_per_second, target=at_least(50), seen=f"ours {ours:,.0f} rows/s"),
    ]
