"""Intercom's rate limit."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW_SECONDS = 10


@dataclass(frozen=True)
class Allowance:
    """What is left of the quota after a call; `remaining` is negative if the call exceeded it."""

    limit: int
    remaining: int
    seconds_left: float

    def headers(self, now: datetime) -> dict[str, str]:
        """Intercom's rate limit headers. The reset is a second on the workspace's clock."""
        reset = (now + timedelta(seconds=self.seconds_left)).timestamp()
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.remaining)),
            "X-RateLimit-Reset": str(math.ceil(reset)),
        }


class Quota:
    """A number of calls in each window of ten real seconds. Unspent calls are lost."""

    def __init__(self, limit: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self._started = monotonic()
        self._window = 0
        self._spent = 0

    def spend(self) -> Allowance:
        """Takes one call from the current window."""
        window, elapsed = divmod(self._monotonic() - self._started, WINDOW_SECONDS)
        if window != self._window:
            self._window, self._spent = int(window), 0
        self._spent += 1
        return Allowance(self._limit, self._limit - self._spent, WINDOW_SECONDS - elapsed)
