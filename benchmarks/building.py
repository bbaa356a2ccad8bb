"""How long all marts take over a made-up history, and how that grows with it."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from .bench import Bench
from .rows import Row, Target, below

if TYPE_CHECKING:
    from .models import ModelFigures

MEGABYTES_A_GB = 1000
TARGETS: Mapping[tuple[int, str], Target] = {
    (5_000_000, "built"): below(60),
    (5_000_000, "peak"): below(2.5),
    (5_000_000, "a day counted"): below(1),
}


def models(bench: Bench) -> list[Row]:
    """A build of all marts over about 100 thousand, 1 million and 5 million spells."""
    # Late, as it brings dlt and DuckDB: what this process holds is counted in with what its children hold.
    from .models import SIZES, measure

    sizes = sorted(SIZES.values(), key=lambda size: size.spells)
    most = max(sizes[-1].spells * bench.scale, sizes[0].spells)
    return model_rows({size.spells: measure(size) for size in sizes if size.spells <= most})


def model_rows(measured: "Mapping[int, ModelFigures]") -> list[Row]:
    """The figures of each size, named by about how many spells it has, and its seconds against those before it."""
    return [row for about, figures in measured.items() for row in figures_of(about, figures)] + [
        Row("models", f"{after:,} / {before:,}", measured[after].seconds / measured[before].seconds)
        for before, after in pairwise(measured)
    ]


def figures_of(about: int, figures: "ModelFigures") -> list[Row]:
    """Seconds and peak of a build, and the seconds to count a day of snapshots in it."""
    built = f"{figures.spells:,} spells, models {figures.model_seconds:.1f} s, checks {figures.check_seconds:.1f} s"
    peak = figures.peak_megabytes / MEGABYTES_A_GB
    return [
        _row(about, "built", figures.seconds, "s", built),
        _row(about, "peak", peak, "GB", f"file {figures.file_megabytes:,.0f} MB"),
        _row(about, "a day counted", figures.snapshot_seconds, "s", f"{figures.snapshot_rows:,} snapshots"),
    ]


def _row(about: int, what: str, value: float, unit: str, seen: str) -> Row:
    return Row("models", f"{about:,} spells, {what}", value, unit, TARGETS.get((about, what)), seen)
