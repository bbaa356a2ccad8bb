"""Memberships, days, snapshots, events and segments: whole rows of marts, compared with cases worked out by hand.

Only these marts are built, and what they read; no check runs: `test_models.py` has those.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.models.definitions import SQL, Model, load_models

from ...support.nightly import nightly_except
from .raw_tables import Warehouse

MARTS = frozenset(
    (
        "current_segment_members",
        "segment_daily",
        "segment_membership_events",
        "segment_membership_snapshots",
        "segment_memberships",
        "segment_versions",
        "segments",
    )
)


def needed() -> set[Model]:
    """The models of MARTS, and all that these read."""
    models = {model.name: model for model in load_models()}
    found, waiting = set[str](), set(MARTS)
    while waiting:
        found |= waiting
        waiting = {name for one in waiting for name in models[one].reads} - found
    return {models[name] for name in found}


@pytest.fixture(scope="module")
def few_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of their files."""
    folder = tmp_path_factory.mktemp("sql")
    for model in needed():
        copy = folder / model.path.relative_to(SQL)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model.path, copy)
        shutil.copyfile(model.path.with_name("schema.yml"), copy.with_name("schema.yml"))
    return folder


@pytest.fixture
def warehouse(warehouse: Warehouse, few_models: Path) -> Warehouse:
    """A third of a whole build."""
    warehouse.folder = few_models
    return warehouse


# Memberships


def test_contacts_in_the_first_complete_scan_are_a_baseline_and_later_ones_join(
    warehouse: Warehouse,
) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann")
    warehouse.scan("03-02 10:00", joins="bob")

    warehouse.build()

    assert warehouse.spells() == [
        ("w", "s1", "ann", 1, "03-01 10:00", None, None, None, "03-01", None,
         True, True, "baseline", None, None),
        ("w", "s1", "bob", 1, "03-02 10:00", None, "03-01 09:50", None, "03-02", None,
         True, False, "joined", None, None),
    ]  # fmt: skip


