"""How fast a run reads, and how long it will take: figures of a moment, from tallies that only grow."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sources.intercom.api import PAGE_SIZE, WINDOW_SECONDS
from sources.intercom.search import Progress, Tally

RECENT_SECONDS = WINDOW_SECONDS
"""What speeds are taken from. A whole window of the quota, lest a burst at its begin look like a speed."""
ENOUGH_SECONDS = 3
"""Before there is so much to tell from, no speed is told, and no time left."""
LOOK_SECONDS = 1
"""Speeds change this often, however often they are shown: digits that flicker cannot be read."""


@dataclass(frozen=True)
class Row:
    """One resource. `expected` is null while nobody knows, and never less than `rows`; `per_second` counts rows."""

    name: str
    rows: int
    calls: int
    expected: int | None = None
    per_second: float | None = None

    @property
    def percent(self) -> int | None:
        """How much is read, rounded down: 100 is all."""
        return 100 * self.rows // self.expected if self.expected else None


@dataclass(frozen=True)
class ProgressFigures:
    """All that is shown. Nulls are not known, or not yet; `calls_per_window` and `quota` count calls in 10 seconds."""

    rows: tuple[Row, ...]
    calls: int
    megabytes: float
    seconds: float
    calls_per_window: float | None = None
    quota: int | None = None
    seconds_left: float | None = None

    @property
    def percent_of_quota(self) -> int | None:
        """How much of what the workspace may spend is being spent."""
        if self.quota is None or self.calls_per_window is None:
            return None
        return round(100 * self.calls_per_window / self.quota)


@dataclass(frozen=True)
class Sample:
    """What was counted at a moment: rows and calls of each resource, and all calls."""

    at: float
    rows: dict[str, int]
    calls: dict[str, int]
    all_calls: int


class ProgressMeter:
    """Reads figures off a run's progress, as often as it is asked, and remembers enough to tell speeds.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, progress: Progress, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._now = clock
        self._began = clock()
        self._looks = deque([self._look()])

    def figures(self) -> ProgressFigures:
        """The figures of now; speeds are as of the last look."""
        self._look_again()
        rows = tuple(self._rows())
        calls_per_second = self._per_second(lambda look: look.all_calls)
        return ProgressFigures(
            rows,
            calls=self._progress.usage.calls.total(),
            megabytes=self._progress.usage.bytes_received / 1e6,
            seconds=self._now() - self._began,
            calls_per_window=None if calls_per_second is None else calls_per_second * WINDOW_SECONDS,
            quota=self._progress.pacer.limit,
            seconds_left=self._seconds_left(rows),
        )

    def _tallies(self) -> dict[str, Tally]:
        seen = self._progress
        return {"contacts": seen.contacts, "memberships": seen.memberships, "segments": seen.segments}

    def _look_again(self) -> None:
        """Adds a look where the last is old, and drops those that are no longer needed to look back far enough."""
        if self._now() - self._looks[-1].at >= LOOK_SECONDS:
            self._looks.append(self._look())
        while len(self._looks) > 1 and self._looks[-1].at - self._looks[1].at >= RECENT_SECONDS:
            self._looks.popleft()

    def _look(self) -> Sample:
        tallies = self._tallies()
        return Sample(
            self._now(),
            rows={name: tally.rows for name, tally in tallies.items()},
            calls={name: tally.calls for name, tally in tallies.items()},
            all_calls=self._progress.usage.calls.total(),
        )

    def _rows(self) -> Iterator[Row]:
        for name, tally in self._tallies().items():
            rows = tally.rows
            expected = None if tally.expected is None else max(tally.expected, rows)
            yield Row(name, rows, tally.calls, expected, self._per_second(_rows_of(name)))

    def _per_second(self, count: Callable[[Sample], int]) -> float | None:
        """The speed of late; null before there is enough to tell from."""
        first, last = self._looks[0], self._looks[-1]
        seconds = last.at - first.at
        return (count(last) - count(first)) / seconds if seconds >= ENOUGH_SECONDS else None

    def _seconds_left(self, rows: Iterable[Row]) -> float | None:
        """Told by calls, since contacts and memberships share a quota: the one goes faster when the other is done."""
        paged = [row for row in rows if row.name != "segments"]
        if any(row.expected is None for row in paged):
            return None
        left = sum(_calls_left(row) for row in paged)
        speed = self._per_second(lambda look: sum(look.calls[row.name] for row in paged))
        return left / speed if left and speed else None


def _rows_of(name: str) -> Callable[[Sample], int]:
    return lambda look: look.rows[name]


def _calls_left(row: Row) -> float:
    rows_a_call = row.rows / row.calls if row.rows and row.calls else PAGE_SIZE
    return ((row.expected or 0) - row.rows) / rows_a_call
