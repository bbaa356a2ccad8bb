"""The numbers behind the report, read from the marts. Nothing of any contact is among them, unless it is asked for."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from sources.intercom.wire import named, visible

from ..destinations import Ask

Row = TypeVar("Row", bound=msgspec.Struct)

WEEK = timedelta(days=7)
FEWEST_JOINERS = 30
"""A segment with fewer joins has neither a retention nor a tenure worth printing."""
WIDE = 0.9
"""A segment with a larger share of all members says nothing about them: it is neither in the headline nor in flows."""
FEWEST_MOVES = 5
LATEST_PEOPLE = 40

OF_CONTACTS = "segment_id in (select segment_id from intercom.segments where coalesce(person_type, '') <> 'company')"
"""The report is about people, so it leaves out the segments of companies."""
DAYS = """
select segment_id, day, day_status, member_count, known_member_count, entered_count,
    left_of_themselves_count as left_count, contact_gone_count + segment_changed_count as other_count
from intercom.segment_calendar where workspace_id = {workspace} and day >= {since} and {of_contacts}
order by segment_id, day
"""
SEGMENTS = """
select segment_id, segment_name as name, is_deleted, member_count, entered_count + left_count as moves_count,
    widest_window_days
from intercom.segment_health where workspace_id = {workspace} and {of_contacts}
"""
EDITS = """
select segment_id, cast(updated_at at time zone {zone} as date) as day from intercom.segment_versions
where workspace_id = {workspace} and version_number > 1 and {of_contacts}
"""
RETENTION = """
select segment_id, joined_week_on, horizon_days, joined_count, eligible_count, retained_count, retention_rate,
    not_yet_count, cut_off_count, unknown_count
from intercom.segment_retention where workspace_id = {workspace} and joined_week_on >= {since} and {of_contacts}
order by segment_id, joined_week_on, horizon_days
"""
TENURE = """
select segment_id, joined_count, median_days, watched_days, last_survival_rate, survival_rate_7, survival_rate_30
from intercom.segment_tenure where workspace_id = {workspace} and joined_count >= {fewest} and {of_contacts}
order by joined_count desc
"""
TRANSITIONS = """
select segment_id, to_segment_id, days_within, left_count, moved_count, moved_rate
from intercom.segment_transitions
where workspace_id = {workspace} and days_within in (7, 30) and moved_count >= {fewest} and {of_contacts}
order by moved_count desc, segment_id, to_segment_id
"""
OVERLAP = """
select segment_id, other_segment_id, shared_count, share_of_segment, jaccard
from intercom.segment_overlap where workspace_id = {workspace} and {of_contacts}
order by segment_id, other_segment_id
"""
TOTALS = """
select
    (select count(distinct contact_id) from intercom.current_segment_members where workspace_id = {workspace})
        as members_count,
    (select count(*) from intercom.contacts where workspace_id = {workspace} and not is_deleted) as contacts_count,
    (select max(last_complete_scan_at) from intercom.segments where workspace_id = {workspace}) as observed_at
"""
WEEK_OF_SEGMENTS = """
select segment_id, count(case when reason = 'joined' then 1 end), count(case when reason = 'left' then 1 end)
from intercom.segment_membership_events
where workspace_id = {workspace} and occurred_on > {after} group by segment_id
"""
WEEK_OF_PEOPLE = """
select event, reason, count(distinct contact_id) as people_count, count(*) as events_count
from intercom.segment_membership_events
where workspace_id = {workspace} and occurred_on > {after} group by event, reason
"""
PEOPLE = """
select events.occurred_on as day, events.segment_name, coalesce(contacts.name, contacts.email, '') as person,
    events.event, events.reason
from intercom.segment_membership_events as events
join intercom.contacts as contacts
    on contacts.workspace_id = events.workspace_id and contacts.contact_id = events.contact_id
