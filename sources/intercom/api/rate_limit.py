"""Spends Intercom's quota evenly.

Intercom counts calls in windows of ten seconds, shared by every app of a workspace. Each answer says how many calls
are left and when the next window begins
(https://developers.intercom.com/docs/references/rest-api/errors/rate-limiting).
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..wire import date, whole_number

WINDOW_SECONDS = 10
DEFAULT_LIMIT = 160
"""Calls in a window where answers name no quota: the smallest in Intercom's documentation, rounded down."""
SLACK_SECONDS = 0.1
"""A late wake-up may catch up this much; without it every late one would lose its slot for good."""
RESERVE = 0.02
"""The part of a window that always stays unused: other apps call between an answer and our next call."""
BURST = 2
"""How much faster than their average other apps may call: one that calls until refused starts at full speed."""
FIRST_ANSWER_POLL_SECONDS = 0.01
"""How often waiting callers check whether the first answer, and with it the quota, is there."""
SMOOTHING = 0.1
"""The weight of the newest call in the latency."""


class Pacer:
    """Admits calls one by one, at the rate that spends what is left of a window by its end.

    Several clients share one quota without knowing each other, since each spends a part of what is *left*. Neither our
    clock nor Intercom's has to be right: the pacer learns when windows begin from the window that counted each call.

    Args:
        share: the part of the quota that is ours at most.
    """

    def __init__(self, share: float = 0.8, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.share = share
        self._now = monotonic
        self._lock = LoopLock()
        self._next_at = -math.inf
        self._in_flight = 0
        self._limit: int | None = None
        self._window: Window | None = None
        self._offset = ClockOffset()
        self._latency: float | None = None

    @property
    def quota(self) -> str:
        """For people."""
        return "unknown" if self._limit is None else f"{self._limit:,} calls every {WINDOW_SECONDS} s"

    @property
    def limit(self) -> int | None:
        """The quota: calls in a window of ten seconds. Null before an answer names it."""
        return self._limit

    @property
    def rate(self) -> float | None:
        """Calls a second at best, when other apps leave us our share. Null before the quota is known."""
        return None if self._limit is None else self._even_rate

    @property
    def latency(self) -> float | None:
        """Seconds from sending a call to its whole answer, smoothed. Null before the first answer."""
        return self._latency

    async def wait(self) -> float:
        """Returns when it is time for the next call, with that time. Every `wait` is followed by one `learn`."""
        async with self._lock.get():
            while (pause := self._pause(self._now())) > 0:  # noqa: ASYNC110 - time has no event to wait for
                await asyncio.sleep(pause)  # an answer may arrive during the sleep, so the pause is computed again
            now = self._now()
            self._next_at = max(self._next_at, now - SLACK_SECONDS) + 1 / self._pace(now)
            self._in_flight += 1
            return now

    def learn(self, headers: Mapping[str, str] | None, *, sent_at: float) -> None:
        """Reads the quota from an answer's headers; null where a call got no answer."""
        self._in_flight -= 1
        if headers is None:
            self._count_lost_call()
            return
        self._add_latency(self._now() - sent_at)
        limit, reset = whole_number(headers, "x-ratelimit-limit"), whole_number(headers, "x-ratelimit-reset")
        if limit is not None and limit <= 0:
            self._limit = 0
        elif limit is not None and reset is not None:
            self._read(limit, reset, headers, sent_at)

    def wait_for_next_window(self) -> None:
        """Admits nothing until the window ends, if its end is known: Intercom has refused a call for the quota."""
        if self._window is not None:
            self._window.remaining = 0

    def _count_lost_call(self) -> None:
        if self._window is not None:
            self._window.ours += 1  # Intercom may have counted it

    def _add_latency(self, seconds: float) -> None:
        before = seconds if self._latency is None else self._latency
        self._latency = before + SMOOTHING * (seconds - before)

    def _read(self, limit: int, reset: int, headers: Mapping[str, str], sent_at: float) -> None:
        now, remaining = self._now(), whole_number(headers, "x-ratelimit-remaining")
        self._offset.measure(reset, date(headers), sent_at=sent_at, answered_at=now)
        if self._window is None or self._window.is_outdated(reset, limit):
            self._limit, self._window = limit, Window(reset, limit, remaining=limit)
        if self._window.ends_at(reset):
            self._window.count(limit if remaining is None else remaining, now)

    @property
    def _even_rate(self) -> float:
        return self._calls_of_share(self._limit or DEFAULT_LIMIT) / WINDOW_SECONDS

    def _calls_of_share(self, limit: int) -> float:
        """Our calls in a window. At least one, since a smaller share would never be a whole call."""
        return max(self.share * limit, 1.0)

    def _pause(self, now: float) -> float:
        if self._latency is None:  # the first call goes alone, since the quota is not known yet
            return FIRST_ANSWER_POLL_SECONDS if self._in_flight else 0
        window = self._open_window(now)
        if window and self._left(window, now) < 1:
            return max(self._offset.window_end(window.reset) - now, 0.01)
        return self._next_at - now

    def _pace(self, now: float) -> float:
        if self._latency is None:
            return math.inf
        window = self._open_window(now)
        if window is None:
            return self._even_rate
        left_seconds = max(self._offset.window_end(window.reset) - now, 0.05)
        return min(max(self._left(window, now), 1) / left_seconds, self._even_rate)

    def _open_window(self, now: float) -> "Window | None":
        """The window that counts a call sent now. Before an answer describes it, it is assumed to be unused.

        One that ends later than any window can is forgotten: the answer that described it was wrong.
        """
        if self._window and self._offset.window_end(self._window.reset) - now > 2 * WINDOW_SECONDS:
            self._window = None
        while self._window and now >= self._offset.window_end(self._window.reset):
            limit = self._window.limit
            self._window = Window(self._window.reset + WINDOW_SECONDS, limit, remaining=limit)
        return self._window

    def _left(self, window: "Window", now: float) -> float:
        left_of_share = self._calls_of_share(window.limit) - window.ours
        left_for_all = window.remaining - self._reserve(window, now)
        return min(left_of_share, left_for_all) - self._in_flight

    def _reserve(self, window: "Window", now: float) -> float:
        """Calls that other apps may make before our next one arrives, judging by what they used of this window."""
        latency = self._latency or 0
        began_at = self._offset.window_end(window.reset) - WINDOW_SECONDS
        pace = (window.others - self._in_flight) / max(window.counted_at - began_at, latency, SLACK_SECONDS)
        reserve = max(BURST * pace * (now - window.counted_at + latency), RESERVE * window.limit)
        return min(reserve, window.limit - 1)  # a window in which no call is counted yet has room for one


@dataclass
class Window:
    """One window, as answers describe it. `reset`: when it ends by Intercom's clock; `ours`: our own calls in it."""

    reset: int
    limit: int
    remaining: int
    ours: int = 0
    counted_at: float = 0.0

    @property
    def others(self) -> int:
        """Calls of other clients, and of ours that are not answered yet."""
        return self.limit - self.remaining - self.ours

    def ends_at(self, reset: int) -> bool:
        """Whether a call with this reset was counted here; a second more or less is a matter of rounding."""
        return abs(self.reset - reset) < WINDOW_SECONDS / 2

    def is_outdated(self, reset: int, limit: int) -> bool:
        """Whether an answer describes a later window, or another limit of this one."""
        return limit != self.limit if self.ends_at(reset) else reset > self.reset

    def count(self, remaining: int, now: float) -> None:
        """Counts one answer; answers come in any order."""
        self.ours += 1
        if remaining < self.remaining:
            self.remaining, self.counted_at = remaining, now


class ClockOffset:
    """Intercom's clock less ours, and from it when windows end by ours. Both clocks have to run at the same speed.

    A call sent at `s` and answered at `g`, counted in the window that ends at `R`, proves R - 10 - g < offset < R - s.
    The answer's `Date`, cut to the second, proves Date - g <= offset. The greatest lower bound is kept: by it a window
    may seem to end late, but never early.
    """

    def __init__(self) -> None:
        self._offset = -math.inf
        self._shortest = math.inf

    def measure(self, reset: int, dated: float | None, *, sent_at: float, answered_at: float) -> None:
        """Narrows the offset by one answer."""
        least = max(reset - WINDOW_SECONDS, -math.inf if dated is None else dated) - answered_at
        self._offset = min(max(self._offset, least), reset - sent_at)
        self._shortest = min(self._shortest, answered_at - sent_at)

    def window_end(self, reset: int) -> float:
        """From when on calls sent are counted in the next window, or a little later."""
        return reset - self._offset - self._shortest


class LoopLock:
    """A lock for each event loop: asyncio's serves one loop only, but a run has several, one after the other."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()

    def get(self) -> asyncio.Lock:
        """The running loop's lock."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock


def seconds_until(reset: int, headers: Mapping[str, str]) -> float:
    """Seconds from an answer to the epoch second `reset`, by the answer's own `Date`, since our clock may be wrong."""
    return min(max(reset - (date(headers) or time.time()), 0.0), WINDOW_SECONDS)
