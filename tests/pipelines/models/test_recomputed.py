"""The marts for analysts equal a plain computation from the sandbox's own history, after random lives."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import prod
from typing import Any

import pytest

from sandbox.segments.rules import Everyone
from sandbox.world import Workspace

from ...support.deployments import Deployment

Row = tuple[Any, ...]
HORIZONS = (1, 7, 14, 30, 60, 90, 180, 365)
GONE = ("contact_deleted", "contact_archived", "contact_merged")


@dataclass
class Observation:
    """What a run could read: the segments with their members, and which segments were edited since the run before."""

    at: datetime
    members: dict[str, set[str]]
    edited: set[str]

    @property
    def day(self) -> date:
        return self.at.date()


@dataclass
class Spell:
    """`start` and `end` are positions in the list of observations."""

    segment: str
    contact: str
    start: int
    entered: str
    end: int | None = None
    left: str | None = None


@dataclass
class History:
    """The observations of a workspace, and the spells that follow from them."""

    workspace: Workspace
    seen: list[Observation] = field(default_factory=list)
    edited_at: dict[str, int] = field(default_factory=dict)

    def observe(self) -> None:
        members = {segment: set(self.workspace.members(segment)) for segment in self.workspace.segments}
        edited_at = {segment.id: segment.updated_at for segment in self.workspace.segments.values()}
        edited = {segment for segment, at in edited_at.items() if self.edited_at.get(segment, at) != at}
        self.edited_at |= edited_at
        self.seen.append(Observation(self.workspace.now(), members, edited))

    def known(self, segment: str) -> list[int]:
        """Positions of the observations that list the segment, and of the first one that finds it deleted."""
        listed = [number for number, one in enumerate(self.seen) if segment in one.members]
        return [*listed, *([listed[-1] + 1] if listed[-1] + 1 < len(self.seen) else [])]

    def day(self, number: int) -> date:
        return self.seen[number].day

    @property
    def segments(self) -> set[str]:
        return set().union(*(one.members for one in self.seen))

    def spells(self) -> Iterator[Spell]:
        for segment in self.segments:
            open_spells: dict[str, Spell] = {}
            for number in self.known(segment):
                now = self.seen[number].members.get(segment, set())
                for contact in open_spells.keys() - now:
                    spell = open_spells.pop(contact)
                    spell.end, spell.left = number, self._leave_reason(segment, contact, number)
                    yield spell
                for contact in now - open_spells.keys():
                    open_spells[contact] = Spell(segment, contact, number, self._enter_reason(segment, contact, number))
            yield from open_spells.values()

    def _leave_reason(self, segment: str, contact: str, number: int) -> str:
        one = self.seen[number]
        if segment not in one.members:
            return "segment_deleted"
        removal = self.workspace.records.removals.get(contact)
        if removal and removal.removed_at <= one.at.timestamp():
            return f"contact_{removal.kind}"
        return "segment_edited" if segment in one.edited else "left"

    def _enter_reason(self, segment: str, contact: str, number: int) -> str:
        if number == self.known(segment)[0]:
            return "baseline"
        before, one = self.seen[number - 1], self.seen[number]
        gone = before.members.get(segment, set()) - one.members[segment]
        removals = self.workspace.records.removals
        if any(lead in removals and removals[lead].merged_into == contact for lead in gone):
            return "merge"
        return "segment_edited" if segment in one.edited else "joined"


@dataclass
class Recomputed:
    """The marts, as rows without the workspace and without names."""

    history: History
    spells: list[Spell] = field(init=False)

    def __post_init__(self) -> None:
        self.spells = list(self.history.spells())
        self.joins = [spell for spell in self.spells if spell.entered == "joined"]

    def last_known(self, segment: str) -> date:
        return self.history.day(self.history.known(segment)[-1])

    def entered(self, spell: Spell) -> date:
        return self.history.day(spell.start)

    def stayed(self, spell: Spell) -> int | None:
        return None if spell.end is None else (self.history.day(spell.end) - self.entered(spell)).days

    def watched(self, spell: Spell) -> int:
        return (self.last_known(spell.segment) - self.entered(spell)).days

    def retention(self) -> set[Row]:
        cells: dict[Row, Counter[str]] = defaultdict(Counter)
        for spell in self.joins:
            monday = self.entered(spell) - timedelta(days=self.entered(spell).weekday())
            for horizon in HORIZONS:
                cells[spell.segment, monday, horizon][self._verdict(spell, horizon)] += 1
        return {
            (*cell, verdicts.total(), verdicts["in"] + verdicts["out"], verdicts["in"], verdicts["not yet"],
             verdicts["cut off"], verdicts["unknown"])
            for cell, verdicts in cells.items()
        }  # fmt: skip

    def _verdict(self, spell: Spell, horizon: int) -> str:
        stayed = self.stayed(spell)
        if self.watched(spell) < horizon:
            return "not yet"
        if stayed is None or spell.end is None:
            return "in"
        if stayed <= horizon:
            return "cut off" if spell.left in ("segment_edited", "segment_deleted", "contact_merged") else "out"
        last_seen = (self.history.day(spell.end - 1) - self.entered(spell)).days
        on_the_day = self.entered(spell) + timedelta(days=horizon)
        observed = {self.history.day(number) for number in self.history.known(spell.segment)}
        return "unknown" if last_seen <= horizon and on_the_day not in observed else "in"

    def survival(self) -> dict[tuple[str, int], float]:
        rates = {}
        for segment in {spell.segment for spell in self.joins}:
            stays = [
                (self.watched(spell) if (stayed := self.stayed(spell)) is None else stayed, self._is_ended(spell))
                for spell in self.joins
                if spell.segment == segment
            ]
            steps = sorted({days for days, _ in stays})
            for step in steps:
                rates[segment, step] = prod(
                    1 - stays.count((days, True)) / sum(other >= days for other, _ in stays)
                    for days in steps
                    if days <= step
                )
        return rates

    def _is_ended(self, spell: Spell) -> bool:
        return spell.left in ("left", "contact_deleted", "contact_archived")

    def transitions(self) -> set[Row]:
        left: Counter[Row] = Counter()
        moved: Counter[Row] = Counter()
        entries = defaultdict(list)
        for spell in self.joins:
            entries[spell.contact].append(spell)
        for leave in (spell for spell in self.spells if spell.left == "left" and spell.end is not None):
            assert leave.end is not None
            left_on = self.history.day(leave.end)
            first: dict[str, date] = {}
            for entry in entries[leave.contact]:
                if entry.start >= leave.end:
                    first[entry.segment] = min(first.get(entry.segment, date.max), self.entered(entry))
            for within in (1, 7, 30, 90):
                if (self.last_known(leave.segment) - left_on).days >= within:
                    left[leave.segment, within] += 1
                    moved.update(
                        (leave.segment, to, within) for to, on in first.items() if (on - left_on).days <= within
                    )
        return {(a, b, within, left[a, within], count) for (a, b, within), count in moved.items()}

    def overlap(self) -> set[Row]:
        last = self.history.seen[-1].members
        pairs = ((a, b, len(last[a] & last[b]), len(last[a]), len(last[b])) for a in last for b in last if a != b)
        return {pair for pair in pairs if pair[2]}

    def calendar(self) -> set[Row]:
        rows = set()
        for segment in self.history.segments:
            known = {self.history.day(number): number for number in self.history.known(segment)}
            day, size = min(known), 0
            while day <= self.history.seen[-1].day:
                if day in known:
                    size = len(self.history.seen[known[day]].members.get(segment, ()))
                    rows.add((segment, day, size, size, *self._moves(segment, known[day])))
                else:
                    rows.add((segment, day, None, size, None, None, None, None, None))
                day += timedelta(days=1)
        return rows

    def _moves(self, segment: str, number: int) -> Row:
        spells = [spell for spell in self.spells if spell.segment == segment]
        left = Counter(spell.left for spell in spells if spell.end == number)
        joined = sum(spell.start == number and spell.entered != "baseline" for spell in spells)
        changed = left["segment_edited"] + left["segment_deleted"]
        return joined, left.total(), left["left"], sum(left[reason] for reason in GONE), changed


def a_day(workspace: Workspace, chance: random.Random) -> None:
    workspace.live(days=1, churn=0.15)
    users = sorted(contact.id for contact in workspace.contacts.values() if contact.value("role") == "user")
    leads = sorted(contact.id for contact in workspace.contacts.values() if contact.value("role") == "lead")
    events: list[Callable[[], None]] = [
        lambda: workspace.delete(chance.choice(users)),
        lambda: workspace.archive(chance.choice(users)),
        lambda: workspace.merge(chance.choice(leads), chance.choice(users)),
    ]
    chance.choice(events)()
    if chance.random() < 0.15:
        workspace.edit_segment(chance.choice(sorted(workspace.segments)), Everyone())
    elif chance.random() < 0.1 and len(workspace.segments) > 4:
        workspace.delete_segment(chance.choice(sorted(workspace.segments)))


def observed_life(deployment: Deployment, chance: random.Random, days: int) -> History:
    deployment.settings.sweep_every = 0
    history = History(deployment.workspace)
    for day in range(days):
        if day:
            a_day(deployment.workspace, chance)
        if day in (0, days - 1) or chance.random() > 0.2:  # else no run on this day
            assert deployment.sync(accept_shrink=True).exit_code == 0
            history.observe()
    return history


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [1])
def test_the_marts_for_analysts_equal_a_plain_computation(make_deployment: Any, seed: int) -> None:
    deployment = make_deployment(contacts=150, segments=8, seed=seed)

    history = observed_life(deployment, random.Random(seed), days=12)

    expected = Recomputed(history)
    retention = (
        "segment_id, joined_week_on, horizon_days, joined_count, eligible_count, retained_count, not_yet_count, "
        "cut_off_count, unknown_count"
    )
    counts = "entered_count, left_count, left_of_themselves_count, contact_gone_count, segment_changed_count"
    of = deployment.query
    assert set(
        of(f"select segment_id, day, member_count, known_member_count, {counts} from intercom.segment_calendar")
    ) == (expected.calendar())
    assert set(of(f"select {retention} from intercom.segment_retention")) == expected.retention()
    rates = {(segment, days): rate for segment, days, rate in of(
        "select segment_id, stayed_days, survival_rate from intercom.segment_survival")}  # fmt: skip
    assert rates == pytest.approx(expected.survival(), abs=1e-9)
    assert set(of(
        "select segment_id, to_segment_id, days_within, left_count, moved_count from intercom.segment_transitions"
    )) == expected.transitions()  # fmt: skip
    assert set(of(
        "select segment_id, other_segment_id, shared_count, member_count, other_member_count "
        "from intercom.segment_overlap"
    )) == expected.overlap()  # fmt: skip
    assert len(expected.joins) > 20
