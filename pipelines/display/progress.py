"""Metrics of a reading in progress: counts, speeds and the time left, from counters that only grow."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sources.intercom.api import PAGE_SIZE, WINDOW_SECONDS
from sources.intercom.search import Progress, Tally

SPEED_SECONDS = WINDOW_SECONDS
"""Speeds are averages over a whole window of the quota, since calls may come in a burst at its start."""
SHORTEST_SPEED_SECONDS = 3
"""Speeds and the time left are unknown before that."""
SAMPLE_SECONDS = 1
"""Speeds change this often, no matter how often they are shown: people cannot read digits that flicker."""

LIST_RECORDS = "records"
"""Of lists: shown once one of them is read."""


@dataclass(frozen=True)
class ResourceMetrics:
    """`expected` is null while unknown, and never less than `rows`. `per_second` counts rows."""

    name: str
    rows: int
    calls: int
    expected: int | None = None
    per_second: float | None = None

    @property
    def percent(self) -> int | None:
        """Rounded down, so that 100 means all."""
        return 100 * self.rows // self.expected if self.expected else None


@dataclass(frozen=True)
class ProgressMetrics:
    """Nulls are unknown. `calls_per_window` and `quota` count calls in 10 seconds."""

    resources: tuple[ResourceMetrics, ...]
    calls: int
    megabytes: float
    seconds: float
    calls_per_window: float | None = None
    quota: int | None = None
    seconds_left: float | None = None

    @property
    def percent_of_quota(self) -> int | None:
        if self.quota is None or self.calls_per_window is None:
            return None
        return round(100 * self.calls_per_window / self.quota)


@dataclass(frozen=True)
class Sample:
    """Counts at one time: rows and calls of each resource, and all calls."""

    at: float
    rows: dict[str, int]
    calls: dict[str, int]
    all_calls: int


class ProgressMeter:
    """Measures a reading each time it is asked, and keeps enough samples for the speeds.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, progress: Progress, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._now = clock
        self._started = clock()
        self._samples = deque([self._sample()])

    def metrics(self) -> ProgressMetrics:
        """The current metrics; speeds are those of the last sample."""
        self._update_samples()
        resources = tuple(self._resources())
        calls_per_second = self._per_second(lambda sample: sample.all_calls)
        return ProgressMetrics(
            resources,
            calls=self._progress.usage.calls.total(),
            megabytes=self._progress.usage.bytes_received / 1e6,
            seconds=self._now() - self._started,
            calls_per_window=None if calls_per_second is None else calls_per_second * WINDOW_SECONDS,
            quota=self._progress.pacer.limit,
            seconds_left=self._seconds_left(resources),
        )

    def _tallies(self) -> dict[str, Tally]:
        progress = self._progress
        return {
            "contacts": progress.contacts,
            "memberships": progress.memberships,
            "segments": progress.segments,
            LIST_RECORDS: progress.records,
        }

    def _update_samples(self) -> None:
        """Adds a sample if the last one is old, and drops those that are older than speeds need."""
        if self._now() - self._samples[-1].at >= SAMPLE_SECONDS:
            self._samples.append(self._sample())
        while len(self._samples) > 1 and self._samples[-1].at - self._samples[1].at >= SPEED_SECONDS:
            self._samples.popleft()

    def _sample(self) -> Sample:
        tallies = self._tallies()
        return Sample(
            self._now(),
            rows={name: tally.rows for name, tally in tallies.items()},
            calls={name: tally.calls for name, tally in tallies.items()},
            all_calls=self._progress.usage.calls.total(),
        )

    def _resources(self) -> Iterator[ResourceMetrics]:
        for name, tally in self._tallies().items():
            rows = tally.rows
            if name == LIST_RECORDS and not tally.calls:
                continue
            expected = None if tally.expected is None else max(tally.expected, rows)
            yield ResourceMetrics(name, rows, tally.calls, expected, self._per_second(_rows_of(name)))

    def _per_second(self, count: Callable[[Sample], int]) -> float | None:
        first, last = self._samples[0], self._samples[-1]
        seconds = last.at - first.at
        return (count(last) - count(first)) / seconds if seconds >= SHORTEST_SPEED_SECONDS else None

    def _seconds_left(self, resources: Iterable[ResourceMetrics]) -> float | None:
        """Estimated by calls: contacts and memberships share a quota, so one is faster once the other is complete."""
        paged = [resource for resource in resources if resource.name != "segments"]
        if any(resource.expected is None for resource in paged):
            return None
        left = sum(_calls_left(resource) for resource in paged)
        speed = self._per_second(lambda sample: sum(sample.calls[resource.name] for resource in paged))
        return left / speed if left and speed else None


def _rows_of(name: str) -> Callable[[Sample], int]:
    return lambda sample: sample.rows[name]


def _calls_left(resource: ResourceMetrics) -> float:
    rows_a_call = resource.rows / resource.calls if resource.rows and resource.calls else PAGE_SIZE
    return ((resource.expected or 0) - resource.rows) / rows_a_call