where events.workspace_id = {workspace} and events.reason <> 'baseline'
order by events.occurred_at desc, events.contact_id, events.segment_id limit {most}
"""


class Day(msgspec.Struct, frozen=True):
    """A segment's day. What is null is unknown: no run observed the segment on that day."""

    segment_id: str
    day: date
    day_status: str
    member_count: int | None
    known_member_count: int | None
    entered_count: int | None
    left_count: int | None
    other_count: int | None


class Cohort(msgspec.Struct, frozen=True):
    """Those who joined in a week, `horizon_days` later."""

    segment_id: str
    joined_week_on: date
    horizon_days: int
    joined_count: int
    eligible_count: int
    retained_count: int
    retention_rate: float | None
    not_yet_count: int
    cut_off_count: int
    unknown_count: int


class Tenure(msgspec.Struct, frozen=True):
    """How long those who joined a segment stay in it."""

    segment_id: str
    joined_count: int
    median_days: int | None
    watched_days: int
    last_survival_rate: float | None
    survival_rate_7: float | None
    survival_rate_30: float | None


class Move(msgspec.Struct, frozen=True):
    """People who left a segment and then entered one, which may be the same, within some days."""

    segment_id: str
    to_segment_id: str
    days_within: int
    left_count: int
    moved_count: int
    moved_rate: float | None


class Overlap(msgspec.Struct, frozen=True):
    """The members that two segments share."""

    segment_id: str
    other_segment_id: str
    shared_count: int
    share_of_segment: float
    jaccard: float


class PersonMove(msgspec.Struct, frozen=True):
    """A join or leave with the contact's name."""

    day: date
    segment_name: str
    person: str
    event: str
    reason: str


class Segment(msgspec.Struct, frozen=True):
    """A segment in the report's time. Changes and counts of joins, leaves and others are of the last week."""

    segment_id: str
    name: str
    is_deleted: bool
    member_count: int
    moves_count: int
    widest_window_days: int | None
    week_ago_count: int
    first_count: int
    joined_count: int
    left_count: int
    edited_on: tuple[date, ...]
    is_wide: bool

    @property
    def change_count(self) -> int:
        return self.member_count - self.week_ago_count

    @property
    def other_count(self) -> int:
        """What else changed the size: deleted and merged contacts, edits of the segment, its first observation."""
        return self.change_count - self.joined_count + self.left_count

    @property
    def whole_change_count(self) -> int:
        return self.member_count - self.first_count


class Totals(msgspec.Struct, frozen=True):
    """Of the whole workspace. People are counted once each, joins and leaves as often as they happened."""

    members_count: int
    contacts_count: int
    observed_at: datetime
    joined_people_count: int
    joins_count: int
    left_people_count: int
    leaves_count: int
    other_leaves_count: int


@dataclass(frozen=True)
class Numbers:
    """All that the report shows of one workspace. Segments come by size, the largest first."""

    workspace: str
    day_timezone: str
    first_on: date
    last_on: date
    totals: Totals
    segments: tuple[Segment, ...]
    days: Mapping[str, Sequence[Day]]
    retention: Mapping[str, Sequence[Cohort]]
    tenure: tuple[Tenure, ...]
    moves: tuple[Move, ...]
    overlaps: tuple[Overlap, ...]
    people: tuple[PersonMove, ...]

    @property
    def week_days(self) -> int:
        """The length of the last week in days: shorter where less is known."""
        return min(WEEK, self.last_on - self.first_on).days

    @property
    def unobserved_days(self) -> tuple[date, ...]:
        """Days on which no segment was observed."""
        observed = {day.day for days in self.days.values() for day in days if day.day_status != "unobserved"}
        count = (self.last_on - self.first_on).days + 1
        return tuple(day for day in (self.first_on + timedelta(n) for n in range(count)) if day not in observed)


@dataclass(frozen=True)
class WorkspaceReader:
    """Asks for rows of one workspace, from a day on."""

    ask: Ask
    workspace_id: str
    since: date
    day_timezone: str

    def rows(self, query: str, kind: type[Row], **values: object) -> list[Row]:
        fields = kind.__struct_fields__
        return [msgspec.convert(dict(zip(fields, row, strict=True)), kind) for row in self.tuples(query, **values)]

    def tuples(self, query: str, **values: object) -> Sequence[Sequence[Any]]:
        literals = {"workspace": self.workspace_id, "since": self.since, "zone": self.day_timezone} | values
        values = {name: _literal(value) for name, value in literals.items()}
        return self.ask(query.format(of_contacts=OF_CONTACTS, **values))


