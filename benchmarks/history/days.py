"""What a daily sync costs as its history grows: one small workspace, synced day after day in this process."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median

from pipelines.commands import Sync
from pipelines.destinations import Warehouse
from pipelines.settings import sandbox_settings
from sandbox.api import create_app, in_process
from sandbox.world import Workspace

from .builds import RSS_UNITS_PER_MEGABYTE, in_a_child

CONTACTS = 2_000
CHURN = 0.01
"""Events a day for each contact."""
AROUND = 5
"""Runs whose median counts as that of the last of them: some runs sweep more segments than others."""
TOKEN, NAME, QUOTA = "benchmark", "benchmark", 100_000  # the sandbox lives in this process


@dataclass(frozen=True)
class DayCost:
    """One run. The CPU is that of the sync with the sandbox that serves it; the peak is that of all runs so far."""

    run: int
    cpu_seconds: float
    peak_megabytes: float
    file_megabytes: float
    working_megabytes: float


def measured_days(folder: Path, days: int) -> list[DayCost]:
    """As `measure_days`, in a process of its own."""
    output, _ = in_a_child("days", str(folder), str(days))
    return [DayCost(**json.loads(line)) for line in output.splitlines()]


def measure_days(folder: Path, days: int) -> Iterator[DayCost]:
    """The cost of each daily sync. The clock is the workspace's, so no time passes between two runs."""
    start = datetime.now(UTC) - timedelta(days=days)
    workspace = Workspace(contacts=CONTACTS, workspace_id=NAME, token=TOKEN, start=start)
    warehouse, transport = Warehouse(folder), in_process(create_app(workspace, limit=QUOTA))
    for run in range(1, days + 1):
        workspace.live(days=1, churn=CHURN)
        began = time.process_time()
        Sync(warehouse, NAME, settings=sandbox_settings(TOKEN), clock=workspace.now, transport=transport).run()
        yield DayCost(
            run,
            time.process_time() - began,
            getrusage(RUSAGE_SELF).ru_maxrss / RSS_UNITS_PER_MEGABYTE,
            warehouse.file.stat().st_size / 1e6,
            _size(warehouse.working_folder(NAME)) / 1e6,
        )


def typical(costs: list[DayCost], run: int) -> DayCost:
    """The costs at a run, with the median CPU of it and the runs before it."""
    near = [one.cpu_seconds for one in costs[max(run - AROUND, 0) : run]]
    one = costs[run - 1]
    return DayCost(run, median(near), one.peak_megabytes, one.file_megabytes, one.working_megabytes)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
