"""Faults on request: exact ones, each used up after `times` (None = never).

They are what Intercom and the machines before it are known to do now and then, made to happen at a chosen place.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Times = int | None


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
class AnswerFault:
    """Answers in place of an endpoint: a status, or 200 with nothing in it."""

    status: int
    path_prefix: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def from_load_balancer(self) -> bool:
        """Whether the answer is HTML that Intercom itself never saw: no Intercom headers, no quota spent."""
        return self.status in (403, 502, 503, 504)


Fault = TypeVar("Fault", PageFault, ListFault, AnswerFault)


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


class Faults:
    """What is to go wrong. Nothing does until one of these methods was called."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.pages: Queue[PageFault] = Queue()
        self.lists: Queue[ListFault] = Queue()
        self.answers: Queue[AnswerFault] = Queue()

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
