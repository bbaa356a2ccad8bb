"""Which segments to read, how, and at what cost: pure functions of counts and ages.

A sweep reads all members of a segment, a cursor read only contacts that changed. Rules such as "signed up less than 30
days ago" move members without an update of the contact, so cursor reads alone are not enough: every segment is swept
regularly, and at once where Intercom's count shows that changes were missed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..api import Segment, SetupError, page_calls

BYTES_A_CONTACT = 2_400
"""A contact in a search answer, unpacked; search always sends whole contacts."""


@dataclass(frozen=True)
class LastSweep:
    """A segment's last complete sweep: when, Intercom's count in the list then, and the members found."""

    observed_at: datetime
    count: int | None
    members: int


@dataclass(frozen=True)
class SegmentVersion:
    """A segment's definition as it is loaded. `observed_at`: when it was first seen."""

    updated_at: int
    name: str | None
    person_type: str | None
    created_at: int | None
    observed_at: datetime


@dataclass(frozen=True)
class RememberedSegment:
    """A segment by its newest scan, and its last complete sweep. `members` is how many are known now."""

    segment_id: str
    updated_at: int
    observed_at: datetime
    how: str
    status: str
    problem: str | None
    members: int
    swept: LastSweep | None = None
    name: str | None = None

    def is_edited(self, listed: Segment) -> bool:
        """Whether the segment in the list is another version. One whose date cannot be read is the same."""
        return listed.updated_at not in (0, self.updated_at)


@dataclass(frozen=True)
class Selection:
    """The segments that the configuration selects, by id, or by name in any case.

    An excluded segment is unobserved: it is not read, and its memberships do not change.

    Args:
        include: entries that are read; all segments if empty.
        exclude: entries that are not read.
    """

    include: Collection[str] = ()
    exclude: Collection[str] = ()

    def excludes(self, segment_id: str, name: str | None) -> bool:
        """Whether a segment is not read."""
        is_included = not self.include or _is_among(self.include, segment_id, name)
        return not is_included or _is_among(self.exclude, segment_id, name)

    def of(self, listed: Iterable[Segment]) -> list[Segment]:
        """The segments that are read."""
        return [segment for segment in listed if not self.excludes(segment.id, segment.name)]

    def check(self, listed: Collection[Segment]) -> None:
        """Stops a run that would read no segment.

        Raises:
            SetupError: there are segments, and all are excluded.
        """
        if listed and not self.of(listed):
            raise SetupError(
                f"include_segments and exclude_segments leave none of the {len(listed):,} segments to read. Nothing "
                "was written. Correct the names in these settings."
            )

    def notes(self, listed: Collection[Segment]) -> list[str]:
        """Entries that match no listed segment, in sentences."""
        return [
            f"{setting} names {entry!r}, but no segment has that id or name."
            for setting, entries in (("include_segments", self.include), ("exclude_segments", self.exclude))
            for entry in entries
            if not any(_is_among((entry,), segment.id, segment.name) for segment in listed)
        ]


def _is_among(entries: Iterable[str], segment_id: str, name: str | None) -> bool:
    normalized = (name or "").strip().casefold()
    return any(entry == segment_id or entry.strip().casefold() == normalized for entry in entries)


@dataclass(frozen=True)
class Limits:
    """The greatest age of a sweep, and the calls a run may spend on sweeps, required ones included.

    `parts_budget` and `events_budget`: the calls it may spend on parts of conversations, and on events of contacts.
    `export_wait`: minutes that it may wait for an export.
    """

    sweep_every: timedelta
    sweep_budget: int
    parts_budget: int = 5000
    events_budget: int = 5000
    export_wait: float = 10


@dataclass(frozen=True)
class Planned:
    """A segment and why it is swept; `why` is null if it is not."""

    segment: Segment
    before: RememberedSegment | None
    why: str | None = None

    @property
    def members(self) -> int:
        """The larger of Intercom's count and ours."""
        return max(self.segment.count or 0, self.before.members if self.before else 0)

    @property
    def sweep_calls(self) -> int:
        return page_calls(self.members)


@dataclass(frozen=True)
class Plan:
    """Segments to sweep, and the rest: those get a cursor read if contacts changed."""

    sweeps: Sequence[Planned]
    rest: Sequence[Planned]

    @property
    def sweep_calls(self) -> int:
        return sum(planned.sweep_calls for planned in self.sweeps)

    @property
    def drift_calls(self) -> int:
        """The most that sweeps for drift can add: all the rest."""
        return sum(planned.sweep_calls for planned in self.rest)


def plan(
    listed: Iterable[Segment],
    remembered: Mapping[str, RememberedSegment],
    *,
    now: datetime,
    limits: Limits,
    full: bool = False,
) -> Plan:
    """Sweeps all segments that must be swept, then others while the budget lasts, the longest unswept first."""
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
    for planned in sorted(may, key=_swept_at):
        fits = planned.sweep_calls <= left
        if fits:
            left -= planned.sweep_calls
            must.append(Planned(planned.segment, planned.before, "within the budget"))
        else:
            rest.append(planned)
    return Plan(must, rest)


def _swept_at(planned: Planned) -> datetime:
    if planned.before is None or planned.before.swept is None:
        raise AssertionError("a segment that was never swept must be swept, and has no age")
    return planned.before.swept.observed_at


def must_be_swept(
    segment: Segment, before: RememberedSegment | None, *, now: datetime, sweep_every: timedelta
) -> str | None:
    """The reason for a required sweep, null if none is required."""
    if before is None or before.swept is None:
        return "never swept"
    if before.how == "deleted":
        return "back in the list"
    if before.status == "incomplete":
        return "incomplete in the run before"
    if before.status == "excluded":
        return "excluded in the run before"
    if before.is_edited(segment):
        return "edited"
    if now - before.swept.observed_at > sweep_every:
        return "due"
    return None


def is_suspect(count: int | None, before: RememberedSegment, members: int) -> bool:
    """Whether Intercom's count differs from its count at the last sweep plus all changes logged since.

    It is compared with Intercom's own earlier count, so that one that is always three too high is not suspect. Without
    a count, the segment has to be counted in another way.
    """
    swept = before.swept
    if swept is None or count is None or swept.count is None:
        return True
    return count - swept.count != members - swept.members
