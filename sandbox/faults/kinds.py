"""What can be wrong with an answer."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal[403, 429, "429 with Retry-After", 500, 502, 503, "empty", "drop", "truncated", "short", "slow"]
"""How a call can fail.

A number is a status: 403, 502 and 503 with HTML from a load balancer, 429 and 500 in Intercom's envelope. `empty`: a
200 without a body. `drop`: the connection is closed without an answer. `truncated`: it is closed after half of the
body, while Content-Length announced all of it. `short`: half of the body with a matching Content-Length, which is valid
HTTP and invalid JSON. `slow`: a correct answer that comes late.
"""
ALL_KINDS: tuple[Kind, ...] = get_args(Kind)


class ConnectionDropped(BaseException):
    """The connection ends here. Not an Exception, because Starlette answers 500 to those."""


@dataclass(frozen=True)
class PageFault:
    """Changes a page of the searches that name a segment; without `segment_id`, of all searches."""

    how: str
    segment_id: str | None
    page: int
    keeps_next: bool = True

    def hits(self, segment_ids: Set[str], page: int) -> bool:
        return self.page == page and (self.segment_id is None or self.segment_id in segment_ids)


@dataclass(frozen=True)
class ListFault:
    """Omits the last segments from the list: `missing` of them, or half if None."""

    missing: int | None

    def remaining(self, length: int) -> int:
        """The number of segments listed out of `length`."""
        return length // 2 if self.missing is None else max(0, length - self.missing)


@dataclass(frozen=True)
class FeedFault:
    """Omits all activities from a page of the feed."""


@dataclass(frozen=True)
class ResponseFault:
    """Answers in place of an endpoint: with a status, or with 200 and no body. `message` is that of the error."""

    status: int
    path_prefix: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str | None = None

    @property
    def from_load_balancer(self) -> bool:
        """Whether the answer is HTML from before Intercom: it has no Intercom headers and spends no quota."""
        return self.status in (403, 502, 503, 504)

    @property
    def name(self) -> str:
        """The name under which it is counted."""
        if self.status == 429 and "retry-after" in map(str.lower, self.headers):
            return "429 with Retry-After"
        return "empty" if self.status == 200 else str(self.status)


@dataclass(frozen=True)
class ConnectionFault:
    """Damages an endpoint's answer on its way: `drop`, `truncated`, `short` or `slow`."""

    name: str
    delay_seconds: float = 0.0


CallFault = ResponseFault | ConnectionFault


def call_fault(kind: Kind, delay_seconds: float = 1.0) -> CallFault:
    """The fault of that kind; only `slow` has the delay."""
    if kind not in ALL_KINDS:
        raise ValueError(f"{kind!r} is not a kind of fault. Use one of {ALL_KINDS}.")
    match kind:
        case "429 with Retry-After":
            return ResponseFault(429, headers={"Retry-After": "1"})
        case "empty":
            return ResponseFault(200)
        case "slow":
            return ConnectionFault(kind, delay_seconds)
        case "drop" | "truncated" | "short":
            return ConnectionFault(kind)
        case status:
            return ResponseFault(status)
