"""The time of building all marts from a generated history, and how it grows with the history."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from ..report import Row, Target, below
from .bench import Bench

if TYPE_CHECKING:
    from ..history import BuildCost

MEGABYTES_PER_GB = 1000
TARGETS: Mapping[tuple[int, str], Target] = {
    (5_000_000, "build"): below(60),
    (5_000_000, "CPU"): below(110),
    (5_000_000, "peak"): below(2.5),
    (5_000_000, "count of one day"): below(1),
}


def models(bench: Bench) -> list[Row]:
    """A build of all marts from about 100 thousand, 1 million and 5 million spells."""
    # Late, because it imports dlt and DuckDB: the memory of this process counts in the peaks of its children.
    from ..history import SIZES, measure_build

    sizes = sorted(SIZES.values(), key=lambda size: size.spells)
    most = max(sizes[-1].spells * bench.scale, sizes[0].spells)
    return model_rows({size.spells: measure_build(size) for size in sizes if size.spells <= most})


def model_rows(builds: "Mapping[int, BuildCost]") -> list[Row]:
    """The rows of each size, keyed by its approximate number of spells, and the ratios of consecutive sizes."""
    return [row for spells, build in builds.items() for row in build_rows(spells, build)] + [
        Row("models", f"{after:,} / {before:,}", builds[after].seconds / builds[before].seconds)
        for before, after in pairwise(builds)
    ]


def build_rows(spells: int, build: "BuildCost") -> list[Row]:
    """The time, the CPU time and the peak memory of a build, and the time to count one day of snapshots."""
    details = f"{build.spells:,} spells, models {build.model_seconds:.1f} s, checks {build.check_seconds:.1f} s"
    peak = build.peak_megabytes / MEGABYTES_PER_GB
    return [
        _row(spells, "build", build.seconds, "s", details),
        _row(spells, "CPU", build.cpu_seconds, "s", "of the process"),
        _row(spells, "peak", peak, "GB", f"file {build.file_megabytes:,.0f} MB"),
        _row(spells, "count of one day", build.snapshot_seconds, "s", f"{build.snapshot_rows:,} snapshots"),
    ]


def _row(spells: int, metric: str, value: float, unit: str, details: str) -> Row:
    return Row("models", f"{spells:,} spells, {metric}", value, unit, TARGETS.get((spells, metric)), details)
