"""The workspace's clock: it runs in real time and can be moved forward."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Starts at `start`, by default the real time, and runs at the speed of `monotonic`.

    With a constant `monotonic`, such as `lambda: 0.0`, only `advance` moves the clock.
    """

    def __init__(self, start: datetime | None = None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._start = (start or datetime.now(UTC)).astimezone(UTC)
        self._monotonic = monotonic
        self._started = monotonic()

    def now(self) -> datetime:
        """The time in UTC, with microseconds."""
        return self._start + timedelta(seconds=self._monotonic() - self._started)

    def second(self) -> int:
        """The time in whole epoch seconds, as in Intercom's timestamps."""
        return int(self.now().timestamp())

    def advance(self, step: timedelta) -> None:
        """Moves the clock forward. Past memberships are recorded and not computed again, so it never moves back."""
        if step < timedelta(0):
            raise ValueError("the workspace's clock only moves forward")
        self._start += step
