"""What a day costs: beside the history that is there, and as the history grows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..report import Row, at_most
from .bench import Bench

if TYPE_CHECKING:
    from ..history import ChangeBuild, DayCost

RUNS = (10, 100, 400)
MOST_GROWTH = 1.5
"""Of the CPU of the last run, against the first that is measured."""
SPELLS = "1m"


def growth(bench: Bench) -> list[Row]:
    """A few changes in a history of 1 million spells, and 400 daily syncs of a small workspace."""
    # Late, because it imports dlt and DuckDB: the memory of this process counts in the peaks of its children.
    from ..history import SIZES, measure_changes, measured_days, typical

    changes = [*measure_changes(SIZES[SPELLS])]
    runs = [max(round(run * bench.scale), 1) for run in RUNS]
    costs = measured_days(bench.folder / "growth", runs[-1])
    return [
        *map(_change_row, changes),
        Row("growth", "tables that differ", sum(len(one.differing) for one in changes), "", at_most(0)),
        *(row for run in runs for row in _run_rows(typical(costs, run))),
        Row(
            "growth",
            f"run {runs[-1]} / run {runs[0]}, CPU",
            typical(costs, runs[-1]).cpu_seconds / typical(costs, runs[0]).cpu_seconds,
            target=at_most(MOST_GROWTH),
        ),
    ]


def _change_row(change: "ChangeBuild") -> Row:
    ratio = change.whole_cpu_seconds / change.cpu_seconds
    details = f"{change.whole_cpu_seconds:.1f} s / {change.cpu_seconds:.1f} s"
    return Row("growth", f"all / {change.change}, CPU", ratio, details=details)


def _run_rows(cost: "DayCost") -> Iterator[Row]:
    files = f"file {cost.file_megabytes:,.0f} MB, working folder {cost.working_megabytes:,.0f} MB"
    yield Row("growth", f"run {cost.run}, CPU", cost.cpu_seconds, "s", details=files)
    yield Row("growth", f"run {cost.run}, peak so far", cost.peak_megabytes / 1_000, "GB")
