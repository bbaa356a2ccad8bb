"""The workspace's clock: it runs with real time and can be moved forward."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Runs from `start` (the real present, unless given) as fast as `monotonic` does.

    A `monotonic` that stands still, such as `lambda: 0.0`, makes a clock that only `advance` moves.
    """

    def __init__(self, start: datetime | None = None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._start = (start or datetime.now(UTC)).astimezone(UTC)
        self._monotonic = monotonic
        self._started = monotonic()

    def now(self) -> datetime:
        """An aware moment in UTC, to the microsecond."""
        return self._start + timedelta(seconds=self._monotonic() - self._started)

    def second(self) -> int:
        """The present as whole epoch seconds, as Intercom's timestamps have it."""
        return int(self.now().timestamp())

    def advance(self, step: timedelta) -> None:
        """Moves forward only: memberships of the past are history and are not played again."""
        if step < timedelta(0):
            raise ValueError("the workspace's clock only moves forward")
        self._start += step
