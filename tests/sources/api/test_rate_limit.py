"""The pacer, in simulated time: clients of one quota spend it evenly, and no call is refused."""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import pytest

from sources.intercom.api import WINDOW_SECONDS, Pacer
from sources.intercom.api.client import LANES

from ...support.simulated_time import SimulatedTime

QUOTA, CALLS = 200, 640


@dataclass
class Server:
    """Counts calls in fixed windows.

    Args:
        limits: the quotas of its windows in turn.
        latency: seconds that a call takes, plus a random part of it up to `jitter`.
        inward: the part of those seconds after which the call is counted.
        into: seconds between a full ten and the start of a window.
        ahead: its clock less ours.
        lost: the share of calls without an answer.
        sends_quota_after: answers that have no quota yet.
    """

    limits: Sequence[int] = (QUOTA,)
    latency: float = 0.2
    inward: float = 0.5
    jitter: float = 0.0
    into: float = 0.0
    ahead: float = 0.0
    lost: float = 0.0
    sends_quota_after: int = 0
    loop: SimulatedTime = field(default_factory=SimulatedTime)
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    spent: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def answer(self, client: str) -> dict[str, str]:
        """The headers of an answer sent now."""
        now = self.loop.time() + self.ahead
        window = math.floor((now - self.into) / WINDOW_SECONDS)
        self.spent[window] += 1
        left = self.limit_of(window) - self.spent[window]
        self.refused[client] += left < 0
        date = {"date": formatdate(now, usegmt=True)}
        return date | self.quota_headers(window, left) if self.spent.total() > self.sends_quota_after else date

    def limit_of(self, window: int) -> int:
        return self.limits[window % len(self.limits)]

    def quota_headers(self, window: int, left: int) -> dict[str, str]:
        return {
            "x-ratelimit-limit": str(self.limit_of(window)),
            "x-ratelimit-remaining": str(max(0, left)),
            "x-ratelimit-reset": str(math.ceil((window + 1) * WINDOW_SECONDS + self.into)),
        }

    async def call(self, client: str) -> dict[str, str] | None:
        seconds = self.latency * (1 + self.jitter * self.chance.random())
        await asyncio.sleep(seconds * self.inward)
        headers = self.answer(client)
        await asyncio.sleep(seconds * (1 - self.inward))
        return None if self.chance.random() < self.lost else headers

    async def read(self, pacer: Pacer, calls: int, *, client: str = "we", lanes: int = LANES) -> float:
        """Makes calls at the pacer's pace. Returns the seconds it took."""
        began, waiting = self.loop.time(), iter(range(calls))

        async def lane() -> None:
            for _ in waiting:
                sent_at = await pacer.wait()
                pacer.learn(await self.call(client), sent_at=sent_at)

        await asyncio.gather(*(lane() for _ in range(lanes)))
        return self.loop.time() - began

    def pacer(self, share: float = 0.8, *, clock_off_by: float = 0.0) -> Pacer:
        return Pacer(share, monotonic=lambda: round(self.loop.time() + clock_off_by, 6))

    def run(self, *clients: Coroutine[Any, Any, float]) -> list[float]:
        """Starts all clients at once. Returns what they return."""

        async def all_at_once() -> list[float]:
            return await asyncio.gather(*clients)

        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            return runner.run(all_at_once())


def floor_seconds(calls: int, share: float = 1.0, quota: int = QUOTA) -> float:
    return calls / (share * quota / WINDOW_SECONDS)


@pytest.mark.parametrize(("inward", "into"), [(0.1, 7.4), (0.5, 0.0), (1.0, 0.63)])
@pytest.mark.parametrize(("quota", "calls", "latency"), [(QUOTA, CALLS, 0.2), (1666, 3500, 0.1), (83, 300, 0.3)])
@pytest.mark.parametrize(("share", "at_most"), [(0.8, 1.02), (1.0, 1.04)])
def test_one_client_spends_its_share_and_not_a_call_more(
    share: float, at_most: float, quota: int, calls: int, latency: float, inward: float, into: float
) -> None:
    server = Server([quota], latency=latency, inward=inward, into=into)

    (seconds,) = server.run(server.read(server.pacer(share), calls))

    assert max(server.spent.values()) <= share * quota
    assert seconds <= at_most * floor_seconds(calls, share, quota) + 2 * latency


@pytest.mark.parametrize("clock_off_by", [60.0, -60.0, 4.4, -0.7])
@pytest.mark.parametrize("share", [0.8, 1.0])
def test_a_clock_that_is_wrong_changes_nothing(share: float, clock_off_by: float) -> None:
    server = Server(ahead=-3.3)

    (seconds,) = server.run(server.read(server.pacer(share, clock_off_by=clock_off_by), CALLS))

    assert max(server.spent.values()) <= share * QUOTA
    assert seconds <= 1.04 * floor_seconds(CALLS, share)


@pytest.mark.parametrize("share", [0.8, 1.0])
def test_answers_that_take_longer_at_times_take_no_call_over_the_share(share: float) -> None:
    server = Server(jitter=1.0, inward=0.7, into=0.3)

    (seconds,) = server.run(server.read(server.pacer(share), CALLS))

    assert max(server.spent.values()) <= share * QUOTA
    assert seconds <= 1.05 * floor_seconds(CALLS, share)


