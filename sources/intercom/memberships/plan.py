"""Which segments to read, how, and at what cost: pure functions of counts and ages.

A sweep reads everyone in a segment; a cursor read only those who changed. Rules such as "signed up less than 30 days
ago" move members with no write to the contact, so a cursor read alone is never the truth: every segment is swept again
before long, and at once where Intercom's count shows that something was missed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..api import Segment, page_calls

BYTES_A_CONTACT = 2_400
"""A contact in a search answer, unpacked; search sends whole contacts also where only their ids are of use."""


@dataclass(frozen=True)
class LastSweep:
    """What a segment's last complete sweep left: when, Intercom's count in the list then, and the members it found."""

    observed_at: datetime
    count: int | None
    members: int


@dataclass(frozen=True)
class RememberedSegment:
    """What the newest scan of a segment left behind, and its last complete sweep; `members` are those known now."""

    segment_id: str
    updated_at: int
    observed_at: datetime
    how: str
    status: str
    problem: str | None
    members: int
    swept: LastSweep | None = None
    name: str | None = None


@dataclass(frozen=True)
class Limits:
    """How old a sweep may grow, and how many calls a run may spend on sweeps, those it must do included."""

    sweep_every: timedelta
    sweep_budget: int


@dataclass(frozen=True)
class Planned:
    """A segment and why it is swept; `why` is null where it is not."""

    segment: Segment
    before: RememberedSegment | None
    why: str | None = None

    @property
    def members(self) -> int:
        """Members to expect: the larger of Intercom's count and ours."""
        return max(self.segment.count or 0, self.before.members if self.before else 0)

    @property
    def sweep_calls(self) -> int:
        """What a sweep of it costs."""
        return page_calls(self.members)


@dataclass(frozen=True)
class Plan:
    """Segments to sweep, and the rest: a cursor read where contacts changed, and nothing where none did."""

    sweeps: Sequence[Planned]
    rest: Sequence[Planned]

    @property
    def sweep_calls(self) -> int:
        """What the sweeps cost."""
        return sum(planned.sweep_calls for planned in self.sweeps)

    @property
    def drift_calls(self) -> int:
        """What sweeping all the rest would cost on top: the worst that drift can lead to."""
        return sum(planned.sweep_calls for planned in self.rest)


def plan(
    listed: Iterable[Segment],
    remembered: Mapping[str, RememberedSegment],
    *,
    now: datetime,
    limits: Limits,
    full: bool = False,
) -> Plan:
    """Sweeps what must be swept whatever it costs, and others, swept longest ago first, while the budget lasts."""
    must: list[Planned] = []
    may: list[Planned] = []
    for segment in listed:
        before = remembered.get(segment.id)
        why = must_be_swept(segment, before, now=now, sweep_every=limits.sweep_every)
        if full:
            why = why or "asked for"
        (must if why else may).append(Planned(segment, before, why))
    left = limits.sweep_budget - sum(planned.sweep_calls for planned in must)
    rest = []
    for planned in sorted(may, key=_age):
        fits = planned.sweep_calls <= left
        if fits:
            left -= planned.sweep_calls
            must.append(Planned(planned.segment, planned.before, "within the budget"))
        else:
            rest.append(planned)
    return Plan(must, rest)


def _age(planned: Planned) -> datetime:
    if planned.before is None or planned.before.swept is None:
        raise AssertionError("what was never swept must be, and has no age")
    return planned.before.swept.observed_at


def must_be_swept(
    segment: Segment, before: RememberedSegment | None, *, now: datetime, sweep_every: timedelta
) -> str | None:
    """Why a segment has to be swept in this run, null where it need not be."""
    if before is None or before.swept is None:
        return "never swept"
    if before.how == "deleted":
        return "back in the list"
    if before.status == "incomplete":
        return "incomplete in the run before"
    if before.status == "excluded":
        return "excluded in the run before"
    if before.updated_at != segment.updated_at:
        return "edited"
    if now - before.swept.observed_at > sweep_every:
        return "due"
    return None


def is_suspect(count: int | None, before: RememberedSegment, members: int) -> bool:
    """Whether Intercom's count is not what it was at the last sweep, plus all that was logged since.

    Compared with its own former count, so that one which is always three too high stays above suspicion. Where there
    is none, the segment has to be counted another way.
    """
    swept = before.swept
    if swept is None or count is None or swept.count is None:
        return True
    return count - swept.count != members - swept.members
