"""On the demo, what `explain` prints of ten contacts is what the raw log has, computed here without the marts.

No contact of the demo is merged; test_explain.py has merges.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.commands.explain import Explain, Explained, Spell
from pipelines.commands.repair import Repair
from pipelines.destinations import Warehouse
from pipelines.settings import DEMO_WORKSPACE

pytestmark = [pytest.mark.long, pytest.mark.nightly, pytest.mark.xdist_group("demo")]
MISSED = 9
"""The day without a scan: its run is removed."""
DAY = timedelta(days=1)
KINDS = {
    "deleted": "select contact_id from intercom_raw.contact_removals where status = 'deleted'",
    "left": """
        select contact_id from intercom_raw.membership_changes
        where contact_id not in (select contact_id from intercom_raw.contact_removals)
        group by contact_id, segment_id having not max_by(is_member, observed_at)
    """,
    "rejoined": """
        select contact_id from intercom_raw.membership_changes where is_member
        group by contact_id, segment_id having count(*) > 1
    """,
    "baseline": """
        select changes.contact_id
        from intercom_raw.membership_changes as changes
        join (
            select segment_id, min(observed_at) as at from intercom_raw.segment_scans
            where status = 'complete' group by segment_id
        ) as firsts
            on changes.segment_id = firsts.segment_id and changes.observed_at = firsts.at
        where changes.contact_id not in (select contact_id from intercom_raw.contact_removals)
    """,
    "missed": """
        select contact_id from intercom_raw.membership_changes
        where contact_id not in (select contact_id from intercom_raw.contact_removals)
        group by contact_id, segment_id
        having count(*) = 1 and min(observed_at) < timestamptz '{missed} 00:00:00+00'
    """,
}
ASKED = [(kind, number) for kind in KINDS for number in range(2)]


class Told:
    """The raw log of the demo, and what `explain` makes of it."""

    def __init__(self, folder: Path) -> None:
        self.warehouse = Warehouse(folder)
        self.missed = self._miss_a_day()
        with self.warehouse.reading() as ask:
            self._chosen = {
                kind: sorted({row[0] for row in ask(query.format(missed=self.missed))}) for kind, query in KINDS.items()
            }
            self.removals = ask("select contact_id, status from intercom_raw.contact_removals order by observed_at")
            self._changes = ask(
                "select contact_id, segment_id, is_member, observed_at, seen_by, run_id"
                " from intercom_raw.membership_changes order by observed_at"
            )
            self.scans = defaultdict[str, list[Any]](list)
            for segment_id, *scan in ask(
                "select segment_id, status, started_at, observed_at from intercom_raw.segment_scans"
            ):
                self.scans[segment_id].append(scan)

    def _miss_a_day(self) -> date:
        """Removes all that the run of one day has loaded; returns that day."""
        with self.warehouse.reading() as ask:
            runs = ask("select run_id, max(observed_at) from intercom_raw.segment_scans group by 1 order by 2")
        run_id, at = runs[MISSED]
        Repair(self.warehouse, DEMO_WORKSPACE, run_id=run_id).run()
        return day_of(at)

    def contact(self, kind: str, number: int) -> str:
        """A contact of that kind: the first, and one from the middle of all."""
        found = self._chosen[kind]
        return str(found[number * (len(found) // 2)])

    def explained(self, contact_id: str) -> Explained:
        return Explain(self.warehouse, contact_id).run()

    def spells(self, contact_id: str) -> dict[str, list[list[Any]]]:
        found = defaultdict[str, list[list[Any]]](list)
        for contact, segment_id, is_member, *change in self._changes:
            if contact == contact_id:
                if is_member:
                    found[segment_id].append([])
                found[segment_id][-1].append(tuple(change))
        return dict(found)

    def before(self, segment_id: str, at: datetime) -> datetime | None:
        """When the last complete scan before a change started."""
        complete = [(start, end) for status, start, end in self.scans[segment_id] if status == "complete"]
        return max((start for start, end in complete if end < at), default=None)

    def left_after(self, segment_id: str, spell: Spell) -> datetime | None:
        """As above, but never before the scan started that first saw the contact."""
        assert spell.left_at
        (first,) = (start for _, start, end in self.scans[segment_id] if end == spell.entered_at)
        before: datetime | None = self.before(segment_id, spell.left_at)
        started_at: datetime = first
        return max(before, started_at) if before else started_at

    def unobserved(self, segment_id: str, first: date) -> set[date]:
        """The days from the first entry on without a scan that counts."""
        counting = {day_of(end) for status, _, end in self.scans[segment_id] if status in ("complete", "confirmed")}
        return set(days(first, max(counting))) - counting


def day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()


def days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += DAY


def changes_of(spell: Spell) -> list[Any]:
    return [(one.observed_at, one.seen_by, one.run_id) for one in (spell.entry, spell.exit) if one]


@pytest.fixture(scope="module")
def told(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return Told(shutil.copytree(demo, tmp_path_factory.mktemp("missed") / "data"))


@pytest.mark.parametrize(("kind", "number"), ASKED)
def test_each_spell_has_the_changes_of_the_log_and_the_scans_around_them(told: Told, kind: str, number: int) -> None:
    contact_id = told.contact(kind, number)
    explained = told.explained(contact_id)

    logged = told.spells(contact_id)
    assert {one.segment_id: list(map(changes_of, one.spells)) for one in explained.segments if one.spells} == logged
    for story in explained.segments:
        for spell in story.spells:
            assert spell.entered_after == told.before(story.segment_id, spell.entered_at)
            assert spell.is_baseline == (spell.entered_after is None)
            if spell.left_at:
                assert spell.left_after == told.left_after(story.segment_id, spell)


@pytest.mark.parametrize(("kind", "number"), ASKED)
def test_each_missed_day_is_in_the_story(told: Told, kind: str, number: int) -> None:
    for story in told.explained(told.contact(kind, number)).segments:
        if story.spells:
            first = min(spell.entered_on for spell in story.spells)
            shown = {day for one in story.days_unobserved for day in days(one.first, one.last)}
            assert shown == told.unobserved(story.segment_id, first)


@pytest.mark.parametrize("number", range(2))
def test_each_kind_is_told_as_what_it_is(told: Told, number: int) -> None:
    explained = {kind: told.explained(told.contact(kind, number)) for kind in KINDS}
    spells = {kind: [spell for story in one.segments for spell in story.spells] for kind, one in explained.items()}

    deleted = explained["deleted"]
    own = [status for contact, status in told.removals if contact == deleted.contact.contact_id]
    assert [one.status for one in deleted.removals] == own
    assert not any(story.is_current for story in deleted.segments)
    assert "contact_deleted" in {one.leave_reason for one in spells["deleted"]}
    assert {one.leave_reason for one in spells["left"]} & {"left", "segment_edited", "segment_deleted"}
    assert {(one.spell_number, one.is_baseline) for one in spells["rejoined"]} & {(2, False)}
    assert any(one.is_baseline for one in spells["baseline"])
    missing = [one for story in explained["missed"].segments for one in story.days_unobserved]
    assert any(told.missed in days(one.first, one.last) for one in missing)