@pytest.mark.parametrize("jitter", [0.0, 1.0])
@pytest.mark.parametrize("share", [0.8, 1.0])
@pytest.mark.parametrize("clock_off_by", [0.0, 60.0, -60.0])
def test_two_clients_share_a_quota_nearly_whole_and_neither_is_refused(
    share: float, clock_off_by: float, jitter: float
) -> None:
    server = Server(jitter=jitter)

    one, other = server.run(
        server.read(server.pacer(share), CALLS, client="one"),
        server.read(server.pacer(share, clock_off_by=clock_off_by), CALLS, client="other"),
    )

    assert server.refused.total() == 0
    assert max(one, other) <= 1.04 * floor_seconds(2 * CALLS)
    assert abs(one - other) <= 0.04 * max(one, other)


@pytest.mark.parametrize("lanes", [4, 12, 24])
@pytest.mark.parametrize("into", [0.0, 0.4, 6.1])
def test_next_to_an_app_that_calls_until_refused_we_are_not_refused(lanes: int, into: float) -> None:
    server = Server(into=into, jitter=0.2)

    async def greedy() -> float:
        while server.refused["we"] == 0 and server.loop.time() < 1040:
            headers = await server.call("greedy")
            if headers and headers["x-ratelimit-remaining"] == "0":
                await asyncio.sleep(int(headers["x-ratelimit-reset"]) - server.loop.time())
        return 0.0

    server.run(server.read(server.pacer(), 300), *(greedy() for _ in range(lanes)))

    assert server.refused["greedy"] > 0
    assert server.refused["we"] == 0


def test_a_lost_answer_counts_as_a_call() -> None:
    server = Server(lost=0.1)

    (seconds,) = server.run(server.read(server.pacer(), CALLS))

    assert max(server.spent.values()) <= 0.8 * QUOTA
    assert seconds <= 1.03 * floor_seconds(CALLS, 0.8)


def test_a_lost_first_answer_does_not_delay_other_calls() -> None:
    server = Server(lost=1.0)

    (seconds,) = server.run(server.read(server.pacer(), 3))

    assert 3 * server.latency <= seconds <= 3 * server.latency + 0.1


@pytest.mark.parametrize("idle_seconds", [3.0, 10.0, 35.0, 3600.0])
def test_after_a_rest_the_share_is_kept_as_before(idle_seconds: float) -> None:
    server = Server()
    pacer = server.pacer()

    async def with_a_rest() -> float:
        await server.read(pacer, 200)
        await asyncio.sleep(idle_seconds)
        return await server.read(pacer, 320)

    (seconds,) = server.run(with_a_rest())

    assert max(server.spent.values()) <= 0.8 * QUOTA
    assert seconds <= 1.1 * floor_seconds(320, 0.8)


def test_a_quota_that_changes_between_windows_is_kept_in_each() -> None:
    server = Server([200, 100, 300])

    (seconds,) = server.run(server.read(server.pacer(), 1000))

    assert all(spent <= server.limit_of(window) for window, spent in server.spent.items())
    assert seconds <= 1.1 * floor_seconds(1000, 0.8)


def test_a_quota_that_is_sent_late_is_used_from_then_on() -> None:
    server = Server(sends_quota_after=20)

    (seconds,) = server.run(server.read(server.pacer(), CALLS))

    assert max(server.spent.values()) <= 0.8 * QUOTA
    assert seconds <= 1.04 * floor_seconds(CALLS, 0.8)


def test_without_a_quota_in_the_answers_the_smallest_documented_one_is_kept() -> None:
    server = Server([10_000], sends_quota_after=10_000)

    (seconds,) = server.run(server.read(server.pacer(1.0), 480))

    assert 29 <= seconds <= 31


@pytest.mark.parametrize("latency", [0.05, 0.15])
def test_a_short_read_waits_for_nothing_but_the_first_answer(latency: float) -> None:
    server = Server([1666], latency=latency)

    (seconds,) = server.run(server.read(server.pacer(), 630))

    assert seconds <= floor_seconds(630, 0.8, 1666) + 2 * latency


def test_the_first_call_goes_alone() -> None:
    server = Server(latency=5.0)

    async def look_halfway() -> float:
        await asyncio.sleep(server.latency * 0.9)
        return float(server.spent.total())

    _, sent = server.run(server.read(server.pacer(), 3), look_halfway())

    assert sent == 1


def test_after_a_refusal_nothing_is_sent_until_the_window_ends() -> None:
    server = Server()
    pacer = server.pacer()

    async def refused_once() -> float:
        await server.read(pacer, 10)
        pacer.wait_for_next_window()
        return await server.read(pacer, 1)

    (seconds,) = server.run(refused_once())

    assert 8 <= seconds <= WINDOW_SECONDS + 1


def test_a_pacer_goes_on_in_the_next_event_loop() -> None:
    server = Server()
    pacer = server.pacer()
    server.run(server.read(pacer, 50))

    server.loop = SimulatedTime(server.loop.time())
    (seconds,) = server.run(server.read(pacer, 50))

    assert floor_seconds(48, 0.8) <= seconds <= floor_seconds(52, 0.8) + server.latency


def test_limit_and_rate_are_null_before_the_first_answer() -> None:
    server = Server([1666])
    pacer = server.pacer()

    before = (pacer.limit, pacer.rate, pacer.latency)
    server.run(server.read(pacer, 10))

    assert before == (None, None, None)
    assert pacer.limit == 1666
    assert pacer.rate == pytest.approx(133.28)
    assert pacer.latency == pytest.approx(0.2)
