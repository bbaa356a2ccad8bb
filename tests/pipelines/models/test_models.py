"""The models: whole rows of marts, compared with cases worked out by hand."""

import math
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dlt
import pytest
import yaml
from dlt.destinations.sql_client import SqlClientBase

from pipelines.destinations.duckdb import DuckDB
from pipelines.errors import Misconfigured, ModelsFailed
from pipelines.models import build, load_checks
from pipelines.models.changes import BUILT_FROM, touched
from pipelines.models.changes.touched import BUILT_LOADS
from pipelines.models.checks import WARNINGS
from pipelines.models.definitions import SQL, Model, Place, list_marts, load_models, select_of
from pipelines.settings import ROOT
from sources.intercom.catalog import TABLES

from ...support.nightly import nightly_except
from .raw_tables import DAY, RAW_TABLES, READINGS, SCAN_LASTS, BuiltAfter, Row, Warehouse, epoch, shown, utc
from .rebuilt import differing

DIALECT = DuckDB.dialect
MARTS = [model.name for model in load_models() if model.layer == "marts"]
CHECKS = [check.name for check in load_checks()]
NOTED = (BUILT_FROM, BUILT_LOADS, WARNINGS)


@pytest.fixture
def sound(built_after: BuiltAfter) -> Warehouse:
    """The history of `_healthy`, with its models."""
    return built_after(_healthy)


@pytest.fixture
def unfilled(built_after: BuiltAfter) -> Warehouse:
    """Empty raw tables, with their models."""
    return built_after(_nothing)


def _nothing(_: Warehouse) -> None:
    """Loads no row."""


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    """A copy of the project's SQL that a test may change."""
    return Path(shutil.copytree(SQL, tmp_path / "sql"))


def test_a_contact_is_typed_and_keeps_its_own_attributes_as_json(warehouse: Warehouse) -> None:
    warehouse.insert(
        "contacts",
        workspace_id="w",
        id="ann",
        name="Ann",
        unsubscribed_from_emails=False,
        created_at=epoch("01-02 03:04"),
        ios_last_seen_at=epoch("02-03 04:05"),
        custom_attributes='{"plan": "pro"}',
    )

    warehouse.build()

    assert warehouse.rows(
        "select workspace_id, contact_id, name, unsubscribed_from_emails, created_at, updated_at, ios_last_seen_at, "
        "custom_attributes ->> 'plan', is_deleted, removal_status from intercom.contacts"
    ) == [("w", "ann", "Ann", False, "01-02 03:04", None, "02-03 04:05", "pro", False, None)]
    assert warehouse.rows(
        "select distinct data_type from duckdb_columns() where schema_name = 'intercom' and column_name like '%\\_at' "
        "escape '\\'"
    ) == [("TIMESTAMP WITH TIME ZONE",)]