def _literal(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("'", "''")
    return f"date '{text}'" if isinstance(value, date) else f"'{text}'"


def read_numbers(
    ask: Ask, workspace_id: str, name: str, *, since: date, day_timezone: str, with_people: bool
) -> Numbers | None:
    """The numbers of one workspace from a day on; null if nothing was observed since then."""
    reader = WorkspaceReader(ask, workspace_id, since, day_timezone)
    days = _grouped(reader.rows(DAYS, Day))
    if not days:
        return None
    first_on = min(one[0].day for one in days.values())
    last_on = max(one[-1].day for one in days.values())
    totals = _totals(reader, last_on - min(WEEK, last_on - first_on))
    return Numbers(
        workspace=name,
        day_timezone=day_timezone,
        first_on=first_on,
        last_on=last_on,
        totals=totals,
        segments=tuple(sorted(_segments(reader, days, last_on, totals), key=lambda one: -one.member_count)),
        days=days,
        retention=_grouped(reader.rows(RETENTION, Cohort)),
        tenure=tuple(reader.rows(TENURE, Tenure, fewest=FEWEST_JOINERS)),
        moves=tuple(reader.rows(TRANSITIONS, Move, fewest=FEWEST_MOVES)),
        overlaps=tuple(reader.rows(OVERLAP, Overlap)),
        people=tuple(_people(reader)) if with_people else (),
    )


def _totals(reader: WorkspaceReader, after: date) -> Totals:
    ((members, contacts, observed_at),) = reader.tuples(TOTALS)
    week = {(event, reason): counts for event, reason, *counts in reader.tuples(WEEK_OF_PEOPLE, after=after)}
    (joiners, joins), (leavers, left) = week.get(("entered", "joined"), (0, 0)), week.get(("left", "left"), (0, 0))
    leaves = sum(events for (event, _), (_, events) in week.items() if event == "left")
    return Totals(members, contacts, observed_at, joiners, joins, leavers, left, leaves - left)


def _segments(
    reader: WorkspaceReader, days: Mapping[str, Sequence[Day]], last_on: date, totals: Totals
) -> Iterator[Segment]:
    edits = defaultdict[str, list[date]](list)
    for segment_id, day in reader.tuples(EDITS):
        edits[segment_id].append(day)
    moved = {key: (joins, leaves) for key, joins, leaves in reader.tuples(WEEK_OF_SEGMENTS, after=last_on - WEEK)}
    for segment_id, name, is_deleted, members, moves, window in reader.tuples(SEGMENTS):
        known = days.get(segment_id)
        if known is None:
            continue
        joins, leaves = moved.get(segment_id, (0, 0))
        yield Segment(
            segment_id,
            named(name or segment_id),
            is_deleted,
            members,
            moves,
            window,
            _size_on(known, last_on - WEEK),
            known[0].known_member_count or 0,
            joins,
            leaves,
            tuple(sorted(edits[segment_id])),
            members > WIDE * totals.members_count,
        )


def _size_on(days: Sequence[Day], day: date) -> int:
    """The last size that was known on a day, else the first that was ever known."""
    before = [one for one in days if one.day <= day]
    return (before[-1] if before else days[0]).known_member_count or 0


def _people(reader: WorkspaceReader) -> Iterator[PersonMove]:
    for one in reader.rows(PEOPLE, PersonMove, most=LATEST_PEOPLE):
        yield msgspec.structs.replace(one, segment_name=named(one.segment_name), person=visible(one.person))


def _grouped(rows: Iterable[Any]) -> dict[str, list[Any]]:
    groups = defaultdict[str, list[Any]](list)
    for row in rows:
        groups[row.segment_id].append(row)
    return dict(groups)
