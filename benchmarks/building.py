"""How long all marts take over a made-up history, and how that grows with it."""

from importlib import import_module
from itertools import pairwise
from typing import Any

from benchmarks.bench import Bench
from benchmarks.rows import Row

MEGABYTES_A_GB = 1000


def models(bench: Bench) -> list[Row]:
    """A build of all marts over 100 thousand, 1 million and 5 million spells."""
    # Imported late: it brings dlt and DuckDB, and what this process holds is counted in with what its children hold.
    measuring = import_module("benchmarks.models")
    largest = max(size.spells for size in measuring.SIZES.values())
    sizes = [size for size in measuring.SIZES.values() if size.spells <= largest * bench.scale]
    return model_rows([measuring.measure(size) for size in sizes])


def model_rows(measured: list[Any]) -> list[Row]:
    """Seconds and peak of each size, and each size's seconds against those of the one before."""
    return [row for figures in measured for row in figures_of(figures)] + [
        Row("models", f"{after.spells:,} / {before.spells:,}", after.seconds / before.seconds)
        for before, after in pairwise(measured)
    ]


def figures_of(figures: Any) -> list[Row]:
    """Of one size."""
    seen = f"models {figures.model_seconds:.1f} s, checks {figures.check_seconds:.1f} s"
    peak = figures.peak_megabytes / MEGABYTES_A_GB
    return [
        Row("models", f"{figures.spells:,} spells, built", figures.seconds, "s", seen=seen),
        Row("models", f"{figures.spells:,} spells, peak", peak, "GB", seen=f"file {figures.file_megabytes:,.0f} MB"),
    ]
