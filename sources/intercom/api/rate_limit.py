"""Spends Intercom's quota evenly.

Intercom counts calls in windows of ten seconds, shared by every app of a workspace, and tells with each answer how many
are left and when the next window begins (https://developers.intercom.com/docs/references/rest-api/errors/rate-limiting).
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

WINDOW_SECONDS = 10
UNTOLD_LIMIT = 160
"""Calls in a window where answers tell no quota: the smallest that Intercom's documentation names, rounded down."""
SLACK_SECONDS = 0.1
"""A late wake-up may catch up this much; without it every late one would lose its slot for good."""
RESERVE = 0.02
"""The part of a window that is always left untouched: other apps call between an answer and our next call."""
HASTE = 2
"""How much faster than on average others may call at once: one who calls until refused begins with all it has."""
FIRST_LOOK_SECONDS = 0.01
"""How often those who wait for what the first answer tells look whether it is there."""
SMOOTHING = 0.1
"""The weight of the newest call in the latency."""


class Pacer:
    """Lets calls through one by one, at the rate that spends what is left of a window by its end.

    Several clients of one quota share it without knowing each other, since each spends a part of what is *left*.
    `share` is the part of the quota that is ours at most. No clock need be right, neither ours nor Intercom's: when
    windows begin is learned from the window that each call was counted in.
    """

    def __init__(self, share: float = 0.8, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.share = share
        self._now = monotonic
        self._turns = Turns()
        self._next_at = -math.inf
        self._in_flight = 0
        self._limit: int | None = None
        self._window: Window | None = None
        self._calendar = Calendar()
        self._latency: float | None = None

    @property
    def quota(self) -> str:
        """The workspace's quota, in words."""
        return "not told" if self._limit is None else f"{self._limit:,} calls every {WINDOW_SECONDS} s"

    @property
    def limit(self) -> int | None:
        """The quota: calls in a window of ten seconds. Null until an answer tells it."""
        return self._limit

    @property
    def rate(self) -> float | None:
        """Calls a second that are ours at best, when others leave us our share. Null until the quota is told."""
        return None if self._limit is None else self._even

    @property
    def latency(self) -> float | None:
        """Seconds from sending a call to its whole answer, smoothed. Null until one was answered."""
        return self._latency

    async def wait(self) -> float:
        """Returns when it is time for the next call, with that moment; every `wait` is followed by one `learn`."""
        async with self._turns.lock():
            while (pause := self._pause(self._now())) > 0:  # noqa: ASYNC110 - time has no event to wait for
                await asyncio.sleep(pause)  # meanwhile an answer may have said more
            now = self._now()
            self._next_at = max(self._next_at, now - SLACK_SECONDS) + 1 / self._pace(now)
            self._in_flight += 1
            return now

    def learn(self, headers: Mapping[str, str] | None, *, sent_at: float) -> None:
        """Takes in what the answer to the call sent at that moment said; null where none came."""
        self._in_flight -= 1
        if headers is None:
            self._count_lost()
            return
        self._time(self._now() - sent_at)
        if "x-ratelimit-limit" in headers and "x-ratelimit-reset" in headers:
            self._read(headers, sent_at)

    def wait_for_next_window(self) -> None:
        """Lets nothing through until the window ends, if it is known: Intercom has refused a call for the quota."""
        if self._window is not None:
            self._window.remaining = 0

    def _count_lost(self) -> None:
        if self._window is not None:
            self._window.mine += 1  # Intercom may have counted it

    def _time(self, seconds: float) -> None:
        before = seconds if self._latency is None else self._latency
        self._latency = before + SMOOTHING * (seconds - before)

    def _read(self, headers: Mapping[str, str], sent_at: float) -> None:
        limit, reset = int(headers["x-ratelimit-limit"]), int(headers["x-ratelimit-reset"])
        now = self._now()
        self._calendar.note(headers, sent_at=sent_at, answered_at=now)
        if self._window is None or self._window.is_before(reset, limit):
            self._limit, self._window = limit, Window(reset, limit, remaining=limit)
        if self._window.has(reset):
            self._window.count(int(headers.get("x-ratelimit-remaining", limit)), now)

    @property
    def _even(self) -> float:
        return self.share * (self._limit or UNTOLD_LIMIT) / WINDOW_SECONDS

    def _pause(self, now: float) -> float:
        if self._latency is None:  # the first call goes alone: nobody knows the quota yet
            return FIRST_LOOK_SECONDS if self._in_flight else 0
        window = self._open_window(now)
        if window and self._left(window, now) < 1:
            return max(self._calendar.end(window.reset) - now, 0.01)
        return self._next_at - now

    def _pace(self, now: float) -> float:
        if self._latency is None:
            return math.inf
        window = self._open_window(now)
        if window is None:
            return self._even
        left_seconds = max(self._calendar.end(window.reset) - now, 0.05)
        return min(max(self._left(window, now), 1) / left_seconds, self._even)

    def _open_window(self, now: float) -> "Window | None":
        """The window that a call sent now is counted in. One that no answer has told of yet is taken for whole."""
        while self._window and now >= self._calendar.end(self._window.reset):
            limit = self._window.limit
            self._window = Window(self._window.reset + WINDOW_SECONDS, limit, remaining=limit)
        return self._window

    def _left(self, window: "Window", now: float) -> float:
        ours, everybodys = self.share * window.limit - window.mine, window.remaining - self._reserve(window, now)
        return min(ours, everybodys) - self._in_flight

    def _reserve(self, window: "Window", now: float) -> float:
        """What others may take before our next call arrives, to judge by what they took of this window so far."""
        latency = self._latency or 0
        began_at = self._calendar.end(window.reset) - WINDOW_SECONDS
        pace = (window.others - self._in_flight) / max(window.told_at - began_at, latency, SLACK_SECONDS)
        return max(HASTE * pace * (now - window.told_at + latency), RESERVE * window.limit)


@dataclass
class Window:
    """One window as answers tell it. `reset`: when it ends by Intercom's clock; `mine`: our own calls in it."""

    reset: int
    limit: int
    remaining: int
    mine: int = 0
    told_at: float = 0.0

    @property
    def others(self) -> int:
        """Calls of other clients, and of ours that are not answered yet."""
        return self.limit - self.remaining - self.mine

    def has(self, reset: int) -> bool:
        """Whether a call with this reset was counted here; a second more or less is a matter of rounding."""
        return abs(self.reset - reset) < WINDOW_SECONDS / 2

    def is_before(self, reset: int, limit: int) -> bool:
        """Whether an answer tells of a later window, or that this one is not what it was taken for."""
        return limit != self.limit if self.has(reset) else reset > self.reset

    def count(self, remaining: int, now: float) -> None:
        """Takes in one answer; they come in any order."""
        self.mine += 1
        if remaining < self.remaining:
            self.remaining, self.told_at = remaining, now


class Calendar:
    """When windows end by our clock. Neither clock need be right, if only both run alike.

    A call sent at `s` and answered at `g`, counted in the window that ends at `R`, proves R - 10 - g < lead < R - s,
    where the lead is Intercom's clock less ours; its `Date`, cut to the second, proves Date - g <= lead. The greatest
    lower bound is kept: by it a window may seem to end late, but never early.
    """

    def __init__(self) -> None:
        self._lead = -math.inf
        self._fastest = math.inf

    def note(self, headers: Mapping[str, str], *, sent_at: float, answered_at: float) -> None:
        """Takes in which window a call was counted in."""
        reset = int(headers["x-ratelimit-reset"])
        least = max(reset - WINDOW_SECONDS, _date(headers) or -math.inf) - answered_at
        self._lead = min(max(self._lead, least), reset - sent_at)
        self._fastest = min(self._fastest, answered_at - sent_at)

    def end(self, reset: int) -> float:
        """From when on calls are counted in the next window: the last moment to send one, or a little later."""
        return reset - self._lead - self._fastest


class Turns:
    """One caller at a time. A lock serves one event loop only, but a run has several, one after the other."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()

    def lock(self) -> asyncio.Lock:
        """The running loop's lock."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock


def seconds_until(reset: int, headers: Mapping[str, str]) -> float:
    """Seconds from an answer to the epoch second `reset`, read against the answer's own `Date` (ours may be wrong)."""
    return min(max(reset - (_date(headers) or time.time()), 0.0), WINDOW_SECONDS)


def _date(headers: Mapping[str, str]) -> float | None:
    return parsedate_to_datetime(headers["date"]).timestamp() if "date" in headers else None
