"""A comparison with dlt's REST source, run in a process of its own."""

import json
import sys

from ..measuring import PAGE_SIZE, TOKEN, SandboxLoad, served, started
from ..report import Row, at_least
from .bench import LATENCY, Bench
from .throughput import ROWS_PER_SECOND

CONTACTS = 10_000
READING_SECONDS = 30
"""After this time it reads no further page of contacts, and finishes the contacts it has: some minutes at most."""
TIMEOUT_SECONDS = 900


def plain(bench: Bench) -> list[Row]:
    """Rows per second of dlt's REST source, compared with ours."""
    folder = bench.folder / "plain"
    with served(folder.with_suffix(".sandbox"), contacts=bench.contacts(CONTACTS), latency=LATENCY) as sandbox:
        arguments = [sandbox.url, TOKEN, str(folder), f"--seconds={READING_SECONDS}", f"--per-page={PAGE_SIZE}"]
        command = [sys.executable, "-m", "benchmarks.rivals.plain_pipeline", *arguments]
        load = SandboxLoad(sandbox)
        with started(command, log=folder, timeout_seconds=TIMEOUT_SECONDS) as child:
            process = child.finished()
        load_row = load.row("plain")
        all_rows = sandbox.status().size.rows
    rows = sum(json.loads(process.output.read_bytes()).values())
    rows_per_second = rows / process.cost.seconds
    part = "all" if rows == all_rows else f"of {all_rows:,}, then stopped"
    details = f"{rows:,} rows, {part}, {process.cost.seconds:.1f} s"
    ours = bench.large.rows_per_second
    return [
        Row("plain", "rows, end to end", rows_per_second, ROWS_PER_SECOND, details=details),
        load_row,
        Row("plain", "ours / plain", ours / rows_per_second, target=at_least(50), details=f"ours {ours:,.0f} rows/s"),
    ]
