"""Spends Intercom's quota evenly.

Intercom counts calls in windows of ten seconds, shared by every app of a workspace, and tells with each answer how many
are left and when the next window begins (https://developers.intercom.com/docs/references/rest-api/errors/rate-limiting).
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

WINDOW_SECONDS = 10
UNTOLD_LIMIT = 160
"""Calls in a window where answers tell no quota: the smallest that Intercom's documentation names, rounded down."""
SLACK_SECONDS = 0.1
"""A late wake-up may catch up this much; without it every late one would lose its slot for good."""
RESERVE = 0.02
"""The part of a window that is left untouched: other apps' calls arrive between an answer and our next call."""


class Pacer:
    """Lets calls through one by one, at the rate that spends what is left of a window by its end.

    Several clients of one quota share it without knowing each other, since each spends a part of what is *left*.
    `share` is the part of the quota that is ours at most. The clock is compared with Intercom's `Date`, so that a host
    whose clock is a minute off keeps the pace.
    """

    def __init__(self, share: float = 0.8, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.share = share
        self._now = monotonic
        self._turn = asyncio.Lock()
        self._next_at = 0.0
        self._limit: int | None = None
        self._remaining = 0.0
        self._reset = 0
        self._window_ends_at = 0.0
        self._mine = 0
        self._in_flight = 0

    @property
    def limit(self) -> int | None:
        """Calls that the workspace may make in a window, null before an answer told."""
        return self._limit

    @property
    def quota(self) -> str:
        """The workspace's quota, in words."""
        return "not told" if self._limit is None else f"{self._limit:,} calls every {WINDOW_SECONDS} s"

    async def wait(self) -> None:
        """Returns when it is time for the next call; every `wait` is followed by one `learn`."""
        async with self._turn:
            await self._until_next_slot()
            self._next_at = max(self._next_at, self._now() - SLACK_SECONDS) + 1 / self._rate()
            self._mine += 1
            self._in_flight += 1

    async def _until_next_slot(self) -> None:
        if (pause := self._pause()) > 0:
            await asyncio.sleep(pause)
            await self._until_next_slot()  # meanwhile an answer may have said more

    def learn(self, headers: Mapping[str, str] | None) -> None:
        """Takes in what an answer said; null where none came."""
        self._in_flight -= 1
        if headers and "x-ratelimit-limit" in headers and "x-ratelimit-reset" in headers:
            self._read(headers)
        elif headers and self._limit is None:
            self._limit, self._next_at = UNTOLD_LIMIT, self._now()

    def wait_for_next_window(self) -> None:
        """Lets nothing through until the window ends: Intercom has refused a call for the quota."""
        self._remaining = 0

    def _read(self, headers: Mapping[str, str]) -> None:
        if self._limit is None:
            self._next_at = self._now()  # the careful start is over
        self._limit = limit = int(headers["x-ratelimit-limit"])
        remaining, reset = int(headers.get("x-ratelimit-remaining", limit)), int(headers["x-ratelimit-reset"])
        if reset > self._reset:
            self._reset, self._remaining, self._mine = reset, remaining, 0
            self._window_ends_at = self._now() + seconds_until(reset, headers)
        elif reset == self._reset:
            self._remaining = min(self._remaining, remaining)

    def _pause(self) -> float:
        if self._limit is None:
            return self._next_at - self._now()
        if self._now() >= self._window_ends_at:  # a new window has begun, unseen as yet: assume it is whole
            self._remaining, self._mine = self._limit, 0
            self._window_ends_at = self._now() + WINDOW_SECONDS
        if self._left(self._limit) < 1:
            return max(self._window_ends_at - self._now(), 0.01)
        return self._next_at - self._now()

    def _left(self, limit: float) -> float:
        ours = self.share * limit - self._mine
        return min(ours, self._remaining - self._in_flight - RESERVE * limit)

    def _rate(self) -> float:
        if self._limit is None:
            return 1.0  # the first call goes nearly alone: nobody knows the quota yet
        left_seconds = max(self._window_ends_at - self._now(), 0.05)
        even = self.share * self._limit / WINDOW_SECONDS
        return max(min(self._left(self._limit) / left_seconds, even), 0.1)


def seconds_until(reset: int, headers: Mapping[str, str]) -> float:
    """Seconds from an answer to the epoch second `reset`, read against the answer's own `Date` (ours may be wrong)."""
    date = headers.get("date")
    said_at = parsedate_to_datetime(date).timestamp() if date else time.time()
    return min(max(reset - said_at, 0.0), WINDOW_SECONDS)
