"""Promises of the pacer, in simulated time: clients of one quota spend it evenly, and nobody is refused."""

import asyncio
import selectors
from collections import Counter
from email.utils import formatdate
from typing import Any

import pytest

from sources.intercom.pacing import WINDOW_SECONDS, Pacer

LATENCY_SECONDS = 0.2
LANES = 6
"""Calls a client has under way at most: with this latency it could make 30 calls a second."""


class Instantly(selectors.DefaultSelector):
    """Waits for nothing: the time that would pass is only counted."""

    passed = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        self.passed += timeout or 0
        return super().select(0)


class SimulatedTime(asyncio.SelectorEventLoop):
    """An event loop in which sleeping takes no time."""

    def __init__(self) -> None:
        self._passing = Instantly()
        super().__init__(self._passing)

    def time(self) -> float:
        return self._passing.passed


class Server:
    """Counts calls in fixed windows of its own clock, which is `off_by` seconds ahead."""

    def __init__(self, limit: int, *, off_by: float = 0.0, tells: bool = True) -> None:
        self.limit = limit
        self.off_by = off_by
        self.tells = tells
        self.spent: Counter[int] = Counter()
        self.loop = SimulatedTime()

    def answer(self) -> dict[str, str]:
        now = self.loop.time() + self.off_by
        window = int(now // WINDOW_SECONDS)
        self.spent[window] += 1
        if not self.tells:
            return {"date": formatdate(now, usegmt=True)}
        return {
            "date": formatdate(now, usegmt=True),
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(max(0, self.limit - self.spent[window])),
            "x-ratelimit-reset": str((window + 1) * WINDOW_SECONDS),
        }

    @property
    def refused(self) -> int:
        return sum(max(0, spent - self.limit) for spent in self.spent.values())

    async def call(self, pacer: Pacer, times: int) -> None:
        for _ in range(times):
            await pacer.wait()
            await asyncio.sleep(LATENCY_SECONDS / 2)
            headers = self.answer()
            await asyncio.sleep(LATENCY_SECONDS / 2)
            pacer.learn(headers)

    async def spend(self, share: float, calls: int) -> None:
        pacer = Pacer(share, monotonic=self.loop.time)
        await self.call(pacer, 1)
        await asyncio.gather(*(self.call(pacer, calls // LANES) for _ in range(LANES)))

    def seconds(self, *shares: float, calls: int) -> float:
        """How long clients with these shares need for so many calls each."""

        async def all_at_once() -> None:
            await asyncio.gather(*(self.spend(share, calls) for share in shares))

        began = self.loop.time()
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(all_at_once())
        return self.loop.time() - began


@pytest.mark.parametrize("share", [0.8, 1.0])
@pytest.mark.parametrize("off_by", [0.0, 4.4, -60.0, 0.7])
def test_one_client_spends_its_share_evenly_and_is_never_refused(share: float, off_by: float) -> None:
    server = Server(limit=100, off_by=off_by)

    seconds = server.seconds(share, calls=600)

    assert server.refused == 0
    assert max(server.spent.values()) <= share * 100 + 1
    assert seconds <= 1.2 * 600 / (share * 100 / WINDOW_SECONDS)


def test_two_clients_share_a_quota_and_neither_is_refused() -> None:
    server = Server(limit=100)

    seconds = server.seconds(0.8, 0.8, calls=300)

    assert server.refused == 0
    assert seconds <= 1.25 * 600 / (100 / WINDOW_SECONDS)


def test_without_a_word_about_the_quota_the_smallest_documented_one_is_kept() -> None:
    server = Server(limit=10_000, tells=False)

    seconds = server.seconds(1.0, calls=480)

    assert 28 <= seconds <= 33


def test_a_client_of_an_unknown_quota_begins_slowly() -> None:
    server = Server(limit=100)
    pacer = Pacer(monotonic=server.loop.time)

    async def two_at_once() -> None:
        await asyncio.gather(server.call(pacer, 1), server.call(pacer, 1))

    began = server.loop.time()
    with asyncio.Runner(loop_factory=lambda: server.loop) as runner:
        runner.run(two_at_once())

    assert server.loop.time() - began >= 2 * LATENCY_SECONDS
