"""Alerts: what the rules find in the marts after a sync."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from sources.intercom.memberships import Selection
from sources.intercom.wire import named

from ..destinations import MARTS, Ask
from ..messages import duration_text
from .rules import CHANGES, Rule

SEGMENTS = f"""
select segments.segment_id, segments.name, segments.is_deleted, segments.member_count,
    segments.last_complete_scan_at, segments.problem,
    coalesce(spells.since_run_count, 0), coalesce(spells.since_day_count, 0), coalesce(spells.spell_count, 0)
from {MARTS}.segments as segments
left join (
    select workspace_id, segment_id, count(*) as spell_count,
        sum(case when {{in_run}} then 1 else 0 end) as since_run_count,
        sum(case when {{in_day}} then 1 else 0 end) as since_day_count
    from (
        select workspace_id, segment_id, entered_at, left_at, is_baseline from {MARTS}.segment_memberships
        union all
        select workspace_id, segment_id, entered_at, left_at, is_baseline from {MARTS}.company_segment_memberships
    ) as all_spells
    group by workspace_id, segment_id
) as spells
    on segments.workspace_id = spells.workspace_id and segments.segment_id = spells.segment_id
where segments.workspace_id = '{{workspace_id}}'
order by segments.name, segments.segment_id
"""  # noqa: S608 (a constant)
WAS_MEMBER = (
    "(is_baseline or entered_at <= cast('{at}' as timestamptz)) "
    "and (left_at is null or left_at > cast('{at}' as timestamptz))"
)
"""The first complete scan of a segment finds its members; it does not make them join."""
SINCE = {"run": "since the last sync", "day": "since the end of yesterday"}


@dataclass(frozen=True)
class Alert:
    """What a rule found. `when` is that of the rule, or `no_segment` where a rule names a segment that is not there.

    `segment` is its name. `members_before` and `members` are set where a change of size was found.
    """

    when: str
    segment_id: str | None
    segment: str | None
    members_before: int | None
    members: int | None
    text: str


@dataclass(frozen=True)
class Present:
    """What a sync leaves to judge.

    Args:
        last_sync_at: the end of the last sync before it; null if there was none.
        selection: the segments that are followed; others are not judged.
        fields_changed: new, missing and other fields that the sync found, in sentences.
    """

    workspace_id: str
    now: datetime
    last_sync_at: datetime | None
    day_timezone: str
    selection: Selection
    fields_changed: tuple[str, ...]

    @property
    def query(self) -> str:
        today = self.now.astimezone(ZoneInfo(self.day_timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
        return SEGMENTS.format(
            workspace_id=self.workspace_id.replace("'", "''"),
            in_run=WAS_MEMBER.format(at=(self.last_sync_at or self.now).isoformat()),
            in_day=WAS_MEMBER.format(at=(today - timedelta(microseconds=1)).isoformat()),
        )


@dataclass(frozen=True)
class Size:
    """A segment in the marts. `run` and `day`: its size after the last sync, and at the end of yesterday."""

    segment_id: str
    segment_name: str | None
    is_deleted: bool
    members: int
    complete_at: datetime | None
    problem: str | None
    run: int
    day: int
    spells: int

    @property
    def name(self) -> str:
        return named(self.segment_name or self.segment_id)

    def before(self, since: str) -> int:
        return self.run if since == "run" else self.day


def alerts_of(rules: Iterable[Rule], ask: Ask, present: Present) -> tuple[Alert, ...]:
    """What the rules find, each finding once."""
    sizes = [Size(segment_id, *rest) for segment_id, *rest in ask(present.query)]
    followed = [one for one in sizes if not present.selection.excludes(one.segment_id, one.segment_name)]
    found = (alert for rule in rules for alert in _found(rule, followed, present))
    return tuple(dict.fromkeys(found))


def _found(rule: Rule, sizes: Collection[Size], present: Present) -> Iterator[Alert]:
    if rule.when == "fields_changed":
        for text in present.fields_changed:
            yield Alert(rule.when, None, None, None, None, text)
    yield from _unmatched(rule, sizes)
    watched = Selection(rule.segments)
    for size in sizes:
        if not watched.excludes(size.segment_id, size.segment_name):
            yield from _of_segment(rule, size, present.now)


def _unmatched(rule: Rule, sizes: Collection[Size]) -> Iterator[Alert]:
    sizes = [size for size in sizes if not size.is_deleted or size.run]  # a deletion since the last sync is a change
    names = [size.segment_name or size.segment_id for size in sizes]
    for entry in rule.segments:
        selection = Selection((entry,))
        if all(selection.excludes(size.segment_id, size.segment_name) for size in sizes):
            near = get_close_matches(entry, names, 1)
            advice = f" Did you mean {named(near[0])}?" if near else ""
            text = f"A rule ({rule.when}) is for {named(entry)}, but no followed segment has that name or id.{advice}"
            yield Alert("no_segment", None, named(entry), None, None, text)


def _of_segment(rule: Rule, size: Size, now: datetime) -> Iterator[Alert]:
    if rule.when in CHANGES:
        yield from _change(rule, size)
    elif size.is_deleted:
        return
    elif rule.when == "empty" and size.members == 0 < size.spells:
        yield _alert(rule, size, f"{size.name} has no members.")
    elif rule.when == "incomplete" and size.problem:
        yield _alert(rule, size, f"{size.name} could not be read completely ({size.problem}).")
    elif rule.when == "stale" and rule.hours is not None:
        yield from _age(rule, size, now, timedelta(hours=rule.hours))


def _change(rule: Rule, size: Size) -> Iterator[Alert]:
    before = size.before(rule.since)
    change = size.members - before
    if not change or (rule.when == "grew" and change < 0) or (rule.when == "shrank" and change > 0):
        return
    if rule.percent is not None and abs(change) * 100 <= before * rule.percent:
        return
    if rule.members is not None and abs(change) <= rule.members:
        return
    text = _deletion(size, before) if size.is_deleted else _growth(size, before, rule.since)
    yield Alert(rule.when, size.segment_id, size.name, before, size.members, text)


def _deletion(size: Size, before: int) -> str:
    return f"{size.name} was deleted in Intercom. It had {_members(before)}."


def _growth(size: Size, before: int, since: str) -> str:
    change = size.members - before
    share = f" ({abs(change) / before:.1%})" if before else ""
    return (
        f"{size.name} {'grew' if change > 0 else 'shrank'} by {_members(abs(change))}{share} {SINCE[since]}, from "
        f"{before:,} to {size.members:,}."
    )


def _members(count: int) -> str:
    return f"{count:,} member" if count == 1 else f"{count:,} members"


def _age(rule: Rule, size: Size, now: datetime, most: timedelta) -> Iterator[Alert]:
    if size.complete_at is None:
        yield _alert(rule, size, f"{size.name} was never read completely.")
    elif now - size.complete_at > most:
        age, limit = duration_text((now - size.complete_at).total_seconds()), duration_text(most.total_seconds())
        yield _alert(rule, size, f"{size.name} was last read completely {age} ago (limit {limit}).")


def _alert(rule: Rule, size: Size, text: str) -> Alert:
    return Alert(rule.when, size.segment_id, size.name, None, None, text)
