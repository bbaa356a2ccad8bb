"""The published state of the segments and lists: counts, and the days without a complete observation."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from ...destinations import MARTS, Ask
from .lists import ListStatus, newest_readings

DAY = timedelta(days=1)

SEGMENTS = f"""
select workspace_id, segment_id, name, is_deleted, member_count, reported_count, last_complete_scan_at, problem
from {MARTS}.segments
order by workspace_id, name, segment_id
"""  # noqa: S608 (a constant)
OBSERVED_DAYS = f"select distinct workspace_id, observed_on from {MARTS}.segment_daily order by 1, 2"  # noqa: S608
MISSING_DAYS = f"""
with days as (
    select distinct workspace_id, observed_on from {MARTS}.segment_daily
), lives as (
    select daily.workspace_id, daily.segment_id, min(daily.observed_on) as first_on,
        max(case when segments.is_deleted then daily.observed_on end) as ended_on
    from {MARTS}.segment_daily as daily
    join {MARTS}.segments as segments
        on daily.workspace_id = segments.workspace_id and daily.segment_id = segments.segment_id
    group by daily.workspace_id, daily.segment_id
)
select lives.workspace_id, lives.segment_id, days.observed_on
from lives
join days
    on lives.workspace_id = days.workspace_id and lives.first_on < days.observed_on
    and (lives.ended_on is null or days.observed_on < lives.ended_on)
left join {MARTS}.segment_daily as daily
    on lives.workspace_id = daily.workspace_id and lives.segment_id = daily.segment_id
    and days.observed_on = daily.observed_on
where daily.segment_id is null
order by 1, 2, 3
"""  # noqa: S608
"""Days on which other segments were observed. Days without any observation are missing for the whole workspace."""


@dataclass(frozen=True)
class Days:
    """Consecutive days, the last one included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True)
class SegmentStatus:
    """The published state of a segment, and its gaps.

    `problem`: why its newest scan is incomplete; null if it is complete. `days_missing`: days without a complete
    observation of it, since its first one and until it was deleted, on which other segments have one.
    """

    segment_id: str
    name: str | None
    is_deleted: bool
    member_count: int
    reported_count: int | None
    last_complete_scan_at: datetime | None
    problem: str | None
    days_missing: tuple[Days, ...]

    @property
    def has_drifted(self) -> bool:
        """Whether Intercom's count differs from the known members. Its count can lag."""
        return not self.is_deleted and self.reported_count not in (None, self.member_count)

    @property
    def needs_attention(self) -> bool:
        return self.has_drifted or self.problem is not None or bool(self.days_missing)


@dataclass(frozen=True)
class Published:
    """By workspace id: all segments, the days on which at least one was observed, and all lists that were read."""

    segments: Mapping[str, list[SegmentStatus]]
    days: Mapping[str, list[date]]
    lists: Mapping[str, list[ListStatus]]


NOTHING = Published({}, {}, {})


def published(ask: Ask) -> Published:
    missing = defaultdict[tuple[str, str], list[date]](list)
    for workspace_id, segment_id, day in ask(MISSING_DAYS):
        missing[workspace_id, segment_id].append(day)
    segments = defaultdict[str, list[SegmentStatus]](list)
    for workspace_id, segment_id, *rest in ask(SEGMENTS):
        row: tuple[Any, ...] = (segment_id, *rest, ranges(missing[workspace_id, segment_id]))
        segments[workspace_id].append(SegmentStatus(*row))
    days = defaultdict[str, list[date]](list)
    for workspace_id, day in ask(OBSERVED_DAYS):
        days[workspace_id].append(day)
    return Published(segments, days, newest_readings(ask))


def ranges(days: Iterable[date]) -> tuple[Days, ...]:
    """Sorted days, as ranges."""
    folded: list[Days] = []
    for day in days:
        if folded and folded[-1].last + DAY == day:
            folded[-1] = Days(folded[-1].first, day)
        else:
            folded.append(Days(day, day))
    return tuple(folded)


def gaps(observed: Iterable[date], until: date) -> tuple[Days, ...]:
    """The missing days between sorted observed days, and from the last one to the day before `until`."""
    edges = [*observed, until]
    return tuple(Days(before + DAY, after - DAY) for before, after in pairwise(edges) if after - before > DAY)
