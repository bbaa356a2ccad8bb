"""When faults happen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Generic, TypeVar

from .kinds import CallFault, FeedFault, ListFault, PageFault, ResponseFault

Times = int | None
"""How often a fault happens; None for without end."""

Fault = TypeVar("Fault", PageFault, ListFault, FeedFault, ResponseFault)


class FaultQueue(Generic[Fault]):
    """Faults of one type, oldest first."""

    def __init__(self) -> None:
        self._pending: list[tuple[Fault, Times]] = []

    def add(self, fault: Fault, times: Times) -> None:
        self._pending.append((fault, times))

    def take(self, hits: Callable[[Fault], bool]) -> Fault | None:
        """The first fault for which `hits` is true. It then happens one time less."""
        for position, (fault, times) in enumerate(self._pending):
            if hits(fault):
                left = None if times is None else times - 1
                self._pending[position : position + 1] = [] if left == 0 else [(fault, left)]
                return fault
        return None


class Outage:
    """One fault at every call, for some seconds from the first call on."""

    def __init__(self, fault: CallFault, seconds: float, *, monotonic: Callable[[], float]) -> None:
        self._fault = fault
        self._seconds = seconds
        self._monotonic = monotonic
        self._started: float | None = None

    def take(self) -> CallFault | None:
        now = self._monotonic()
        if self._started is None:
            self._started = now
        return self._fault if now - self._started < self._seconds else None


class NumberedCalls:
    """Faults at exact calls; the next call is number 1."""

    def __init__(self, faults: Mapping[int, CallFault]) -> None:
        self._faults = faults
        self._numbers = count(1)

    def take(self) -> CallFault | None:
        return self._faults.get(next(self._numbers))


@dataclass(frozen=True)
class Rate:
    """One of several faults, at a share of all calls."""

    share: float
    faults: Sequence[CallFault]
    random: Random

    def draw(self, rest: float) -> CallFault | None:
        """A fault at `share` of all calls, of which earlier rates leave the share `rest`. Always draws twice."""
        chance, fault = self.random.random(), self.random.choice(self.faults)
        return fault if chance * rest < self.share else None


class Rates:
    """Rates that add up."""

    def __init__(self) -> None:
        self._rates: list[Rate] = []

    def add(self, rate: Rate) -> None:
        if rate.share < 0 or sum(other.share for other in self._rates) + rate.share > 1.000_001:  # 10 x 0.1 is not 1
            raise ValueError("the rates of faults must be between 0 and 1, and so must their sum")
        self._rates.append(rate)

    def take(self) -> CallFault | None:
        """The fault for this call. Every rate draws, so that no rate shifts the later draws of another."""
        drawn, rest = list[CallFault | None](), 1.0
        for rate in self._rates:
            drawn.append(rate.draw(rest))
            rest -= rate.share
        return first_fault(drawn)


def first_fault(faults: Sequence[CallFault | None]) -> CallFault | None:
    return next((fault for fault in faults if fault), None)