def test_a_contact_who_comes_back_has_a_second_spell(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann")
    warehouse.scan("03-02 10:00", leaves="ann")
    warehouse.scan("03-03 10:00", joins="ann")

    warehouse.build()

    assert warehouse.spells() == [
        ("w", "s1", "ann", 1, "03-01 10:00", "03-02 10:00", None, "03-01 09:50", "03-01", "03-02",
         False, True, "baseline", "left", None),
        ("w", "s1", "ann", 2, "03-03 10:00", None, "03-02 09:50", None, "03-03", None,
         True, False, "joined", None, None),
    ]  # fmt: skip


def test_a_segment_first_seen_later_has_a_baseline_of_its_own(warehouse: Warehouse) -> None:
    warehouse.list_segment("s1")
    warehouse.scan("03-01 10:00", "s1", joins="ann")
    warehouse.list_segment("s2", seen="03-05 09:00")
    warehouse.scan("03-05 10:00", "s2", joins="ann bob")

    warehouse.build()

    assert warehouse.spells("segment_id, contact_id, entered_at, entered_after, enter_reason") == [
        ("s1", "ann", "03-01 10:00", None, "baseline"),
        ("s2", "ann", "03-05 10:00", None, "baseline"),
        ("s2", "bob", "03-05 10:00", None, "baseline"),
    ]


def test_a_contact_found_before_the_first_complete_scan_is_a_baseline_too(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann", status="incomplete")
    warehouse.scan("03-02 10:00", joins="bob")
    warehouse.scan("03-03 10:00", joins="cyd")

    warehouse.build()

    assert warehouse.spells("contact_id, is_baseline, entered_after") == [
        ("ann", True, None),
        ("bob", True, None),
        ("cyd", False, "03-02 09:50"),
    ]


def test_who_comes_back_before_the_first_complete_scan_is_no_baseline(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann", how="cursor", status="confirmed")
    warehouse.scan("03-02 10:00", leaves="ann", how="cursor", status="confirmed")
    warehouse.scan("03-03 10:00", joins="ann")

    warehouse.build()

    assert warehouse.spells("spell_number, is_baseline, enter_reason, entered_after") == [
        (1, True, "baseline", None),
        (2, False, "joined", None),
    ]


@pytest.mark.parametrize("status", ["confirmed", "unconfirmed", "incomplete"])
def test_an_entry_lies_after_the_last_complete_scan_whatever_was_read_since(warehouse: Warehouse, status: str) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00")
    warehouse.scan("03-02 10:00", how="cursor", status=status)
    warehouse.scan("03-03 10:00", joins="ann")

    warehouse.build()

    assert warehouse.spells("entered_after, entered_at") == [("03-01 09:50", "03-03 10:00")]


def test_a_leave_lies_after_the_scan_that_saw_the_entry(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00")
    warehouse.scan("03-02 10:00", joins="ann", how="cursor", status="confirmed")
    warehouse.scan("03-03 10:00", leaves="ann")

    warehouse.build()

    assert warehouse.spells("entered_at, left_after, left_at") == [("03-02 10:00", "03-02 09:50", "03-03 10:00")]


def test_a_leave_lies_after_the_last_complete_scan(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann")
    warehouse.scan("03-02 10:00", started="03-02 08:00")
    warehouse.scan("03-03 10:00", how="cursor", status="confirmed")
    warehouse.scan("03-04 10:00", leaves="ann")

    warehouse.build()

    assert warehouse.spells("left_after, left_at") == [("03-02 08:00", "03-04 10:00")]


def test_an_incomplete_scan_can_open_a_spell(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00")
    warehouse.scan("03-02 10:00", joins="ann", status="incomplete")

    warehouse.build()

    assert warehouse.spells("contact_id, entered_at, is_current") == [("ann", "03-02 10:00", True)]


@pytest.mark.parametrize("status", ["complete", "unconfirmed"])
def test_a_deleted_segment_ends_every_spell_in_it_and_has_no_days_after(warehouse: Warehouse, status: str) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann bob")
    warehouse.remove("ann", "deleted", "03-01 11:00")
    warehouse.scan("03-02 10:00", leaves="ann bob", how="deleted", status=status)

    warehouse.build()

    assert warehouse.spells("contact_id, left_at, is_current, leave_reason") == [
        ("ann", "03-02 10:00", False, "segment_deleted"),
        ("bob", "03-02 10:00", False, "segment_deleted"),
    ]
    assert warehouse.rows("select segment_id, is_deleted, member_count from intercom.segments") == [("s1", True, 0)]
    assert warehouse.days("observed_on, member_count, left_count") == [("03-01", 2, 0), ("03-02", 0, 2)]


def test_two_workspaces_with_the_same_ids_never_touch(warehouse: Warehouse) -> None:
    for workspace in ("v", "w"):
        warehouse.list_segment(workspace=workspace)
        warehouse.scan("03-01 10:00", joins="ann", workspace=workspace)
    warehouse.remove("ann", "deleted", "03-02 09:00")
    for workspace in ("v", "w"):
        warehouse.scan("03-02 10:00", leaves="ann", workspace=workspace)

    warehouse.build()

    assert warehouse.spells("workspace_id, contact_id, leave_reason") == [
        ("v", "ann", "left"),
        ("w", "ann", "contact_deleted"),
    ]
    assert warehouse.rows(
        "select * exclude (segment_name) from intercom.segment_membership_snapshots order by all"
    ) == [
        ("v", "03-01", "s1", "ann", "03-01 10:00", "03-01 10:00", 1),
        ("w", "03-01", "s1", "ann", "03-01 10:00", "03-01 10:00", 1),
    ]


# Reasons


# When a segment was edited, and whether that is within a window that began at 03-02 09:50:00.700
EDITS = {
    "03-02 09:49:59": False,
    "03-02 09:50:00": True,  # Intercom's seconds: somewhere in that in which the window begins
    "03-03 10:00:00": True,
    "03-03 10:00:01": False,
}


def test_a_move_within_whose_window_the_segment_was_edited_is_put_down_to_the_edit(warehouse: Warehouse) -> None:
    for edited in EDITS:
        warehouse.list_segment(edited, edited="02-01 00:00")
        warehouse.list_segment(edited, edited=edited, seen="03-04 10:00")
        warehouse.scan("03-01 10:00", edited, joins="ann")
        warehouse.scan("03-02 10:00", edited, started="03-02 09:50:00.700")
        warehouse.scan("03-03 10:00", edited, joins="bob", leaves="ann")

    warehouse.build()

    reasons = {edited: ("segment_edited",) * 2 if within else ("left", "joined") for edited, within in EDITS.items()}
    left = warehouse.spells("segment_id, contact_id, coalesce(leave_reason, enter_reason)")
    assert left == [
        (edited, contact, reason)
        for edited, both in reasons.items()
        for contact, reason in zip(("ann", "bob"), both, strict=True)
    ]


def test_the_definition_that_was_met_first_is_no_edit(warehouse: Warehouse) -> None:
    warehouse.list_segment(edited="03-02 12:00")
    warehouse.scan("03-01 10:00", joins="ann")
    warehouse.scan("03-03 10:00", joins="bob", leaves="ann")

    warehouse.build()

    assert warehouse.spells("enter_reason, leave_reason") == [("baseline", "left"), ("joined", None)]


def test_an_edit_while_a_run_reads_explains_the_moves_of_that_run_and_of_the_next(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.list_segment(edited="03-02 09:55", seen="03-03 10:00")
    warehouse.scan("03-01 10:00", joins="ann bob")
    warehouse.scan("03-02 10:00", leaves="ann")
    warehouse.scan("03-03 10:00", leaves="bob")
    warehouse.scan("03-04 10:00", joins="cyd")

    warehouse.build()

    assert warehouse.spells("contact_id, enter_reason, leave_reason") == [
        ("ann", "baseline", "segment_edited"),
        ("bob", "baseline", "segment_edited"),
        ("cyd", "joined", None),
    ]


CAUSES: list[tuple[str, Callable[[Warehouse], None]]] = [
    ("contact_merged", lambda warehouse: warehouse.remove("ann", "merged", "03-02 09:00", into="bob")),
    ("contact_deleted", lambda warehouse: warehouse.remove("ann", "deleted", "03-02 09:01")),
    ("contact_archived", lambda warehouse: warehouse.remove("ann", "blocked", "03-02 09:02")),
    ("unknown", lambda warehouse: warehouse.remove("ann", "unknown", "03-02 09:03")),
    ("segment_edited", lambda warehouse: warehouse.list_segment(edited="03-02 09:04", seen="03-02 09:45")),
    ("left", lambda _: None),
]


@pytest.mark.parametrize("first", nightly_except(range(len(CAUSES)), 0, 3))
def test_of_several_reasons_to_leave_the_first_counts(warehouse: Warehouse, first: int) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann")
    for _, happen in CAUSES[first:]:
        happen(warehouse)
    warehouse.scan("03-02 10:00", leaves="ann")

    warehouse.build()

    reason = CAUSES[first][0]
    assert warehouse.spells("leave_reason, merged_into_contact_id") == [
        (reason, "bob" if reason == "contact_merged" else None)
    ]


REMOVALS = [  # status, observed at, happened at; the reason of a leave in (03-01 09:50, 03-02 10:00]
    ("deleted", "03-02 10:00", None, "contact_deleted"),
    ("deleted", "03-04 10:00", "03-02 10:00", "contact_deleted"),  # reported late, happened in time
    ("deleted", "03-02 10:01", "03-02 10:01", "left"),  # left before, for another reason
    ("deleted", "02-01 10:00", None, "contact_deleted"),  # final: it stays a reason
    ("archived", "03-02 10:00", None, "contact_archived"),
    ("archived", "03-04 10:00", "03-01 09:50", "contact_archived"),
    ("archived", "03-04 10:00", "03-01 09:49", "left"),
    ("archived", "03-01 09:50", None, "left"),  # and was back since
    ("archived", "03-02 10:01", None, "left"),
    ("unknown", "03-02 10:00", None, "unknown"),
    ("unknown", "03-01 09:50", None, "left"),
    ("active", "03-02 10:00", None, "left"),
]


def test_a_removal_explains_a_leave_when_its_time_fits(warehouse: Warehouse) -> None:
    contacts = {f"c{number:02}": removal for number, removal in enumerate(REMOVALS)}
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins=" ".join(contacts))
    for contact, (status, observed, happened, _) in contacts.items():
        warehouse.remove(contact, status, observed, happened=happened)
    warehouse.scan("03-02 10:00", leaves=" ".join(contacts))

    warehouse.build()

    assert warehouse.spells("contact_id, leave_reason") == [(one, removal[-1]) for one, removal in contacts.items()]


def test_what_is_learnt_of_a_vanished_contact_explains_why_it_left(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann bob")
    warehouse.remove("ann", "unknown", "03-02 09:00")
    warehouse.remove("bob", "unknown", "03-02 09:00")
    warehouse.scan("03-02 10:00", leaves="ann bob")
    warehouse.remove("ann", "merged", "03-05 09:00", into="cyd")
    warehouse.remove("bob", "active", "03-05 09:00")
    warehouse.remove("bob", "deleted", "03-06 09:00")

    warehouse.build()

    assert warehouse.spells("contact_id, leave_reason, merged_into_contact_id") == [
        ("ann", "contact_merged", "cyd"),
        ("bob", "unknown", None),
    ]


def test_a_contact_that_is_seen_again_was_not_deleted_but_archived(warehouse: Warehouse) -> None:
    logs = {
        "deleted": "contact_deleted",
        "deleted active": "contact_archived",
        "deleted active deleted": "contact_deleted",
        "deleted deleted active": "contact_archived",
        "merged active": "contact_merged",
        "unknown active": "unknown",
        "unknown deleted active": "contact_archived",
    }
    contacts = {log.replace(" ", "_"): log.split() for log in logs}
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins=" ".join(contacts))
    for contact, log in contacts.items():
        for day, status in enumerate(log, start=2):
            warehouse.remove(contact, status, f"03-0{day} 09:00")
    warehouse.scan("03-05 10:00", leaves=" ".join(contacts), how="cursor", status="confirmed")

    warehouse.build()

    assert warehouse.spells("leave_reason") == [(reason,) for reason in logs.values()]


@pytest.mark.parametrize(("status", "reason"), [("unknown", "unknown"), ("deleted", "contact_deleted")])
def test_what_the_run_of_a_leave_finds_out_later_explains_it(warehouse: Warehouse, status: str, reason: str) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann bob")
    run_id = warehouse.scan("03-02 10:00", leaves="ann bob")
    warehouse.remove("ann", status, "03-02 10:01", run=run_id)
    warehouse.remove("bob", status, "03-02 10:01", run="another")

    warehouse.build()

    assert warehouse.spells("contact_id, leave_reason") == [("ann", reason), ("bob", "left")]


def test_a_merge_ends_one_membership_and_begins_the_other(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="lead")
    warehouse.remove("lead", "merged", "03-02 09:00", happened="03-02 08:00", into="user")
    warehouse.scan("03-02 10:00", joins="user other", leaves="lead")

    warehouse.build()

    assert warehouse.spells("contact_id, enter_reason, leave_reason, merged_into_contact_id") == [
        ("lead", "baseline", "contact_merged", "user"),
        ("other", "joined", None, None),
        ("user", "merge", None, None),
    ]


def test_a_merge_seen_in_two_runs_is_one_merge(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="lead")
    warehouse.scan("03-02 10:00", joins="user", how="cursor", status="confirmed")
    warehouse.remove("lead", "merged", "03-03 09:00", happened="03-02 08:00", into="user")
    warehouse.scan("03-03 10:00", leaves="lead")

    warehouse.build()

    assert warehouse.spells("contact_id, enter_reason") == [("lead", "baseline"), ("user", "merge")]


def test_a_join_long_after_a_merge_is_a_join(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="lead")
    warehouse.remove("lead", "merged", "03-02 09:00", into="user")
    warehouse.scan("03-02 10:00", leaves="lead")
    warehouse.scan("03-03 10:00")
    warehouse.scan("03-04 10:00", joins="user")

    warehouse.build()

    assert warehouse.spells("contact_id, enter_reason") == [("lead", "baseline"), ("user", "joined")]


def test_who_was_in_long_before_the_merge_did_not_come_by_it(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="lead")
    warehouse.scan("03-02 10:00", joins="user")
    warehouse.scan("03-03 10:00")
    warehouse.remove("lead", "merged", "03-04 09:00", into="user")
    warehouse.scan("03-04 10:00", leaves="lead")

    warehouse.build()

    assert warehouse.spells("contact_id, enter_reason") == [("lead", "baseline"), ("user", "joined")]


def test_a_merge_explains_nothing_in_a_deleted_segment(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="lead")
    warehouse.scan("03-02 10:00", joins="user", how="cursor", status="confirmed")
    warehouse.remove("lead", "merged", "03-03 09:00", into="user")
    warehouse.scan("03-03 10:00", leaves="lead user", how="deleted")

    warehouse.build()

    assert warehouse.spells("contact_id, enter_reason, leave_reason, merged_into_contact_id") == [
        ("lead", "baseline", "segment_deleted", None),
        ("user", "joined", "segment_deleted", None),
    ]


# Days


def test_midnight_belongs_to_the_new_day(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann bob")
    warehouse.scan("03-02 23:59:59.999999", leaves="ann", joins="cyd")
    warehouse.scan("03-04 00:00", leaves="bob", joins="dan")

    warehouse.build()

    assert warehouse.days() == [
        ("w", "03-01", "s1", 2, 2, 0, 0, 0, 2, True),
        ("w", "03-02", "s1", 2, 0, 1, 1, 0, 2, True),
        ("w", "03-04", "s1", 2, 0, 1, 1, 0, 2, True),
    ]
    assert warehouse.rows("select observed_on, contact_id from intercom.segment_membership_snapshots order by all") == [
        ("03-01", "ann"),
        ("03-01", "bob"),
        ("03-02", "bob"),
        ("03-02", "cyd"),
        ("03-04", "cyd"),
        ("03-04", "dan"),
    ]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_days_are_utc_days_whatever_the_zone_of_the_session(warehouse: Warehouse, zone: str) -> None:
    warehouse.client.execute_sql(f"set TimeZone = '{zone}'")
    warehouse.list_segment()
    warehouse.scan("03-02 00:30", joins="ann")
    warehouse.scan("03-02 23:30", leaves="ann")

    warehouse.build()

    assert warehouse.days("observed_on, member_count") == [("03-02", 0)]
    assert warehouse.spells("entered_at, entered_on, left_at, left_on, left_after") == [
        ("03-02 00:30", "03-02", "03-02 23:30", "03-02", "03-02 00:20")
    ]


def test_the_last_of_several_observations_of_a_day_decides(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 08:00", joins="ann bob", count=9)
    warehouse.scan("03-01 12:00", joins="cyd", leaves="bob", how="cursor", status="confirmed")
    warehouse.scan("03-01 20:00", joins="bob", leaves="cyd", how="cursor", status="confirmed")

    warehouse.build()

    assert warehouse.days() == [("w", "03-01", "s1", 2, 2, 2, 2, 1, 2, True)]
    assert warehouse.rows(
        "select * exclude (segment_name) from intercom.segment_membership_snapshots order by contact_id"
    ) == [
        ("w", "03-01", "s1", "ann", "03-01 20:00", "03-01 08:00", 1),
        ("w", "03-01", "s1", "bob", "03-01 20:00", "03-01 20:00", 2),
    ]


@pytest.mark.parametrize("status", ["incomplete", "unconfirmed"])
def test_a_day_without_a_whole_observation_is_absent_and_its_moves_count_on_the_next(
    warehouse: Warehouse, status: str
) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann")
    warehouse.scan("03-02 10:00", joins="bob", status=status, count=7)
    warehouse.scan("03-05 10:00", joins="cyd", leaves="ann")

    warehouse.build()

    assert warehouse.days() == [
        ("w", "03-01", "s1", 1, 1, 0, 0, 0, 1, True),
        ("w", "03-05", "s1", 2, 0, 2, 1, 0, 2, True),
    ]
    assert warehouse.rows("select observed_on, contact_id from intercom.segment_membership_snapshots order by all") == [
        ("03-01", "ann"),
        ("03-05", "bob"),
        ("03-05", "cyd"),
    ]


def test_what_an_incomplete_scan_adds_to_a_whole_day_is_in_its_snapshot(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann", count=1)
    warehouse.scan("03-01 20:00", joins="bob", status="incomplete", count=5)

    warehouse.build()

    assert warehouse.days() == [("w", "03-01", "s1", 2, 1, 1, 0, 0, 1, True)]
    assert warehouse.rows("select contact_id, observed_at from intercom.segment_membership_snapshots order by all") == [
        ("ann", "03-01 10:00"),
        ("bob", "03-01 10:00"),
    ]


def test_a_day_without_moves_has_its_row_and_says_whether_it_was_swept(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00")
    warehouse.scan("03-02 10:00", how="none", status="confirmed")

    warehouse.build()

    assert warehouse.days() == [
        ("w", "03-01", "s1", 0, 0, 0, 0, 0, 0, True),
        ("w", "03-02", "s1", 0, 0, 0, 0, 0, 0, False),
    ]


# The other marts


def test_every_entry_and_exit_is_an_event(warehouse: Warehouse) -> None:
    warehouse.list_segment()
    warehouse.scan("03-01 10:00", joins="ann")
    warehouse.scan("03-02 10:00", joins="bob", leaves="ann")

    warehouse.build()

    assert warehouse.rows(
        "select * exclude (segment_name) from intercom.segment_membership_events order by contact_id, event"
    ) == [
        ("w", "s1", "ann", "entered", "03-01 10:00", None, "03-01", "baseline", 1),
        ("w", "s1", "ann", "left", "03-02 10:00", "03-01 09:50", "03-02", "left", 1),
        ("w", "s1", "bob", "entered", "03-02 10:00", "03-01 09:50", "03-02", "joined", 1),
    ]
    assert warehouse.rows("select * from intercom.current_segment_members") == [
        ("w", "s1", "Active", "bob", "03-02 10:00", "03-01 09:50", "03-02", False, True, 1, "joined")
    ]


def test_a_segment_is_as_its_newest_version_and_scan_have_it(warehouse: Warehouse) -> None:
    warehouse.list_segment(edited="02-01 00:00", name="Old", seen="03-01 09:00")
    warehouse.list_segment(edited="03-02 00:00", name="New", seen="03-03 09:00")
    warehouse.list_segment("s2", name="Empty", seen="03-03 09:00")
    warehouse.scan("03-01 10:00", joins="ann bob", count=5)
    warehouse.scan("03-03 10:00", leaves="bob", count=1)
    warehouse.scan("03-04 10:00", how="none", status="unconfirmed", count=3)

    warehouse.build()

    assert warehouse.rows("select * from intercom.segments order by segment_id") == [
        (
            "w",
            "s1",
            "New",
            "New",
            "user",
            False,
            1,
            3,
            None,
            "01-01 00:00",
            "03-02 00:00",
            "03-01 09:00",
            "03-03 10:00",
        ),
        ("w", "s2", "Empty", "Empty", "user", False, 0, None, None, "01-01 00:00", "01-01 00:00", "03-03 09:00", None),
    ]
    assert warehouse.rows(
        "select * from intercom.segment_versions where segment_id = 's1' order by version_number"
    ) == [
        ("w", "s1", "Old", 1, "Old", "user", "01-01 00:00", "02-01 00:00", "03-01 09:00", "03-03 09:00", False),
        ("w", "s1", "New", 2, "New", "user", "01-01 00:00", "03-02 00:00", "03-03 09:00", None, True),
    ]


def test_a_segment_of_intercoms_contacts_is_one_of_leads(warehouse: Warehouse) -> None:
    warehouse.insert("segments", workspace_id="w", segment_id="s1", person_type="contact", updated_at=1)
    warehouse.insert("segments", workspace_id="w", segment_id="s2", person_type="user", updated_at=1)

    warehouse.build()

    assert warehouse.rows("select segment_id, person_type from intercom.segments order by segment_id") == [
        ("s1", "lead"),
        ("s2", "user"),
    ]
