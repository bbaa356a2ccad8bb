"""Faults on request: at chosen places, used up after `times` (None = never), at chosen calls, at a rate, for a while.

They are what Intercom, the machines before it and the network between are known to do now and then.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Generic, Literal, TypeVar, get_args

Times = int | None

Kind = Literal[403, 429, "429 with Retry-After", 500, 502, 503, "empty", "drop", "truncated", "short", "slow"]
"""How a call can go wrong.

A number is a status: 403, 502 and 503 with HTML from a load balancer, 429 and 500 in Intercom's envelope. `empty`: a
200 with nothing in it. `drop`: the connection is closed without an answer. `truncated`: it is closed after half of the
body, though Content-Length promised all of it. `short`: half of the body with a Content-Length to match, which is good
HTTP and broken JSON. `slow`: a good answer that comes late.
"""
ALL: tuple[Kind, ...] = get_args(Kind)


class Dropped(BaseException):
    """The connection ends here, whatever was sent. Not an Exception: to any of those Starlette would answer 500."""


@dataclass(frozen=True)
class PageFault:
    """Spoils a page of a search that names a segment (any search, if `segment_id` is None)."""

    how: str
    segment_id: str | None
    page: int
    keeps_next: bool = True

    def hits(self, segment_ids: Set[str], page: int) -> bool:
        """Whether it is that page."""
        return self.page == page and (self.segment_id is None or self.segment_id in segment_ids)


@dataclass(frozen=True)
class ListFault:
    """Leaves the last segments out of the list: `missing` of them, or half if None."""

    missing: int | None

    def remaining(self, length: int) -> int:
        """How many of that many segments are still told."""
        return length // 2 if self.missing is None else max(0, length - self.missing)


@dataclass(frozen=True)
class FeedFault:
    """Leaves all activities out of a page of their feed."""


@dataclass(frozen=True)
class AnswerFault:
    """Answers in place of an endpoint: a status, or 200 with nothing in it."""

    status: int
    path_prefix: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def from_load_balancer(self) -> bool:
        """Whether the answer is HTML that Intercom itself never saw: no Intercom headers, no quota spent."""
        return self.status in (403, 502, 503, 504)

    @property
    def name(self) -> str:
        """What it is counted as."""
        if self.status == 429 and "retry-after" in map(str.lower, self.headers):
            return "429 with Retry-After"
        return "empty" if self.status == 200 else str(self.status)


@dataclass(frozen=True)
class LineFault:
    """Spoils an endpoint's answer on its way: `drop`, `truncated`, `short` or `slow`."""

    name: str
    late_seconds: float = 0.0


CallFault = AnswerFault | LineFault

Fault = TypeVar("Fault", PageFault, ListFault, FeedFault, AnswerFault)