@pytest.mark.parametrize(
    ("log", "is_deleted", "status", "into"),
    [
        ([("merged", "03-01 10:00")], True, "merged", "bob"),
        pytest.param([("deleted", "03-01 10:00")], True, "deleted", None, marks=pytest.mark.nightly),
        pytest.param([("unknown", "03-01 10:00")], True, "unknown", None, marks=pytest.mark.nightly),
        pytest.param(
            [("unknown", "03-01 10:00"), ("merged", "03-01 10:00")], True, "merged", "bob", marks=pytest.mark.nightly
        ),
        pytest.param([("archived", "03-01 10:00")], False, "archived", None, marks=pytest.mark.nightly),
        pytest.param([("blocked", "03-01 10:00")], False, "blocked", None, marks=pytest.mark.nightly),
        ([("archived", "03-01 10:00"), ("active", "03-02 10:00")], False, None, None),
        pytest.param(
            [("active", "03-01 10:00"), ("archived", "03-02 10:00")], False, "archived", None, marks=pytest.mark.nightly
        ),
        pytest.param(
            [("archived", "03-01 10:00"), ("active", "03-01 10:00")], False, None, None, marks=pytest.mark.nightly
        ),
        pytest.param(
            [("deleted", "03-01 10:00"), ("active", "03-02 10:00")], False, None, None, marks=pytest.mark.nightly
        ),
        pytest.param(
            [("deleted", "03-01 10:00"), ("active", "03-02 10:00"), ("deleted", "03-03 10:00")],
            True,
            "deleted",
            None,
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_the_newest_removal_says_whether_a_contact_is_removed(
    warehouse: Warehouse, log: list[tuple[str, str]], is_deleted: bool, status: str | None, into: str | None
) -> None:
    warehouse.meet("ann")
    for removal, observed in log:
        warehouse.remove("ann", removal, observed, into="bob" if removal == "merged" else None)

    warehouse.build()

    assert warehouse.rows("select is_deleted, removal_status, merged_into_contact_id from intercom.contacts") == [
        (is_deleted, status, into)
    ]


def test_runs_are_the_journals(warehouse: Warehouse) -> None:
    run = {
        "workspace_id": "w",
        "run_id": "r1",
        "pipeline_name": "intercom_w",
        "command": "sync",
        "outcome": "done",
        "exit_code": 0,
        "started_at": utc("03-01 10:00"),
        "ended_at": utc("03-01 10:05"),
        "api_calls": 12,
        "problem": None,
    }
    warehouse.insert("runs", **run)

    warehouse.build()

    assert warehouse.rows("select * from intercom.sync_runs") == [tuple(shown(value) for value in run.values())]


def test_a_run_in_which_nothing_changed_moves_nothing_but_scan_times(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann bob")
    warehouse.scan("03-02 08:00", joins="cyd", leaves="bob")
    warehouse.build()
    before = {mart: _all_but_scan_times(warehouse, mart) for mart in MARTS}

    warehouse.scan("03-02 20:00", how="none", status="confirmed")
    warehouse.scan("03-02 22:00")
    warehouse.build()

    assert {mart: _all_but_scan_times(warehouse, mart) for mart in MARTS} == before


def _all_but_scan_times(warehouse: Warehouse, mart: str) -> list[Row]:
    dropped = {
        "segments": "exclude (last_complete_scan_at)",
        "segment_membership_snapshots": "exclude (observed_at)",
        "workspaces": "exclude (last_observed_at)",
    }
    return warehouse.rows(f"select * {dropped.get(mart, '')} from intercom.{mart} order by all")


# Random histories, compared with a replay


@dataclass
class Replay:
    """A replay of one segment's history, scan by scan."""

    spells: list[Row] = field(default_factory=list)
    days: list[Row] = field(default_factory=list)
    snapshots: list[Row] = field(default_factory=list)


def _random_history(warehouse: Warehouse, segment: str, chance: random.Random) -> list[dict[str, Any]]:
    moment = utc("03-01 00:00")
    members: set[str] = set()
    gone: set[str] = set()
    history = []
    for _ in range(chance.randint(3, 14)):
        moment += chance.choice([timedelta(hours=5), timedelta(hours=9), timedelta(hours=24), timedelta(hours=60)])
        how, status = chance.choice(READINGS)
        crowd = [f"{segment}-{number}" for number in range(6)]
        joins = {c for c in crowd if how != "none" and c not in members and chance.random() < 0.3}
        removed = {c: chance.choice(["archived", "deleted"]) for c in sorted(members) if chance.random() < 0.1}
        may_leave = [] if how == "none" or status == "incomplete" else sorted(members - removed.keys())
        leaves = {contact for contact in may_leave if chance.random() < 0.3}
        for contact in joins & gone:
            warehouse.remove(contact, "active", moment)
        for contact, removal in removed.items():
            warehouse.remove(contact, removal, moment)
        gone = (gone - joins) | removed.keys()
        members = (members | joins) - leaves - removed.keys()
        found = {"joins": joins, "leaves": leaves, "removed": removed}
        warehouse.scan(
            moment,
            segment,
            joins=" ".join(sorted(joins)),
            leaves=" ".join(sorted(leaves)),
            removed=" ".join(removed),
            how=how,
            status=status,
            seen=chance.randint(0, 2),
        )
        history.append({"at": moment, "members": set(members), "status": status, **found})
    return history


def _replay(history: list[dict[str, Any]]) -> Replay:
    replay = Replay()
    spells: dict[str, list[Any]] = {}
    seen: Counter[str] = Counter()
    moves: Counter[str] = Counter()
    complete = [scan["at"] for scan in history if scan["status"] == "complete"]
    days = sorted({scan["at"].date() for scan in history})
    for day in days:
        scans = [scan for scan in history if scan["at"].date() == day]
        for scan in scans:
            last = max((at - SCAN_LASTS for at in complete if at < scan["at"]), default=None)
            for contact in scan["joins"]:
                seen[contact] += 1
                is_baseline = seen[contact] == 1 and (not complete or scan["at"] <= complete[0])
                moves["baseline" if is_baseline else "entered"] += 1
                moves["rejoined"] += seen[contact] > 1
                if seen[contact] > 1 and spells[contact][-1] == "contact_deleted":
                    spells[contact][-1] = "contact_archived"  # only hidden, as it turns out
                entered_after = None if is_baseline else last
                spells[contact] = [contact, seen[contact], scan["at"], None, entered_after, None, is_baseline, None]
                replay.spells.append((spells[contact],))
            for contact in (*scan["leaves"], *scan["removed"]):
                moves["left"] += 1
                spell = spells[contact]
                spell[3] = scan["at"]
                spell[5] = max(spell[2] - SCAN_LASTS, last or spell[2] - SCAN_LASTS)
                spell[7] = f"contact_{scan['removed'][contact]}" if contact in scan["removed"] else "left"
        whole = [scan for scan in scans if scan["status"] in ("complete", "confirmed")]
        if whole:
            counts = (moves["baseline"], moves["entered"], moves["left"], moves["rejoined"])
            is_swept = any(scan["status"] == "complete" for scan in scans)
            reported = len(whole[-1]["members"])
            replay.days.append((day, len(scans[-1]["members"]), *counts, reported, is_swept))
            replay.snapshots += [(day, contact, whole[-1]["at"]) for contact in scans[-1]["members"]]
            moves.clear()
    replay.spells = [tuple(spell) for (spell,) in replay.spells]
    return replay


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_history_equals_its_replay(warehouse: Warehouse, seed: int) -> None:
    chance = random.Random(seed)
    histories = {}
    with warehouse.client.begin_transaction():
        for segment in [f"s{number:02}" for number in range(25)]:
            warehouse.list_segment(segment)
            histories[segment] = _random_history(warehouse, segment, chance)

    warehouse.build()

    replays = {segment: _replay(history) for segment, history in histories.items()}
    bounds = "entered_at, left_at, entered_after, left_after"
    spell = f"segment_id, contact_id, spell_number, {bounds}, is_baseline, leave_reason"
    assert warehouse.spells(spell) == _sorted(replays, lambda replay: replay.spells)
    assert warehouse.days(f"segment_id, observed_on, {DAY.partition('segment_id, ')[2]}") == _sorted(
        replays, lambda replay: replay.days
    )
    assert warehouse.rows(
        "select segment_id, observed_on, contact_id, observed_at from intercom.segment_membership_snapshots "
        "order by all"
    ) == _sorted(replays, lambda replay: replay.snapshots)


def _sorted(replays: dict[str, Replay], rows: Callable[[Replay], list[Row]]) -> list[Row]:
    told = [(segment, *row) for segment, replay in replays.items() for row in rows(replay)]
    return [tuple(shown(value) for value in row) for row in sorted(told, key=lambda row: row[:3])]


# Checks


CROWD = [f"m{number}" for number in range(24)]


def _healthy(warehouse: Warehouse) -> None:
    """Segments scanned in every way, with joins, leaves, a return and removals; a deleted one; another workspace.

    s1 is swept twice, then read by the cursor, then not at all. s2 is swept, has an incomplete scan, is not read, and
    is then read contact by contact, after two of its members were removed.
    """
    warehouse.meet("ann", "bob", "cyd", "dan", "eve", *CROWD)
    warehouse.meet("ann", workspace="v")
    for segment in ("s1", "s2", "old"):
        warehouse.list_segment(segment)
    warehouse.list_segment("s1", workspace="v")
    warehouse.scan("03-01 10:00", "s1", joins=f"ann bob {' '.join(CROWD)}")
    warehouse.scan("03-01 10:01", "s2", joins="ann dan eve")
    warehouse.scan("03-01 10:02", "old", joins="bob")
    warehouse.scan("03-01 11:00", "s1", joins="ann", workspace="v")
    warehouse.remove("dan", "deleted", "03-02 09:00")
    warehouse.scan("03-02 10:00", "s1", joins="cyd", leaves="bob")
    warehouse.scan("03-02 10:01", "s2", removed="dan", status="incomplete")
    warehouse.scan("03-02 10:02", "old", leaves="bob", how="deleted")
    warehouse.remove("eve", "archived", "03-03 03:00", happened="03-03 02:00")
    warehouse.scan("03-03 04:00", "s1", joins="bob", how="cursor", status="confirmed", seen=2)
    warehouse.scan("03-03 04:01", "s2", removed="eve", how="none", status="unconfirmed", count=2)
    warehouse.scan("03-03 10:00", "s1", how="none", status="confirmed")
    warehouse.scan("03-03 10:01", "s2", how="per_contact")
    warehouse.insert("runs", workspace_id="w", run_id="run of 03-02 10", started_at=utc("03-02 10:00"))
    warehouse.insert("workspaces", workspace_id="w", name="Watched", region="US", timezone="Europe/Berlin")
    warehouse.insert("data_attributes", workspace_id="w", model="contact", full_name="custom_attributes.plan")
    warehouse.insert(
        "contact_attribute_changes",
        workspace_id="w",
        contact_id="ann",
        attribute="owner_id",
        observed_at=utc("03-01 10:00"),
    )


def _change(
    contact: str, observed: str, *, segment: str = "s1", is_member: bool = False, seen_by: str = "sweep"
) -> str:
    """A change that no run wrote."""
    return f"""
        insert into intercom_raw.membership_changes
            (workspace_id, segment_id, contact_id, is_member, observed_at, seen_by)
        values ('w', '{segment}', '{contact}', {is_member}, '2026-{observed}:00+00', '{seen_by}');
    """


def _recount(segment: str, observed: str, change: int) -> str:
    """Adapts the counts of later scans to a damage, so that they do not reveal it."""
    return f"""
        update intercom_raw.segment_scans
        set members = members + {change}, fetched = fetched + {change}, count = count + {change}
        where workspace_id = 'w' and segment_id = '{segment}' and observed_at >= '2026-{observed}:00+00';
    """


def _shift(contact: str, is_member: bool, observed: str, to: str) -> str:
    return f"""
        update intercom_raw.membership_changes set observed_at = '2026-{to}:00+00'
        where contact_id = '{contact}' and is_member = {is_member} and observed_at = '2026-{observed}:00+00';
    """


def _removal(contact: str, status: str, into: str | None = None) -> str:
    return f"""
        insert into intercom_raw.contact_removals
            (workspace_id, contact_id, status, observed_at, merged_into_contact_id)
        values ('w', '{contact}', '{status}', '2026-03-03 03:00:00+00', {f"'{into}'" if into else "null"})
    """


def _doubled(table: str, where: str) -> str:
    return f"insert into intercom_raw.{table} select * from intercom_raw.{table} where {where}"


def _scans(change: str, where: str) -> str:
    return f"update intercom_raw.segment_scans set {change} where workspace_id = 'w' and {where}"


FIRST_INCOMPLETE = "segment_id = 's2' and status = 'incomplete'"
NEWEST = "segment_id = 's1' and how = 'none'"
MISCOUNTED = _scans("members = members + 1", "how = 'cursor'")
UNMET = "delete from intercom_raw.contacts where id = 'ann'"
FOREIGN = "select * replace ('w' as workspace_id, 's9' as segment_id) from intercom_raw"

DAYS = {
    "the_last_known_size_of_a_segment_is_its_size",
    "daily_counts_equal_the_snapshots_of_the_last_30_days",
    "member_count_is_the_day_before_plus_baseline_plus_joins_minus_leaves",
}
COUNTS = {"members_after_a_scan_equal_the_log", "members_after_a_complete_scan_equal_the_fetched_contacts"}

# Damages to the raw tables, and all the checks that find them.
DAMAGE: dict[str, tuple[str, set[str]]] = {
    "a change is lost": (
        "delete from intercom_raw.membership_changes where segment_id = 's1' and contact_id = 'm3'",
        {"members_equal_intercoms_count"} | COUNTS,
    ),
    "a change that a cursor found is lost": (
        "delete from intercom_raw.membership_changes where seen_by = 'cursor'",
        {
            "confirmed_members_agree_with_intercoms_count",
            "members_after_a_scan_equal_the_log",
            "members_equal_intercoms_count",
        },
    ),
    "a change is there twice": (
        _doubled("membership_changes", "contact_id = 'cyd'"),
        {"joins_and_leaves_of_a_contact_alternate"},
    ),
    "a join is there twice, at two times": (
        _change("cyd", "03-03 04:00", is_member=True, seen_by="cursor"),
        {"joins_and_leaves_of_a_contact_alternate"},
    ),
    "a leave is there twice, at two times": (
        _change("dan", "03-03 10:01", segment="s2", seen_by="removal"),
        {"joins_and_leaves_of_a_contact_alternate"},
    ),
    "an entry is shifted to a time without a scan": (
        _shift("cyd", True, "03-02 10:00", "03-02 10:03"),
        {"every_entry_and_exit_has_its_scan"} | DAYS | COUNTS,
    ),
    "an exit is shifted to a time without a scan": (
        _shift("bob", False, "03-02 10:00", "03-02 10:03"),
        {"every_entry_and_exit_has_its_scan"} | DAYS | COUNTS,
    ),
    "an entry is shifted to before its scan began": (
        _shift("cyd", True, "03-02 10:00", "03-02 09:40"),
        {"every_entry_and_exit_has_its_scan"} | DAYS | COUNTS,
    ),
    "an entry is shifted to the scan before": (
        _shift("cyd", True, "03-02 10:00", "03-01 10:00"),
        {"every_join_has_a_sighting"} | COUNTS,
    ),
    "an exit is shifted to the scan after": (
        _shift("dan", False, "03-02 10:01", "03-03 04:01"),
        {"members_after_a_scan_equal_the_log"},
    ),
    "a leave has the time of its join": (
        _change("cyd", "03-02 10:00"),
        {"a_spell_ends_after_it_begins", "members_equal_intercoms_count"} | COUNTS,
    ),
    "a leave lies before its join": (
        _change("cyd", "03-01 10:00"),
        {"joins_and_leaves_of_a_contact_alternate"},
    ),
    "a member leaves and joins at the same time": (
        _change("m1", "03-02 10:00") + _change("m1", "03-02 10:00", is_member=True),
        {
            "joins_and_leaves_of_a_contact_alternate",
            "members_equal_intercoms_count",
        }
        | COUNTS,
    ),
    "an incomplete scan ends a membership": (
        _change("ann", "03-02 10:01", segment="s2") + _recount("s2", "03-02 10:01", -1),
        {"every_leave_has_evidence"},
    ),
    "a scan that read nothing ends a membership": (
        _change("ann", "03-03 04:01", segment="s2", seen_by="none") + _recount("s2", "03-03 04:01", -1),
        {"every_leave_has_evidence"},
    ),
    "a scan that read nothing begins a membership": (
        _change("cyd", "03-03 04:01", segment="s2", is_member=True, seen_by="none") + _recount("s2", "03-03 04:01", 1),
        {"every_join_has_a_sighting"},
    ),
    "a cursor lets in more than it saw": (_scans("fetched = 0", "how = 'cursor'"), {"every_join_has_a_sighting"}),
    "a contact leaves by a removal that is in no log": (
        "delete from intercom_raw.contact_removals where contact_id = 'eve'",
        {"every_leave_by_removal_has_its_removal"},
    ),
    "a sweep fetched another number": (
        _scans("fetched = fetched + 1", "segment_id = 's1' and observed_at = '2026-03-02 10:00:00+00'"),
        {"members_after_a_complete_scan_equal_the_fetched_contacts"},
    ),
    "a scan counted other members than are in the log": (MISCOUNTED, {"members_after_a_scan_equal_the_log"}),
    "a cursor's reading is called complete": (
        _scans("status = 'complete'", "how = 'cursor'"),
        {"members_after_a_complete_scan_equal_the_fetched_contacts"},
    ),
    "a scan that read nothing is called complete": (
        _scans("status = 'complete'", NEWEST),
        {"members_after_a_complete_scan_equal_the_fetched_contacts"},
    ),
    "a scan is lost, and its change is not": (
        "delete from intercom_raw.segment_scans where how = 'cursor'",
        {
            "confirmed_members_agree_with_intercoms_count",
            "every_entry_and_exit_has_its_scan",
            "members_after_a_scan_equal_the_log",
        }
        | DAYS,
    ),
    "a scan of the newest run is lost": (
        f"delete from intercom_raw.segment_scans where {NEWEST}",
        {"every_segment_is_in_the_newest_run"},
    ),
    "a scan is there twice": (
        _doubled("segment_scans", "how = 'cursor'"),
        {"no_loaded_row_is_there_twice"},
    ),
    "a scan ended before it began": (
        _scans("started_at = '2026-03-05 10:00:00+00'", FIRST_INCOMPLETE),
        {"each_scan_of_a_segment_is_later_than_the_one_before"},
    ),
    "a scan ended after the one that follows": (
        _scans("started_at = '2026-02-01 10:00:00+00'", FIRST_INCOMPLETE),
        {"each_scan_of_a_segment_is_later_than_the_one_before"},
    ),
    "a deletion is not applied": (_removal("ann", "deleted"), {"no_removed_contact_is_a_current_member"}),
    "a merge is not applied": (_removal("ann", "merged", into="bob"), {"no_removed_contact_is_a_current_member"}),
    "a deleted segment keeps its members": (
        "delete from intercom_raw.membership_changes where segment_id = 'old' and not is_member;"
        + _recount("old", "03-02 10:02", 1),
        {"no_deleted_segment_has_members"},
    ),
    "a segment is missing from the list": (
        "delete from intercom_raw.segments where segment_id = 's2'",
        {"every_membership_has_its_segment"},
    ),
    "contacts lag behind": (UNMET, {"every_current_member_has_its_contact"}),
    "a workspace is there twice": (_doubled("workspaces", "workspace_id = 'w'"), {"no_loaded_row_is_there_twice"}),
    "an attribute is there twice": (
        _doubled("data_attributes", "workspace_id = 'w'"),
        {"no_loaded_row_is_there_twice"},
    ),
    "a change of an attribute is there twice": (
        _doubled("contact_attribute_changes", "workspace_id = 'w'"),
        {"no_loaded_row_is_there_twice"},
    ),
    "a contact is there twice": (
        _doubled("contacts", "id = 'ann' and workspace_id = 'w'"),
        {"no_loaded_row_is_there_twice"},
    ),
    "a version of a segment is there twice": (
        _doubled("segments", "segment_id = 's2'"),
        {"no_loaded_row_is_there_twice"},
    ),
    "a run is there twice": (_doubled("runs", "workspace_id = 'w'"), {"no_loaded_row_is_there_twice"}),
    "a change leaks into another workspace": (
        "update intercom_raw.membership_changes set workspace_id = 'v' where contact_id = 'm3'",
        {
            "every_entry_and_exit_has_its_scan",
            "every_current_member_has_its_contact",
            "members_equal_intercoms_count",
        }
        | DAYS
        | COUNTS,
    ),
    "another workspace's segment leaks in": (
        f"""insert into intercom_raw.membership_changes {FOREIGN}.membership_changes where workspace_id = 'v';
        insert into intercom_raw.segment_scans {FOREIGN}.segment_scans where workspace_id = 'v'""",
        {"every_membership_has_its_segment", "every_segment_is_in_the_newest_run"},
    ),
    "a segment collapses": (
        "".join(_change(contact, "03-03 10:00", seen_by="cursor") for contact in CROWD)
        + _recount("s1", "03-03 10:00", -24)
        + _scans("how = 'cursor'", NEWEST),
        {"no_segment_loses_half_at_once_without_an_edit"},
    ),
    "a segment drifts": (
        _scans("count = count + 1", "segment_id = 's2' and how = 'per_contact'"),
        {"members_equal_intercoms_count"},
    ),
    "a segment drifts and is called confirmed": (
        _scans("count = count + 1", NEWEST),
        {"confirmed_members_agree_with_intercoms_count", "members_equal_intercoms_count"},
    ),
}

# Damages to the built tables, found as long as the tables are not rebuilt.
MART_DAMAGE = {
    "daily_counts_equal_the_snapshots_of_the_last_30_days": """
        delete from intercom_build.int_memberships where segment_id = 's1' and member_id = 'bob' and spell_number = 1
    """,
    "no_mart_has_duplicate_rows": "insert into intercom.segment_daily select * from intercom.segment_daily limit 1",
    "spells_of_a_contact_in_a_segment_never_overlap_or_touch": """
        insert into intercom_build.int_spells
        select * replace (spell_number + 1 as spell_number) from intercom_build.int_spells where member_id = 'cyd'
    """,
    "last_snapshot_equals_current_members": """
        insert into intercom_build.int_memberships
        select * replace ('eve' as member_id, date '2026-03-04' as entered_on)
        from intercom_build.int_memberships where member_id = 'cyd'
    """,
    "member_count_is_the_day_before_plus_baseline_plus_joins_minus_leaves": """
        update intercom_build.int_segment_days set entered_count = entered_count + 1 where observed_on = '2026-03-02'
    """,
    "leaves_by_kind_add_up": "update intercom_build.int_segment_days set contact_gone_count = contact_gone_count + 1",
    "the_last_known_size_of_a_segment_is_its_size": """
        update intercom_build.int_segment_days set member_count = member_count + 1
    """,
}
LESS_THAN_NOTHING = """
    insert into intercom_build.int_joiners values
        ('w', 's1', date '2026-03-02', date '2026-03-03', date '2026-03-02', true, false, -1),
        ('w', 's1', date '2026-03-02', null, null, false, false, 2)
"""
WRONG_ROWS = {
    "every_joiner_of_a_cohort_is_counted_once": LESS_THAN_NOTHING,
    "survival_never_rises": LESS_THAN_NOTHING,
    "no_segment_has_more_moves_than_leaves": """
        insert into intercom.segment_transitions values ('w', 's1', 'Active', 's2', 'Paying', 7, 1, 2, 2, 0)
    """,
}
"""What only a wrong model can produce: no other damage is found by these checks."""


def _reported(warehouse: Warehouse) -> set[str]:
    """The checks that do not hold for what was loaded."""
    try:
        return {fault.check for fault in warehouse.build().faults}
    except ModelsFailed as failed:
        return {check for check in CHECKS if check in str(failed)}


def test_no_check_fires_on_a_sound_history(warehouse: Warehouse) -> None:
    _healthy(warehouse)

    assert warehouse.build().faults == ()


def test_every_check_has_its_damage() -> None:
    caught = {check for _, checks in DAMAGE.values() for check in checks}

    assert caught | MART_DAMAGE.keys() | WRONG_ROWS.keys() == set(CHECKS)


@pytest.fixture(scope="module")
def caught(client: SqlClientBase[Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """For each damage, the checks that find it. Each has a workspace of its own, and all are built at once."""
    sound = Warehouse(client, raw="sound")
    damaged = Warehouse(client, raw="damaged", marts="damaged_marts")
    without_checks = tmp_path_factory.mktemp("sql")
    shutil.copytree(SQL, without_checks, dirs_exist_ok=True, ignore=lambda folder, _: _checks_in(Path(folder)))
    sound.create()
    damaged.create()
    _healthy(sound)
    for name, (statements, _) in DAMAGE.items():
        client.execute_sql("drop schema if exists intercom_raw cascade")
        client.execute_sql("create schema intercom_raw")
        for table in RAW_TABLES:
            client.execute_sql(f"create table intercom_raw.{table} as select * from sound.{table}")
        for statement in filter(str.strip, statements.split(";")):
            client.execute_sql(statement)
        for table in RAW_TABLES:
            renamed = f"$${name}/$$ || workspace_id as workspace_id"
            client.execute_sql(f"insert into damaged.{table} select * replace ({renamed}) from intercom_raw.{table}")
    damaged.build(without_checks)
    found: dict[str, set[str]] = {name: set() for name in DAMAGE}
    for check in load_checks():
        for workspace, *_ in damaged.rows(select_of(check, Place("damaged", "damaged_marts", DIALECT))):
            found[str(workspace).partition("/")[0]].add(check.name)
    for schema in ("sound", "damaged", "damaged_marts", "damaged_marts_build"):
        client.execute_sql(f"drop schema {schema} cascade")
    return found


def _checks_in(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.sql")] if "checks" in folder.parts else []


@pytest.mark.nightly
@pytest.mark.parametrize("damage", DAMAGE)
def test_the_raw_tables_reveal_that(caught: dict[str, set[str]], damage: str) -> None:
    assert caught[damage] == DAMAGE[damage][1]


REBUILT = {
    "no_mart_has_duplicate_rows": "sync_runs",
    "spells_of_a_contact_in_a_segment_never_overlap_or_touch": "int_memberships",
}
"""What to build so that a check runs and its damage stays, where that is not segment_daily."""


@pytest.mark.nightly
@pytest.mark.parametrize("check", MART_DAMAGE)
def test_stale_marts_are_caught_by(sound: Warehouse, check: str) -> None:
    sound.client.execute_sql(MART_DAMAGE[check])

    with pytest.raises(ModelsFailed, match=check):
        sound.build(select=[REBUILT.get(check, "segment_daily")])


@pytest.mark.parametrize("check", WRONG_ROWS)
def test_rows_that_only_a_wrong_model_produces_are_caught_by(sound: Warehouse, check: str) -> None:
    query = next(
        select_of(one, Place("intercom_raw", "intercom", DIALECT)) for one in load_checks() if one.name == check
    )

    assert sound.rows(query) == []
    sound.client.execute_sql(WRONG_ROWS[check])
    assert sound.rows(query)


def test_a_warning_is_handed_back_and_the_marts_are_built(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann bob")
    warehouse.meet("bob")

    faults = warehouse.build().faults

    assert [(fault.check, fault.severity, fault.rows) for fault in faults] == [
        ("every_current_member_has_its_contact", "warn", 1)
    ]
    assert [*faults[0].example.items()][:2] == [("workspace_id", "w"), ("contact_id", "ann")]
    assert warehouse.spells("contact_id") == [("ann",), ("bob",)]


@pytest.mark.nightly
def test_a_loss_is_no_fault_of_a_later_scan(warehouse: Warehouse) -> None:
    _healthy(warehouse)
    crowd = " ".join(f"m{number}" for number in range(20))
    warehouse.scan("03-04 10:00", "s1", leaves=crowd)
    warehouse.scan("03-04 10:01", "s2")

    assert _reported(warehouse) == {"no_segment_loses_half_at_once_without_an_edit"}

    warehouse.scan("03-05 10:00", "s1")
    warehouse.scan("03-05 10:01", "s2")

    assert _reported(warehouse) == set()


def test_an_edit_excuses_a_loss(warehouse: Warehouse) -> None:
    _healthy(warehouse)
    crowd = " ".join(f"m{number}" for number in range(20))
    warehouse.list_segment("s1", edited="03-04 09:00", seen="03-04 10:00")
    warehouse.scan("03-04 10:00", "s1", leaves=crowd)
    warehouse.scan("03-04 10:01", "s2")

    assert warehouse.build().faults == ()


def test_a_removed_contact_may_stay_in_a_segment_that_was_not_read_whole_since(warehouse: Warehouse) -> None:
    _healthy(warehouse)
    warehouse.remove("ann", "deleted", "03-04 09:00")
    warehouse.scan("03-04 10:00", "s1", leaves="ann")
    warehouse.scan("03-04 10:01", "s2", status="incomplete")

    assert warehouse.build().faults == ()


def test_a_contact_who_came_back_may_be_a_member(warehouse: Warehouse) -> None:
    _healthy(warehouse)
    warehouse.remove("ann", "unknown", "03-02 09:00")
    warehouse.remove("ann", "active", "03-03 09:00")

    assert warehouse.build().faults == ()


def test_a_deleted_segment_is_neither_a_collapse_nor_a_disagreement(warehouse: Warehouse) -> None:
    _healthy(warehouse)
    crowd = " ".join(sorted(warehouse.members["w", "s1"]))
    warehouse.scan("03-04 10:00", "s1", leaves=crowd, how="deleted", count=len(crowd))
    warehouse.scan("03-04 10:01", "s2")

    assert warehouse.build().faults == ()


# The build


def _standing(warehouse: Warehouse) -> dict[str, list[Row]]:
    """What a build leaves behind: tables with their contents, and the comments of tables and views."""
    names = warehouse.rows("select table_name from duckdb_tables() where schema_name = 'intercom'")
    contents = {name: warehouse.rows(f"select * from intercom.{name} order by all") for (name,) in names}
    comments = "select schema_name, table_name, column_name, comment from duckdb_columns() order by all"
    return contents | {"comments": warehouse.rows(comments)}


def test_a_model_that_fails_leaves_everything_as_it_was(sound: Warehouse, sql: Path) -> None:
    before = _standing(sound)
    sound.scan("03-04 10:00", "s1", joins="eve")
    broken = sql / "marts" / "workspaces" / "sync_runs.sql"
    broken.write_text(broken.read_text().replace("api_calls", "api_costs as api_calls", 1))

    with pytest.raises(
        ModelsFailed, match=r"model sync_runs.*api_costs.*marts stayed as they were.*rebuilds"
    ) as failed:
        sound.build(sql)

    assert failed.value.exit_code == 7
    assert _standing(sound) == before


def test_an_error_of_a_check_leaves_everything_as_it_was(sound: Warehouse) -> None:
    before = _standing(sound)
    sound.client.execute_sql(MISCOUNTED)

    with pytest.raises(ModelsFailed) as failed:
        sound.build()

    assert str(failed.value) == (
        "What was built contradicts itself: members_after_a_scan_equal_the_log (rows: 1; one of them: workspace_id=w, "
        "segment_id=s1, run_id=run of 03-03 04, observed_at=2026-03-03 04:00:00+00:00, member_count=28, "
        "logged_count=27). "
        "The raw tables are loaded and the marts stayed as they were. Once the cause is fixed, the next run, or "
        "`intercom-warehouse models`, rebuilds them."
    )
    assert _standing(sound) == before


def test_a_first_build_that_fails_leaves_nothing_behind(warehouse: Warehouse) -> None:
    _healthy(warehouse)
    warehouse.client.execute_sql(MISCOUNTED)

    with pytest.raises(ModelsFailed):
        warehouse.build()

    assert warehouse.rows("select * from information_schema.schemata where schema_name = 'intercom'") == []


def test_a_check_that_cannot_run_is_named(warehouse: Warehouse, sql: Path) -> None:
    broken = "-- severity: warn\nselect nothing from segments\n"
    (sql / "checks" / "there_is_something.sql").write_text(broken)

    with pytest.raises(ModelsFailed, match=r"check there_is_something could not be run.*nothing"):
        warehouse.build(sql)


@pytest.mark.nightly
def test_a_model_can_turn_from_view_to_table_and_back(warehouse: Warehouse, sql: Path) -> None:
    _healthy(warehouse)
    for schema in (sql / "marts").rglob("schema.yml"):
        entries = yaml.safe_load(schema.read_text())
        for entry in entries["models"]:
            turned = {"table": "view", "view": "table"}[entry["config"]["materialized"]]
            entry["config"]["materialized"] = turned
        schema.write_text(yaml.safe_dump(entries))
    kinds = "select table_name, table_type from information_schema.tables where table_schema = 'intercom' order by all"
    warehouse.build()
    before = (warehouse.rows(kinds), _standing(warehouse))

    warehouse.build(sql)
    turned_kinds = warehouse.rows(kinds)
    warehouse.build()

    changed = {new[0] for old, new in zip(before[0], turned_kinds, strict=True) if old != new}
    assert changed == set(MARTS)
    assert (warehouse.rows(kinds), _standing(warehouse)) == before


def test_what_is_not_ours_stays(unfilled: Warehouse) -> None:
    unfilled.client.execute_sql("create table intercom.my_notes as select 42 as answer")

    unfilled.build()

    assert unfilled.rows("select * from intercom.my_notes") == [(42,)]


def test_only_the_selected_models_and_what_reads_them_are_built(sound: Warehouse) -> None:
    before = sound.spells()
    sound.scan("03-04 10:00", "s1", joins="eve")
    sound.list_segment("s3", edited="03-04 00:00", name="Third")

    built = sound.build(select=["segment_versions"])

    assert {"segment_versions", "segment_daily", "segments"} <= set(built.models)
    assert {"int_memberships", "int_segment_days", "contacts", "calendar"}.isdisjoint(built.models)
    assert ("s3", "Third") in sound.rows("select segment_id, segment_name from intercom.segments")
    assert sound.spells() == before


def test_checks_of_what_was_not_built_are_not_run(sound: Warehouse) -> None:
    sound.client.execute_sql(UNMET)

    assert sound.build(select=["stg_runs"]).faults == ()
    assert [fault.check for fault in sound.build(select=["stg_contacts"]).faults] == [
        "every_current_member_has_its_contact"
    ]


def test_a_model_that_is_not_there_cannot_be_selected(warehouse: Warehouse) -> None:
    with pytest.raises(Misconfigured, match=r"No model is called members\. There are: calendar, company_segment_"):
        warehouse.build(select=["members", "segments"])


@pytest.mark.parametrize("source", ["raw_segments", "intercom.segments", "elsewhere.segments"])
def test_a_model_may_read_models_and_loaded_tables_only(sql: Path, source: str) -> None:
    stray = sql / "marts" / "workspaces" / "sync_runs.sql"
    stray.write_text(stray.read_text().replace("from stg_runs", f"from {source}"))

    with pytest.raises(ModelsFailed, match=rf"sync_runs\.sql reads {source}: neither a model nor raw\.<table>"):
        load_models(sql)


def test_a_model_without_a_description_is_refused(sql: Path) -> None:
    (sql / "marts" / "workspaces" / "more.sql").write_text("-- one row\nselect 1 as one\n")

    with pytest.raises(ModelsFailed, match=r"more\.sql has no entry in the schema\.yml"):
        load_models(sql)


def test_a_check_without_a_severity_is_refused(sql: Path) -> None:
    (sql / "checks" / "all_is_well.sql").write_text("select 1 as one from segments\n")

    with pytest.raises(ModelsFailed, match=r"all_is_well\.sql has to begin with"):
        load_checks(sql)


def test_models_come_after_what_they_read() -> None:
    names = [model.name for model in load_models()]

    assert all(names.index(read) < names.index(model.name) for model in load_models() for read in model.reads)


def test_the_schemas_can_be_called_anything(tmp_path: Path) -> None:
    pipeline = dlt.pipeline(
        pipeline_name="models",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")),
        dataset_name="select",
    )
    with pipeline.sql_client() as client:
        warehouse = Warehouse(client, raw='"select"', marts='"order"')
        warehouse.create()
        warehouse.list_segment()
        warehouse.scan("03-01 10:00", joins="ann")

        build(client, DIALECT, raw="select", marts="order")

        assert warehouse.spells("contact_id") == [("ann",)]


# Building only what is due


MODELS = tuple(model.name for model in load_models())
OF_LAST_DAYS = {"int_segment_days", "segment_daily", "segment_transitions", "segments"}
OF_SCANS = {"int_scans", *OF_LAST_DAYS}
OF_MEMBERSHIPS = {"int_memberships", "int_day_moves", "int_joiners", "int_moves", "int_shared_members",
    "segment_overlap", *OF_LAST_DAYS}  # fmt: skip
OF_CHANGES = {"int_membership_changes", "int_changes_by_scan", "int_spells", *OF_MEMBERSHIPS}
OF_REMOVALS = {"int_contact_removals", "int_survivors", "contact_tag_history", *OF_MEMBERSHIPS}


def _rescan(warehouse: Warehouse, *, joins: str = "", leaves: str = "") -> None:
    """A run that reads both segments of the sound history, and finds this in the first."""
    warehouse.scan("03-04 10:00", "s1", joins=joins, leaves=leaves)
    warehouse.scan("03-04 10:01", "s2")


def _find_empty(warehouse: Warehouse) -> None:
    warehouse.scan("03-04 10:00", "new")


def _edit(warehouse: Warehouse) -> None:
    """Found by a later run than the moves that the edit explains."""
    warehouse.list_segment("s1", edited="03-02 09:55", name="Edited", seen="03-04 10:00")


def _delete(warehouse: Warehouse) -> None:
    warehouse.remove("ann", "deleted", "03-04 09:00")
    warehouse.scan("03-04 10:00", "s1", removed="ann")
    warehouse.scan("03-04 10:01", "s2", removed="ann", how="none", status="unconfirmed", count=0)


def _reload_contact(warehouse: Warehouse) -> None:
    """As an upsert does: no row more, and no row less."""
    loaded = f"name = 'Ann', _dlt_load_id = 'load {warehouse.load}'"
    warehouse.client.execute_sql(f"update intercom_raw.contacts set {loaded} where id = 'ann'")


def _journal(warehouse: Warehouse) -> None:
    warehouse.insert("runs", workspace_id="w", run_id="run of 03-03 10")


RUNS: dict[str, tuple[Callable[[Warehouse], None], set[str]]] = {
    "finds nothing new": (_rescan, OF_SCANS),
    "finds a segment empty for the first time": (_find_empty, OF_SCANS),
    "sees a join": (lambda warehouse: _rescan(warehouse, joins="eve"), OF_SCANS | OF_CHANGES),
    "sees a leave": (lambda warehouse: _rescan(warehouse, leaves="bob"), OF_SCANS | OF_CHANGES),
    "meets a new contact": (lambda warehouse: warehouse.meet("fay"), {"contact_attributes"}),
    "reads a contact again": (_reload_contact, {"contact_attributes"}),
    "hears of an edit": (_edit, OF_SCANS | OF_CHANGES | {"segment_versions"}),
    "lists a new segment": (lambda warehouse: warehouse.list_segment("s3"),
        OF_SCANS | OF_CHANGES | {"segment_versions"}),
    "finds a member deleted": (_delete, OF_SCANS | OF_CHANGES | OF_REMOVALS),
    "learns that a contact that left was archived": (
        lambda warehouse: warehouse.remove("bob", "archived", "03-04 09:00", happened="03-02 09:55"), OF_REMOVALS),
    "loads the journal of the run before": (_journal, {"sync_runs"}),
    "fails": (lambda _: None, set()),
}  # fmt: skip


@pytest.mark.parametrize(
    "run",
    nightly_except(RUNS, "finds nothing new", "sees a join"),
)
def test_what_is_due_is_all_that_differs_after_a_run_that(
    sound: Warehouse, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(touched, "LARGEST_SHARE", math.inf)
    change, due = RUNS[run]
    change(sound)

    built = sound.refresh()

    assert set(built.models) == due
    assert differing(sound) == set()


@pytest.mark.nightly
def test_a_first_complete_scan_that_comes_late_moves_no_spell(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann bob", how="cursor", status="confirmed")
    warehouse.scan("03-02 10:00", leaves="ann", how="cursor", status="confirmed")
    warehouse.refresh()
    warehouse.scan("03-03 10:00")

    built = warehouse.refresh()

    assert (OF_CHANGES - OF_LAST_DAYS).isdisjoint(built.models)
    assert differing(warehouse) == set()


def test_deleted_rows_disappear_from_the_marts(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann")
    warehouse.remove("ann", "archived", "03-02 09:00")
    warehouse.scan("03-02 10:00", removed="ann")
    warehouse.refresh()
    warehouse.client.execute_sql("delete from intercom_raw.contact_removals")
    warehouse.client.execute_sql("update intercom_raw.membership_changes set seen_by = 'sweep', _dlt_load_id = 'x'")

    built = warehouse.refresh()

    assert set(built.models) == OF_SCANS | OF_CHANGES | OF_REMOVALS
    assert warehouse.spells("contact_id, leave_reason") == [("ann", "left")]


@pytest.mark.nightly
def test_what_was_due_for_a_build_that_failed_is_due_for_the_next(sound: Warehouse) -> None:
    sound.client.execute_sql(MISCOUNTED)
    _rescan(sound, joins="eve")
    with pytest.raises(ModelsFailed, match="members_after_a_scan_equal_the_log"):
        sound.refresh()
    sound.client.execute_sql(_scans("members = members - 1", "how = 'cursor'"))

    built = sound.refresh()

    assert set(built.models) == OF_SCANS | OF_CHANGES
    assert differing(sound) == set()


@pytest.mark.nightly
def test_building_some_models_leaves_the_rest_due(sound: Warehouse) -> None:
    _rescan(sound, joins="eve")
    sound.build(select=["segment_versions"])

    built = sound.refresh()

    assert set(built.models) == OF_SCANS | OF_CHANGES
    assert differing(sound) == set()


def test_nothing_is_due_after_a_full_build(sound: Warehouse) -> None:
    assert sound.refresh().models == ()


LOSSES = {
    "a table": "drop table intercom_build.int_survivors cascade",
    "a view": "drop view intercom.segment_membership_events",
    "the mark": f"drop table intercom_build.{BUILT_FROM.name}",
    "all marts": "drop schema intercom cascade",
    "all that they are built from": "drop schema intercom_build cascade",
    "a view, now a table": "drop view intercom.contacts; create table intercom.contacts as select 1 as one",
}


@pytest.mark.parametrize("loss", nightly_except(LOSSES, "the mark"))
def test_everything_is_built_where_there_is_no_more(sound: Warehouse, loss: str) -> None:
    sound.client.execute_sql(LOSSES[loss])

    built = sound.refresh()

    assert built.models == MODELS
    assert differing(sound) == set()


@pytest.mark.nightly
@pytest.mark.parametrize(
    "file",
    ["marts/workspaces/sync_runs.sql", "staging/schema.yml", "checks/segments/no_deleted_segment_has_members.sql"],
)
def test_everything_is_built_from_files_that_are_not_those_of_the_last_build(
    warehouse: Warehouse, sql: Path, file: str
) -> None:
    _healthy(warehouse)
    warehouse.refresh(sql)
    assert warehouse.refresh(sql).models == ()
    (sql / file).write_text((sql / file).read_text() + "\n")

    assert warehouse.refresh(sql).models == MODELS


def test_each_process_knows_the_files_of_the_last_build_again() -> None:
    program = "from pipelines.models.definitions import list_texts; print(list_texts())"
    texts = [
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]

    assert texts[0] == texts[1] != b""


def test_the_same_files_elsewhere_are_the_same_files(warehouse: Warehouse, sql: Path) -> None:
    warehouse.refresh()

    assert warehouse.refresh(sql).models == ()


def test_a_warning_is_reported_for_as_long_as_it_holds(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann")

    told = [[fault.check for fault in warehouse.refresh().faults] for _ in range(2)]
    warehouse.meet("ann")

    assert told == [["every_current_member_has_its_contact"]] * 2
    assert warehouse.refresh().faults == ()


def test_a_warning_is_reported_without_a_run_of_its_check(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann")
    found = warehouse.build()

    again = warehouse.refresh()

    (fault,) = found.faults
    assert fault.check not in again.seconds_by_file
    assert [str(one) for one in again.faults] == [str(fault)]


def test_a_check_that_reads_what_is_due_stops_what_does_not_add_up(sound: Warehouse) -> None:
    sound.remove("ann", "deleted", "03-02 12:00")

    with pytest.raises(ModelsFailed, match="no_removed_contact_is_a_current_member"):
        sound.refresh()


def test_what_moves_no_model_is_something_that_it_reads() -> None:
    everything = {table for model in load_models() for table in model.loaded}

    assert [model.name for model in load_models() if not model.unmoved_by <= everything] == []


# Days of another timezone


def test_days_are_those_of_the_timezone_and_times_stay_in_utc(warehouse: Warehouse) -> None:
    zone = ZoneInfo("America/Los_Angeles")
    _healthy(warehouse)
    warehouse.scan("03-08 09:30", joins="zed")  # still the 8th there, as the clocks change
    warehouse.refresh()
    times = warehouse.rows("select entered_at, left_at from intercom.segment_memberships order by all")
    warehouse.day_timezone = "America/Los_Angeles"

    built = warehouse.refresh()

    assert set(built.models) == {model.name for model in load_models()}
    assert warehouse.rows("select entered_at, left_at from intercom.segment_memberships order by all") == times
    days = warehouse.client.execute_sql(
        "select entered_at, entered_on, left_at, left_on from intercom.segment_memberships"
    )
    for entered_at, entered_on, left_at, left_on in days or ():
        assert entered_on == entered_at.astimezone(zone).date()
        assert left_on == (left_at and left_at.astimezone(zone).date())
    observed = "select distinct observed_on from intercom.segment_daily"
    scanned = (
        "select distinct cast(observed_at at time zone 'America/Los_Angeles' as date) from intercom_raw.segment_scans"
    )
    assert set(warehouse.rows(observed)) <= set(warehouse.rows(scanned))
    assert warehouse.refresh().models == ()


def test_descriptions_name_the_timezone_of_days(warehouse: Warehouse) -> None:
    warehouse.day_timezone = "Asia/Kolkata"
    warehouse.build()

    comments = [str(comment) for (comment,) in warehouse.rows("select comment from duckdb_columns()")]
    assert "Day in Asia/Kolkata of entered_at." in comments
    assert not [comment for comment in comments if "UTC day" in comment]


# What is described


def test_every_described_column_is_built_and_every_built_one_described(unfilled: Warehouse) -> None:
    built = unfilled.rows(
        "select schema_name, table_name, column_name from duckdb_columns() "
        "where schema_name in ('intercom', 'intercom_build') order by table_name, column_index"
    )
    described = [
        *((schema_of(model), model.name, column) for model in load_models() for column in model.columns),
        *(("intercom_build", table.name, column) for table in NOTED for column in table.columns),
    ]
    assert built == sorted(described, key=lambda column: column[1])


def schema_of(model: Model) -> str:
    return "intercom" if model.layer == "marts" else "intercom_build"


def test_the_schema_of_the_marts_holds_the_documented_marts_and_nothing_else(unfilled: Warehouse) -> None:
    tables = unfilled.rows("select table_name from information_schema.tables where table_schema = 'intercom'")
    documented = re.findall(r"^## (\w+)$", (ROOT / "docs" / "tables.md").read_text(), re.MULTILINE)
    assert sorted(name for (name,) in tables) == sorted(set(documented) - {mart.name for mart in list_marts()})
    assert TABLES.keys() < set(documented)
    assert len(tables) > 15


def test_what_earlier_releases_built_beside_the_marts_is_dropped_and_nothing_of_others(warehouse: Warehouse) -> None:
    warehouse.client.execute_many(
        [
            "create schema intercom",
            "create table intercom.int_spells as select 1 as one",
            "create view intercom.stg_contacts as select 1 as one",
            "create table intercom._built_from as select 1 as one",
            "create table intercom.int_own as select 1 as one",
        ]
    )

    warehouse.refresh()

    names = {
        name for (name,) in warehouse.rows("select table_name from duckdb_tables() where schema_name = 'intercom'")
    }
    assert "int_own" in names
    assert names.isdisjoint({"int_spells", "stg_contacts", "_built_from"})


def test_every_description_is_a_comment_in_the_warehouse(unfilled: Warehouse) -> None:
    unfilled.build()

    relations = unfilled.rows(
        "select table_name, comment from duckdb_tables() where schema_name in ('intercom', 'intercom_build') union all "
        "select view_name, comment from duckdb_views() where schema_name in ('intercom', 'intercom_build') order by 1"
    )
    columns = unfilled.rows(
        "select table_name, column_name, comment from duckdb_columns() "
        "where schema_name in ('intercom', 'intercom_build')"
    )
    assert relations == sorted(
        [(one.name, one.description) for one in load_models()] + [(one.name, one.description) for one in NOTED]
    )
    described = [(model.name, column, text) for model in load_models() for column, text in model.columns.items()]
    assert sorted(columns) == sorted(
        [*described, *((table.name, *column) for table in NOTED for column in table.columns.items())]
    )


def test_every_description_says_something() -> None:
    texts = [text for model in load_models() for text in (model.description, *model.columns.values())]

    assert [text for text in texts if not text or not text.endswith(".")] == []


def test_every_relation_begins_with_the_workspace() -> None:
    assert {next(iter(model.columns)) for model in load_models()} == {"workspace_id"}


def test_the_marts_are_those_that_were_promised() -> None:
    views = {model.name for model in load_models() if model.name in MARTS and model.materialized == "view"}

    assert sorted(MARTS) == [
        "calendar",
        "company_segment_membership_events",
        "company_segment_membership_snapshots",
        "company_segment_memberships",
        "contact_attribute_history",
        "contact_attributes",
        "contact_companies",
        "contact_segment_summary",
        "contact_subscriptions",
        "contact_tag_history",
        "contact_tags",
        "contact_timeline",
        "contacts",
        "current_segment_members",
        "data_attributes",
        "list_reads",
        "segment_calendar",
        "segment_daily",
        "segment_health",
        "segment_membership_events",
        "segment_membership_snapshots",
        "segment_memberships",
        "segment_overlap",
        "segment_retention",
        "segment_survival",
        "segment_tenure",
        "segment_transitions",
        "segment_versions",
        "segments",
        "sync_runs",
        "workspaces",
    ]
    assert views >= {"contacts", "segment_membership_snapshots"}
