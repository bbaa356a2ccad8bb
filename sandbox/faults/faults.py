"""The faults of one workspace."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from random import Random

from .kinds import ALL_KINDS, CallFault, FeedFault, Kind, ListFault, PageFault, ResponseFault, call_fault
from .schedules import FaultQueue, NumberedCalls, Outage, Rate, Rates, Times, first_fault


class Faults:
    """The faults still to come, initially empty.

    `injected` counts the calls with a fault by kind, without the faults of pages, lists and the feed.
    """

    def __init__(self) -> None:
        self.injected: Counter[str] = Counter()
        self.clear()

    def clear(self) -> None:
        """Removes all faults, and keeps the counts."""
        self.pages: FaultQueue[PageFault] = FaultQueue()
        self.lists: FaultQueue[ListFault] = FaultQueue()
        self.feeds: FaultQueue[FeedFault] = FaultQueue()
        self.responses: FaultQueue[ResponseFault] = FaultQueue()
        self._outages: list[Outage] = []
        self._numbered_calls: list[NumberedCalls] = []
        self._rates = Rates()

    def take(self, path: str) -> CallFault | None:
        """The fault of the current call; call it once per call. An outage goes before all other faults."""
        by_outage = first_fault([outage.take() for outage in self._outages])
        by_number = first_fault([calls.take() for calls in self._numbered_calls])
        by_rate = self._rates.take()
        by_path = None if by_outage else self.responses.take(lambda fault: path.startswith(fault.path_prefix))
        fault = first_fault([by_outage, by_path, by_number, by_rate])
        if fault:
            self.injected[fault.name] += 1
        return fault

    def at_rate(
        self, rate: float, kinds: Collection[Kind] = ALL_KINDS, seed: int = 0, *, delay_seconds: float = 1.0
    ) -> None:
        """A fault of one of the kinds at each call, with that probability. Several rates add up.

        The same seed gives the same faults at the same calls, counted from now.
        """
        if not kinds:
            raise ValueError("a rate needs at least one kind of fault")
        faults = sorted((call_fault(kind, delay_seconds) for kind in kinds), key=_name)  # a set has no fixed order
        self._rates.add(Rate(rate, faults, Random(seed)))

    def at_calls(self, kinds: Mapping[int, Kind], *, delay_seconds: float = 1.0) -> None:
        """Faults at exact calls; the next call is number 1."""
        self._numbered_calls.append(
            NumberedCalls({number: call_fault(kind, delay_seconds) for number, kind in kinds.items()})
        )

    def outage(self, seconds: float, kind: Kind = 503, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """A fault at every call, for that many real seconds from the next call on."""
        self._outages.append(Outage(call_fault(kind), seconds, monotonic=monotonic))

    def empty_page(
        self, segment_id: str | None = None, *, page: int = 1, keeps_next: bool = True, times: Times = 1
    ) -> None:
        """A page without rows. It keeps its total_count and, unless `keeps_next` is false, its `next`."""
        self.pages.add(PageFault("empty", segment_id, page, keeps_next), times)

    def half_page(self, segment_id: str | None = None, *, page: int = 1, times: Times = 1) -> None:
        """A page without its second half. It keeps the total_count and `next` of the whole page."""
        self.pages.add(PageFault("half", segment_id, page), times)

    def repeat_page(self, segment_id: str | None = None, *, page: int = 1, times: Times = 1) -> None:
        """The page's rows also in place of the next page's rows, which no page then has."""
        self.pages.add(PageFault("repeat", segment_id, page + 1), times)

    def half_segment_list(self, *, times: Times = 1) -> None:
        """`GET /segments` lists only the first half."""
        self.lists.add(ListFault(None), times)

    def lose_segments(self, count: int, *, times: Times = 1) -> None:
        """`GET /segments` omits the last segments; `GET /segments/{id}` still finds them."""
        self.lists.add(ListFault(count), times)

    def empty_feed(self, *, times: Times = 1) -> None:
        """`GET /contacts/activities` returns no activity and no `next`, as Intercom does if its store is down."""
        self.feeds.add(FeedFault(), times)

    def status(
        self,
        code: int,
        *,
        times: Times = 1,
        path_prefix: str = "/",
        headers: Mapping[str, str] | None = None,
        message: str | None = None,
    ) -> None:
        """An HTTP status: HTML from a load balancer for 403, 502, 503 and 504, otherwise Intercom's envelope."""
        self.responses.add(ResponseFault(code, path_prefix, headers or {}, message), times)

    def empty_body(self, *, times: Times = 1, path_prefix: str = "/") -> None:
        """A 200 without a body."""
        self.responses.add(ResponseFault(200, path_prefix), times)


def _name(fault: CallFault) -> str:
    return fault.name