class Queue(Generic[Fault]):
    """Faults of one kind, the oldest first."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, Times]] = []

    def add(self, fault: Fault, times: Times) -> None:
        """Makes the fault happen that many times."""
        self._waiting.append((fault, times))

    def take(self, hits: Callable[[Fault], bool]) -> Fault | None:
        """The first fault that hits, used up by one."""
        for position, (fault, times) in enumerate(self._waiting):
            if hits(fault):
                left = None if times is None else times - 1
                self._waiting[position : position + 1] = [] if left == 0 else [(fault, left)]
                return fault
        return None


class Outage:
    """One fault at every call, from the first on for so many seconds."""

    def __init__(self, fault: CallFault, seconds: float, *, monotonic: Callable[[], float]) -> None:
        self._fault = fault
        self._seconds = seconds
        self._monotonic = monotonic
        self._began: float | None = None

    def take(self) -> CallFault | None:
        """The fault, as long as it lasts."""
        now = self._monotonic()
        if self._began is None:
            self._began = now
        return self._fault if now - self._began < self._seconds else None


class Plan:
    """Faults at exact calls; the one that comes next is number 1."""

    def __init__(self, faults: Mapping[int, CallFault]) -> None:
        self._faults = faults
        self._numbers = count(1)

    def take(self) -> CallFault | None:
        """The fault that is due at this call."""
        return self._faults.get(next(self._numbers))


@dataclass(frozen=True)
class Rate:
    """Spoils a share of all calls, each time with one of the faults."""

    share: float
    faults: Sequence[CallFault]
    random: Random

    def draw(self, rest: float) -> CallFault | None:
        """A fault at `share` of all calls, of which other rates leave the `rest`; hit or miss, it draws twice."""
        chance, fault = self.random.random(), self.random.choice(self.faults)
        return fault if chance * rest < self.share else None


class Rates:
    """Rates that add up."""

    def __init__(self) -> None:
        self._rates: list[Rate] = []

    def add(self, rate: Rate) -> None:
        """One more rate; all together they can spoil no more than every call."""
        if rate.share < 0 or sum(other.share for other in self._rates) + rate.share > 1.000_001:  # 10 x 0.1 is not 1
            raise ValueError("the rates of faults must be between 0 and 1, and so must their sum")
        self._rates.append(rate)

    def take(self) -> CallFault | None:
        """What was drawn for this call. All rates draw, so that none shifts what another draws later."""
        drawn, rest = list[CallFault | None](), 1.0
        for rate in self._rates:
            drawn.append(rate.draw(rest))
            rest -= rate.share
        return _first(drawn)


class Faults:
    """What is to go wrong. Nothing does until one of these methods was called.

    `spoilt` counts the calls that met a fault, by its kind; of spoilt pages, lists and feeds it knows nothing.
    """

    def __init__(self) -> None:
        self.spoilt: Counter[str] = Counter()
        self.clear()

    def clear(self) -> None:
        """Nothing goes wrong any more; what did stays counted."""
        self.pages: Queue[PageFault] = Queue()
        self.lists: Queue[ListFault] = Queue()
        self.feeds: Queue[FeedFault] = Queue()
        self.answers: Queue[AnswerFault] = Queue()
        self._outages: list[Outage] = []
        self._plans: list[Plan] = []
        self._rates = Rates()

    def take(self, path: str) -> CallFault | None:
        """What spoils the call that has just come in; to be asked once a call. An outage goes before all else."""
        by_outage = _first([outage.take() for outage in self._outages])
        by_number = _first([plan.take() for plan in self._plans])
        by_rate = self._rates.take()
        by_place = None if by_outage else self.answers.take(lambda fault: path.startswith(fault.path_prefix))
        fault = _first([by_outage, by_place, by_number, by_rate])
        if fault:
            self.spoilt[fault.name] += 1
        return fault

    def at_rate(self, rate: float, kinds: Collection[Kind] = ALL, seed: int = 0, *, late_seconds: float = 1.0) -> None:
        """Spoils every call with that probability, in one of the ways; several rates add up.

        The same seed spoils the same calls in the same ways, counted from now.
        """
        if not kinds:
            raise ValueError("a rate needs a kind of fault at least")
        faults = sorted((_call_fault(kind, late_seconds) for kind in kinds), key=_name)  # a set has no order of its own
        self._rates.add(Rate(rate, faults, Random(seed)))

    def at_calls(self, kinds: Mapping[int, Kind], *, late_seconds: float = 1.0) -> None:
        """Spoils exact calls: the next one is number 1."""
        self._plans.append(Plan({number: _call_fault(kind, late_seconds) for number, kind in kinds.items()}))

    def outage(self, seconds: float, kind: Kind = 503, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Spoils everything for so many real seconds, which begin with the next call."""
        self._outages.append(Outage(_call_fault(kind), seconds, monotonic=monotonic))

    def empty_page(
        self, segment_id: str | None = None, *, page: int = 1, keeps_next: bool = True, times: Times = 1
    ) -> None:
        """A page without rows; its total_count stays, and its `next` unless told otherwise."""
        self.pages.add(PageFault("empty", segment_id, page, keeps_next), times)

    def half_page(self, segment_id: str | None = None, *, page: int = 1, times: Times = 1) -> None:
        """A page without its second half; its total_count and `next` stay as if it were whole."""
        self.pages.add(PageFault("half", segment_id, page), times)

    def repeat_page(self, segment_id: str | None = None, *, page: int = 1, times: Times = 1) -> None:
        """The page's rows once more in place of the next page's, whose own rows are never told."""
        self.pages.add(PageFault("repeat", segment_id, page + 1), times)

    def half_segment_list(self, *, times: Times = 1) -> None:
        """`GET /segments` tells the first half only."""
        self.lists.add(ListFault(None), times)

    def lose_segments(self, how_many: int, *, times: Times = 1) -> None:
        """`GET /segments` leaves out the last ones; asked for by id they are still there."""
        self.lists.add(ListFault(how_many), times)

    def silent_feed(self, *, times: Times = 1) -> None:
        """`GET /contacts/activities` tells nothing and no `next`, as Intercom does while it cannot read its store."""
        self.feeds.add(FeedFault(), times)

    def status(
        self,
        code: int,
        *,
        times: Times = 1,
        path_prefix: str = "/",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """An HTTP status: HTML from a load balancer for 403, 502, 503 and 504, Intercom's envelope otherwise."""
        self.answers.add(AnswerFault(code, path_prefix, headers or {}), times)

    def empty_body(self, *, times: Times = 1, path_prefix: str = "/") -> None:
        """A 200 with nothing in it."""
        self.answers.add(AnswerFault(200, path_prefix), times)


def _call_fault(kind: Kind, late_seconds: float = 1.0) -> CallFault:
    if kind not in ALL:
        raise ValueError(f"there is no fault {kind!r}, only {ALL}")
    match kind:
        case "429 with Retry-After":
            return AnswerFault(429, headers={"Retry-After": "1"})
        case "empty":
            return AnswerFault(200)
        case "slow":
            return LineFault(kind, late_seconds)
        case "drop" | "truncated" | "short":
            return LineFault(kind)
        case status:
            return AnswerFault(status)


def _name(fault: CallFault) -> str:
    return fault.name


def _first(faults: Sequence[CallFault | None]) -> CallFault | None:
    return next((fault for fault in faults if fault), None)


# How a last page says that it is the last: without `next`, with null, or with an object without a cursor. With "url"
# it has none, and the pages of a search before it give a URL, as Intercom does on other endpoints.
Following = Literal["absent", "null", "object", "url"]
