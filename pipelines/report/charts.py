"""The geometry of the report's charts. The templates draw them as SVG."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise

from .numbers import Day

WIDTH, HEIGHT = 360, 150
LEFT, RIGHT, TOP = 40, 44, 8
LINE_HEIGHT, BARS_HEIGHT = 88, 34
BASE = TOP + LINE_HEIGHT + 8 + BARS_HEIGHT / 2
WIDEST_BAR = 7
SPARK_WIDTH, SPARK_HEIGHT, SPARK_POINTS = 120, 24, 65
ROW_HEIGHT, NAMES_WIDTH, STRIP_WIDTH = 13, 190, 760
FEWEST_PIXELS, MOST_PIXELS = 2, 14
DATE_WIDTH = 48
FILLED = ("swept", "confirmed", "deleted")
"""Days of these states have a class of that name. All others are hatched."""


@dataclass(frozen=True)
class Box:
    """A rectangle. `kind` is its class; `first` and `last` are the days it stands for."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    first: date
    last: date


@dataclass(frozen=True)
class SizeChart:
    """A segment's members as a line, and its joins and leaves as bars below it, over the same days.

    `gaps` are hatched. Where a gap lies between two known sizes, a dashed bridge of `bridges`, from
    (x1, y1) to (x2, y2), stands for the line.
    """

    line: str
    bridges: tuple[tuple[float, float, float, float], ...]
    bars: tuple[Box, ...]
    gaps: tuple[Box, ...]
    edits: tuple[tuple[float, date], ...]
    days: tuple[tuple[Box, Day], ...]
    first: tuple[float, float, int]
    last: tuple[float, float, int]


@dataclass(frozen=True)
class StripRow:
    """A segment's days in the strip of observations, as runs of equal days, and its edits."""

    name: str
    y: float
    runs: tuple[Box, ...]
    edits: tuple[tuple[float, date], ...]


@dataclass(frozen=True)
class Strip:
    """On which days each segment was observed."""

    width: float
    height: float
    rows: tuple[StripRow, ...]
    dates: tuple[tuple[float, date], ...]


def size_chart(days: Sequence[Day], edited_on: Sequence[date]) -> SizeChart | None:
    """The chart of one segment; null if its size was never known."""
    known = _known(days)
    if not known:
        return None
    step = (WIDTH - LEFT - RIGHT) / max(1, len(days) - 1)
    height_of = _scale([size for _, size in known])

    def x(number: int) -> float:
        return LEFT + step * number

    points = [(number, x(number), height_of(size)) for number, size in known]
    return SizeChart(
        line=_path(points),
        bridges=tuple((a[1], a[2], b[1], b[2]) for a, b in pairwise(points) if b[0] != a[0] + 1),
        bars=tuple(_bars(days, x, min(WIDEST_BAR, max(1, step * 0.7)))),
        gaps=tuple(_gaps(days, x, step)),
        edits=tuple((x((day - days[0].day).days), day) for day in edited_on if days[0].day <= day <= days[-1].day),
        days=tuple(
            (Box("day", x(number) - step / 2, TOP, step, HEIGHT - 22, day.day, day.day), day)
            for number, day in enumerate(days)
            if day.day_status != "deleted"
        ),
        first=(points[0][1], points[0][2], known[0][1]),
        last=(points[-1][1], points[-1][2], known[-1][1]),
    )


def _known(days: Sequence[Day]) -> list[tuple[int, int]]:
    """The sizes of the days on which the segment's size was known, each with the number of its day."""
    return [
        (number, day.member_count)
        for number, day in enumerate(days)
        if day.member_count is not None and day.day_status != "deleted"
    ]


def _scale(sizes: Sequence[int]) -> Callable[[int], float]:
    """The height of a size, with some room above the largest and below the smallest."""
    room = max(1, (max(sizes) - min(sizes)) * 0.08)
    low, high = max(0, min(sizes) - room), max(sizes) + room
    return lambda size: TOP + LINE_HEIGHT * (1 - (size - low) / (high - low))


def _path(points: Sequence[tuple[int, float, float]], reach: int = 1) -> str:
    """Points that are at most `reach` numbers apart are connected."""
    moves = [None, *points]
    return "".join(
        f"{'L' if before and point[0] <= before[0] + reach else 'M'}{point[1]:.1f} {point[2]:.1f}"
        for before, point in zip(moves, points, strict=False)
    )


def _bars(days: Sequence[Day], x: Callable[[int], float], width: float) -> Iterator[Box]:
    highest = max([1, *(max(day.entered_count or 0, (day.left_count or 0) + (day.other_count or 0)) for day in days)])
    scale = BARS_HEIGHT / 2 / highest
    for number, day in enumerate(days):
        joined, left, other = ((count or 0) * scale for count in (day.entered_count, day.left_count, day.other_count))
        parts = (("join", BASE - joined, joined), ("leave", BASE, left), ("gone", BASE + left, other))
        for kind, y, height in parts:
            if height:
                yield Box(kind, x(number) - width / 2, y, width, height, day.day, day.day)


def _gaps(days: Sequence[Day], x: Callable[[int], float], step: float) -> Iterator[Box]:
    for status, numbers in groupby(range(len(days)), key=lambda number: days[number].day_status):
        run = list(numbers)
        if status == "unobserved":
            width = len(run) * step
            height = LINE_HEIGHT + BARS_HEIGHT + 8
            yield Box("gap", x(run[0]) - step / 2, TOP, width, height, days[run[0]].day, days[run[-1]].day)


def sparkline(days: Sequence[Day]) -> str:
    """The path of a segment's size; empty for fewer than two known sizes."""
    known = _known(days)
    if len(known) < 2:
        return ""
    every = max(1, len(known) // SPARK_POINTS)
    thinned = known[::every]
    low, high = min(size for _, size in thinned), max(size for _, size in thinned)
    step, scale = (SPARK_WIDTH - 4) / max(1, len(days) - 1), (SPARK_HEIGHT - 4) / ((high - low) or 1)
    return _path(
        [(number, 2 + step * number, SPARK_HEIGHT - 2 - scale * (size - low)) for number, size in thinned], every
    )


def strip(rows: Sequence[tuple[str, Sequence[Day], Sequence[date]]], first_on: date, last_on: date) -> Strip:
    """The strip of segments, each with its name, its days and the days of its edits."""
    count = (last_on - first_on).days + 1
    pixels = max(FEWEST_PIXELS, min(MOST_PIXELS, STRIP_WIDTH / count))

    def x(day: date) -> float:
        return NAMES_WIDTH + (day - first_on).days * pixels

    drawn = tuple(
        StripRow(
            name,
            number * ROW_HEIGHT,
            tuple(_runs(days, x, pixels, number * ROW_HEIGHT + 1)),
            tuple((x(day) + pixels / 2, day) for day in edited_on if first_on <= day <= last_on),
        )
        for number, (name, days, edited_on) in enumerate(rows)
    )
    dates = [first_on + timedelta(number) for number in range(0, count, math.ceil(DATE_WIDTH / pixels))]
    return Strip(
        NAMES_WIDTH + count * pixels, ROW_HEIGHT * len(drawn) + 20, drawn, tuple((x(day), day) for day in dates)
    )


def _runs(days: Sequence[Day], x: Callable[[date], float], pixels: float, y: float) -> Iterator[Box]:
    for status, group in groupby(days, key=lambda day: day.day_status):
        run = list(group)
        width = len(run) * pixels - 1
        kind = status if status in FILLED else "gap"
        yield Box(kind, x(run[0].day), y, width, ROW_HEIGHT - 2, run[0].day, run[-1].day)
