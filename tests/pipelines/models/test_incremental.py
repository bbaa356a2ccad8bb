"""A sync derives the rows of touched members alone, and leaves the marts as a full build would."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from dlt.destinations.exceptions import DatabaseException

from pipelines.commands import Forget
from pipelines.commands.repair import Repair
from pipelines.errors import ExitCode, ModelsFailed
from pipelines.models import Build, Place, load_checks, refresh, rewriting, touching_contact, touching_loads
from pipelines.models.changes import touched
from pipelines.models.changes.touched import Touching
from pipelines.runs.job import LACKED_MEMORY

from ...support.deployments import Deployment, lively_workspace
from ...support.nightly import nightly_except
from .raw_tables import READINGS, BuiltAfter, Warehouse, epoch, utc
from .rebuilt import differing, differing_in

PEOPLE = "abcdefgh"
OUT_OF_MEMORY = "create table {build}.{touched} as select error('Out of Memory Error: failed to pin block')"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def any_share_is_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touched, "LARGEST_SHARE", math.inf)


@dataclass
class Life:
    """Random runs over six segments of contacts and two of companies."""

    warehouse: Warehouse
    chance: random.Random
    now: datetime = field(default_factory=lambda: utc("03-01 00:00"))
    members: dict[str, set[str]] = field(default_factory=lambda: {f"s{number}": set() for number in range(6)})
    removed: dict[str, str] = field(default_factory=dict)
    companies: dict[str, set[str]] = field(default_factory=lambda: {"firms": set(), "late firms": set()})

    def begin(self) -> None:
        for segment in self.members:
            self.warehouse.list_segment(segment)
        self._define("firms")

    def run(self) -> None:
        """Moves of many kinds, or hardly any. Every segment is scanned in any case."""
        self.now += self.chance.choice([5 * HOUR, 24 * HOUR])
        with self.warehouse.client.begin_transaction():
            gone = self._removals() if self._is_so(0.4) else set()
            moves = self._is_so(0.6)
            for segment, known in self.members.items():
                self._scan(segment, known, gone, moves=moves)
                if self._is_so(0.1):
                    edited = f"{self.now - self.chance.randint(0, 40) * HOUR:%m-%d %H:%M}"
                    self.warehouse.list_segment(segment, edited=edited, seen=f"{self.now:%m-%d %H:%M}")
            for segment, known in self.companies.items():
                self._scan_companies(segment, known)
            if self._is_so(0.1):
                self._define("late firms")

    def _is_so(self, likely: float) -> bool:
        return self.chance.random() < likely

    def _removals(self) -> set[str]:
        gone = {contact for contact in PEOPLE if contact not in self.removed and self._is_so(0.15)}
        for contact in sorted(gone):
            status = self.chance.choice(["archived", "deleted", "merged", "unknown"])
            into = self.chance.choice([one for one in PEOPLE if one != contact]) if status == "merged" else None
            self.removed[contact] = status
            late = self.chance.choice([timedelta(), HOUR, 30 * HOUR])
            self.warehouse.remove(
                contact,
                status,
                self.now - HOUR,
                happened=f"{self.now - late:%m-%d %H:%M}" if self._is_so(0.5) else None,
                into=into,
                run=f"run of {self.now:%m-%d %H}" if self._is_so(0.5) else None,
            )
        return gone

    def _scan(self, segment: str, known: set[str], gone: set[str], *, moves: bool) -> None:
        how, status = self.chance.choice(READINGS)
        final = {contact for contact, reason in self.removed.items() if reason in ("deleted", "merged")}
        may_join = set(PEOPLE) - known - gone - final if moves and how != "none" else set()
        may_leave = known - gone if moves and how != "none" and status != "incomplete" else set()
        joins, leaves = ({one for one in sorted(who) if self._is_so(0.3)} for who in (may_join, may_leave))
        for contact in sorted(joins & self.removed.keys()):
            self.warehouse.remove(contact, "active", self.now)
            del self.removed[contact]
        joined, left, removed = (" ".join(sorted(who)) for who in (joins, leaves, gone & known))
        self.warehouse.scan(self.now, segment, how=how, status=status, joins=joined, leaves=left, removed=removed)
        self.members[segment] = (known | joins) - leaves - gone

    def _scan_companies(self, segment: str, known: set[str]) -> None:
        moved = {one for one in ("acme", "initech", "umbrella") if self._is_so(0.2)}
        run = {"workspace_id": "w", "segment_id": segment, "run_id": f"run of {self.now:%m-%d %H}"}
        for company in sorted(moved):
            seen_by = "sweep" if company not in known or self._is_so(0.5) else "removal"
            self.warehouse.insert(
                "company_membership_changes",
                **run,
                company_id=company,
                is_member=company not in known,
                seen_by=seen_by,
                observed_at=self.now,
            )
        self.companies[segment] = known ^ moved
        scanned = {"how": "sweep", "status": "complete", "fetched": len(known ^ moved), "members": len(known ^ moved)}
        times = {"started_at": self.now - HOUR / 6, "observed_at": self.now}
        self.warehouse.insert("company_segment_scans", **run, **scanned, **times)

    def _define(self, segment: str) -> None:
        self.warehouse.insert(
            "segments",
            workspace_id="w",
            segment_id=segment,
            name=segment,
            person_type="company",
            created_at=epoch("01-01 00:00"),
            updated_at=int(self.now.timestamp()),
            observed_at=self.now,
        )


@pytest.mark.parametrize(("seed", "runs"), nightly_except([(1, 4), *product(range(1, 4), [8])], (1, 4)))
def test_any_runs_leave_the_marts_as_a_full_build_would(warehouse: Warehouse, seed: int, runs: int) -> None:
    life = Life(warehouse, random.Random(seed))
    life.begin()
    warehouse.refresh()

    derived = list[int | None]()
    for _ in range(runs):
        life.run()
        built = warehouse.refresh()
        derived.append(built.touched)
        assert differing(warehouse, built.faults) == set()

    assert len(set(derived) - {None}) > runs // 4


def _begin(warehouse: Warehouse) -> None:
    """Two members of two segments."""
    for segment in ("s1", "s2"):
        warehouse.list_segment(segment)
        warehouse.scan("03-01 10:00", segment, joins="ann bob")


@pytest.fixture
def begun(built_after: BuiltAfter) -> Warehouse:
    """After `_begin` and a build."""
    return built_after(_begin)


def _join(warehouse: Warehouse) -> None:
    warehouse.scan("03-02 10:00", joins="eve")
    warehouse.scan("03-02 10:00", "s2")


def _edit(warehouse: Warehouse) -> None:
    _join(warehouse)
    warehouse.list_segment("s2", edited="03-02 09:00", seen="03-02 10:00")


def _delete(warehouse: Warehouse) -> None:
    warehouse.remove("ann", "deleted", "03-02 09:00")
    warehouse.scan("03-02 10:00", removed="ann")
    warehouse.scan("03-02 10:00", "s2", removed="ann")


def _merge(warehouse: Warehouse) -> None:
    warehouse.remove("ann", "merged", "03-02 09:00", into="bob")
    warehouse.scan("03-02 10:00", removed="ann")
    warehouse.scan("03-02 10:00", "s2", removed="ann")


@pytest.mark.parametrize(
    ("change", "members"),
    [(_join, 1), (_edit, 3), (_delete, 2), (_merge, 4)],
    ids=["a join", "an edit", "a deletion", "a merge"],
)
def test_only_these_members_are_touched_by(begun: Warehouse, change: Callable[[Warehouse], None], members: int) -> None:
    change(begun)

    built = begun.refresh()

    assert built.touched == members
    assert differing(begun) == set()


def test_companies_are_members_from_the_run_that_lists_their_segment(begun: Warehouse) -> None:
    life = Life(begun, random.Random(1), now=utc("03-01 12:00"))
    while not life.companies["late firms"]:
        life.now += HOUR
        life._scan_companies("late firms", set())
    begun.refresh()
    life._define("late firms")

    built = begun.refresh()

    assert built.touched == len(life.companies["late firms"])
    assert begun.rows("select distinct segment_id from intercom_build.int_spells where segment_id = 'late firms'")
    assert differing(begun) == set()


LOSSES = {
    "a load": "update intercom_raw.membership_changes set _dlt_load_id = null where contact_id = 'ann'",
    "a change": "update intercom_raw.membership_changes set _dlt_load_id = 'other' where contact_id = 'ann'",
    "a removal": "delete from intercom_raw.contact_removals",
    "a definition": "delete from intercom_raw.segments where segment_id = 's2'",
    "the notes": "drop table intercom_build._built_loads",
}


@pytest.mark.parametrize("lost", nightly_except(LOSSES, "a change"))
def test_all_is_built_where_the_warehouse_has_lost(warehouse: Warehouse, lost: str) -> None:
    warehouse.list_segment("s2")
    warehouse.remove("zoe", "archived", "02-28 09:00")
    _begin(warehouse)
    warehouse.refresh()
    warehouse.client.execute_sql(LOSSES[lost])
    _join(warehouse)
    if lost == "a definition":
        warehouse.list_segment("s2", edited="03-02 09:00", seen="03-02 10:00")

    built = warehouse.refresh()

    assert built.touched is None
    assert differing(warehouse) == set()


WITHOUT_A_RUN = [
    "update intercom_raw.membership_changes set observed_at = '2026-03-03 10:00:00+00', _dlt_load_id = 'load 2' "
    "where contact_id = 'eve'",
    "delete from intercom_raw.segment_scans where _dlt_load_id = 'load 1'",
]
"""What its scan has found is then found by the next one."""
RENAMED = ["update intercom_raw.membership_changes set contact_id = 'eva' where contact_id = 'eve'"]


def _of_a_run(place: Place) -> Touching | None:
    return touching_loads(place, ["load 1"])


def _of_eve(place: Place) -> Touching | None:
    return touching_contact(place, "w", ["eve", "eva"])


def _of_anything(_: Place) -> Touching | None:
    return None


@pytest.mark.parametrize(
    ("touching", "changes", "members"),
    [
        pytest.param(_of_a_run, WITHOUT_A_RUN, 2, id="a run, with who joined next"),
        pytest.param(_of_eve, RENAMED, 2, id="a contact, under both ids"),
        pytest.param(_of_anything, WITHOUT_A_RUN, None, id="unknown rows"),
    ],
)
def test_members_of_changed_rows_are_derived_again_once(
    begun: Warehouse, touching: Callable[[Place], Touching | None], changes: list[str], members: int | None
) -> None:
    place = Place(begun.raw, begun.marts, begun.dialect)
    _join(begun)
    begun.refresh()
    begun.scan("03-03 10:00", joins="fay")
    begun.scan("03-03 10:00", "s2")
    begun.refresh()

    with begun.client.begin_transaction(), rewriting(begun.client, place, touching(place)):
        begun.client.execute_many(changes)
    built, again = begun.refresh(), begun.refresh()

    assert (built.touched, again.models) == (members, ())
    assert differing(begun) == set()
    left = "select table_name from information_schema.tables where table_name = '_rewritten_members'"
    assert begun.rows(left) == []


def test_a_build_that_failed_leaves_members_of_changed_rows_to_the_next(
    begun: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(begun.raw, begun.marts, begun.dialect)
    _join(begun)
    begun.refresh()
    with begun.client.begin_transaction(), rewriting(begun.client, place, _of_eve(place)):
        begun.client.execute_many(RENAMED)
    with monkeypatch.context() as broken:
        broken.setattr(touched, "FIND", ("create table {build}.{touched} as select error('a broken block')",))
        with pytest.raises(DatabaseException, match="a broken block"):
            begun.refresh()

    built = begun.refresh()

    assert built.touched == 2
    assert differing(begun) == set()


def test_a_change_that_is_rolled_back_touches_nobody(begun: Warehouse) -> None:
    place = Place(begun.raw, begun.marts, begun.dialect)

    def delete() -> None:
        with begun.client.begin_transaction(), rewriting(begun.client, place, _of_eve(place)):
            begun.client.execute_sql("delete from intercom_raw.no_table")

    with pytest.raises(DatabaseException):
        delete()

    assert begun.refresh().models == ()


@pytest.mark.nightly
def test_all_is_built_where_most_members_are_touched(begun: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touched, "LARGEST_SHARE", 0.2)
    _join(begun)

    built = begun.refresh()

    assert built.touched is None
    assert differing(begun) == set()


def test_all_is_built_where_touched_members_need_too_much_memory(
    begun: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    _join(begun)
    monkeypatch.setattr(touched, "FIND", (OUT_OF_MEMORY,))

    built = begun.refresh()

    assert built.touched is None
    assert built.lacked_memory
    assert differing(begun) == set()


def test_a_sync_says_that_everything_was_built_for_lack_of_memory(
    synced: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced.workspace.advance(days=1)
    monkeypatch.setattr(touched, "FIND", (OUT_OF_MEMORY,))

    outcome = synced.sync()

    assert LACKED_MEMORY in outcome.notes
    assert outcome.exit_code == ExitCode.DONE
    assert synced.members() == synced.known()


def test_another_error_while_members_are_derived_fails_the_build(
    begun: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    _join(begun)
    monkeypatch.setattr(touched, "FIND", ("create table {build}.{touched} as select error('a broken block')",))

    with pytest.raises(DatabaseException, match="a broken block"):
        begun.refresh()


def test_a_warning_still_counts_members_that_nothing_touches(begun: Warehouse) -> None:
    check = "every_current_member_has_its_contact"
    known = {fault.check: fault.rows for fault in begun.build().faults}
    _join(begun)  # of a contact that is not loaded either

    built = begun.refresh()

    assert built.touched
    assert {fault.check: fault.rows for fault in built.faults}[check] == known[check] + 1


def test_checks_of_the_whole_history_run_with_a_comparison(begun: Warehouse) -> None:
    whole = {check.name for check in load_checks() if check.when == "whole"}
    _join(begun)
    derived = begun.refresh()
    begun.scan("03-03 10:00", joins="fay")
    begun.scan("03-03 10:00", "s2")

    compared = begun.refresh(compare_every=timedelta())

    assert whole.isdisjoint(derived.seconds_by_file)
    assert whole <= compared.seconds_by_file.keys()


def test_a_check_of_touched_members_finds_their_faults(begun: Warehouse) -> None:
    _join(begun)
    begun.insert(
        "membership_changes",
        workspace_id="w",
        segment_id="s1",
        contact_id="fay",
        is_member=True,
        seen_by="sweep",
        observed_at=utc("03-02 11:00"),
    )
    before = begun.spells()

    with pytest.raises(ModelsFailed, match=r"every_entry_and_exit_has_its_scan .*contact_id=fay"):
        begun.refresh()

    assert begun.spells() == before


@pytest.mark.nightly
def test_what_was_derived_is_compared_with_a_build_of_all_once_in_a_while(begun: Warehouse) -> None:
    begun.client.execute_sql("update intercom_build.int_spells set entered_on = entered_on - 1 where member_id = 'bob'")
    _join(begun)
    before = begun.spells()

    assert begun.refresh(compare_every=timedelta(days=1)).touched == 1  # a build of all was a second ago
    with pytest.raises(ModelsFailed, match=r"differs from a build of all: int_spells \(rows: 4\)"):
        begun.refresh(compare_every=timedelta())
    assert len(begun.spells()) == len(before) + 1

    begun.build()
    begun.scan("03-03 10:00", joins="fay")
    begun.scan("03-03 10:00", "s2")
    assert begun.refresh(compare_every=timedelta()).touched == 1
    assert differing(begun) == set()


def test_no_build_leaves_the_table_of_touched_members(begun: Warehouse) -> None:
    _join(begun)

    begun.refresh()

    names = {name for (name,) in begun.rows("select table_name from information_schema.tables")}
    assert touched.TOUCHED not in names


@pytest.mark.nightly
@pytest.mark.parametrize("version", ["Preview", "2.7"])
def test_days_of_a_workspace_leave_the_marts_as_a_full_build_would(
    tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = Deployment(tmp_path / "data", lively_workspace(contacts=200), resources=("companies", "tags"))
    deployment.settings.api_version = version
    workspace, chance = deployment.workspace, random.Random(version)
    deployment.sync()
    runs, derived = list[str](), list[int | None]()

    def noted(*given: Any, **options: Any) -> Build:
        built = refresh(*given, **options)
        derived.append(built.touched)
        return built

    monkeypatch.setattr("pipelines.runs.job.refresh", noted)
    for day in range(8):
        workspace.live(days=1, churn=0.05)
        workspace.live_lists(10)
        outcome = deployment.sync(full=day == 4)
        assert outcome.exit_code == 0
        assert differing_in(deployment) == set()
        runs.append(outcome.run_id)
        if day in (2, 6):
            forgotten = chance.choice(sorted(workspace.contacts))
            Forget(deployment.warehouse, contact_id=forgotten, clock=workspace.now).run()
            assert differing_in(deployment) == set()
        if day in (3, 5):
            Repair(deployment.warehouse, run_id=runs.pop(chance.randrange(len(runs))), clock=workspace.now).run()
            assert differing_in(deployment) == set()
    assert all(members is not None for members in derived)
