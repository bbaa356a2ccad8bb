"""Removed contacts and the reasons, after runs that sweep only segments that drifted."""

from typing import Any

import pytest

from pipelines.errors import ExitCode
from sandbox.people import Feed

from ...support.deployments import Settled
from ...support.nightly import nightly_except
from .test_memberships import CALLS_OF_ANY_RUN, SWEPT, UNREAD, every_segment

FEEDS = ("Preview", "2.17")


@pytest.mark.parametrize("version", nightly_except([*FEEDS, "2.16", "2.14"], "Preview"))
def test_every_removal_has_its_status_and_reason_and_an_archived_contact_returns(
    settled: Settled, version: str
) -> None:
    settled.settings.api_version = version
    workspace, people = settled.workspace, settled.people
    deleted, archived, blocked, merged, first, second = settled.crowd[:6]
    survivor, last = people[100], people[101]
    workspace.delete(deleted)
    workspace.archive(archived)
    workspace.block(blocked)
    workspace.merge(merged, survivor)
    workspace.tag(survivor, "crowd")
    workspace.merge(first, second)
    workspace.merge(second, last)
    shows_merges = version != "2.14"  # which answers 404 for merged contacts and for deleted ones
    merge = ("merged", "contact_merged") if shows_merges else ("deleted", "contact_deleted")
    into = {merged: survivor, first: last, second: last} if shows_merges else {}

    settled.sync()
    removals, spells = removals_of(settled), crowd_spells(settled)
    workspace.advance(minutes=1)
    workspace.unarchive(archived)
    settled.sync()

    assert removals == {
        deleted: ("deleted", True, None),
        archived: ("archived", False, None),
        blocked: ("blocked", False, None),
        **{contact_id: (merge[0], True, into.get(contact_id)) for contact_id in (merged, first, second)},
    }
    assert spells == {
        (deleted, "baseline", "contact_deleted", None),
        (archived, "baseline", "contact_archived", None),
        (blocked, "baseline", "contact_archived", None),
        *((contact_id, "baseline", merge[1], into.get(contact_id)) for contact_id in (merged, first, second)),
        (survivor, "merge" if shows_merges else "joined", None, None),
    }
    assert removals_of(settled) == {key: removal for key, removal in removals.items() if key != archived}
    assert crowd_spells(settled) == spells | {(archived, "joined", None, None)}
    assert settled.members() == workspace.pairs()


def removals_of(deployment: Settled) -> dict[str, tuple[Any, ...]]:
    """Removed contacts: the status, whether it is final, and the contact that they were merged into."""
    rows = deployment.query(
        "select contact_id, removal_status, is_deleted, merged_into_contact_id from intercom.contacts"
        " where removal_status is not null"
    )
    return {contact_id: tuple(rest) for contact_id, *rest in rows}


def crowd_spells(deployment: Settled) -> set[tuple[Any, ...]]:
    """Spells in Crowd that ended or began after the first run: contact, both reasons, and the contact after a merge."""
    return set(
        deployment.query(
            "select contact_id, enter_reason, leave_reason, merged_into_contact_id from intercom.segment_memberships"
            " where segment_id = ? and not (is_current and is_baseline)",
            deployment.segments["Crowd"],
        )
    )


def log_of_removals(deployment: Settled) -> list[tuple[Any, ...]]:
    return deployment.query(
        "select contact_id, status from intercom_raw.contact_removals order by observed_at, contact_id"
    )


def segments_of(deployment: Settled, contact_id: str) -> set[str]:
    return {
        deployment.called(segment_id) for segment_id, member in deployment.workspace.pairs() if member == contact_id
    }


def test_a_contact_that_the_feed_reports_deleted_leaves_segments_that_are_not_read(settled: Settled) -> None:
    contact_id = settled.crowd[0]
    segments = segments_of(settled, contact_id)
    settled.workspace.delete(contact_id)

    outcome = settled.sync()

    assert settled.changes() == {(name, contact_id, False, "removal") for name in segments}
    assert settled.scans() == every_segment(UNREAD)
    assert outcome.contacts_gone == 1
    assert outcome.api_calls == CALLS_OF_ANY_RUN + 1  # a lookup by id
    assert settled.members() == settled.workspace.pairs()


@pytest.mark.nightly
def test_an_archived_contact_in_no_segment_is_found_in_the_list_since_there_is_one_contact_less(
    settled: Settled,
) -> None:
    settled.workspace.delete_segment(settled.segments["Everyone"])
    in_segments = {contact_id for _, contact_id in settled.workspace.pairs()}
    contact_id = next(contact_id for contact_id in settled.people if contact_id not in in_segments)
    settled.workspace.archive(contact_id)

    settled.load()
    listed = settled.workspace.calls["deleted"]
    settled.sync()

    assert removals_of(settled) == {contact_id: ("archived", False, None)}
    assert (listed, settled.workspace.calls["deleted"]) == (1, 1)  # the second run does not need the list


@pytest.mark.nightly
def test_a_feed_that_falls_silent_continues_at_its_cursor_and_no_removal_is_missed(
    settled: Settled,
) -> None:
    workspace = settled.workspace
    newcomer = workspace.sign_up()
    settled.load()
    cursor = feed_cursor(settled)
    workspace.advance(minutes=1)
    workspace.delete(newcomer)
    workspace.faults.empty_feed()
    settled.sync()
    silent = feed_cursor(settled), removals_of(settled), events(settled)

    settled.sync()

    assert silent == (cursor, {newcomer: ("deleted", True, None)}, [("contact.created", newcomer)])
    assert events(settled) == [("contact.created", newcomer), ("contact.deleted", newcomer)]
    assert log_of_removals(settled) == [(newcomer, "deleted")]
    assert feed_cursor(settled) != cursor


def feed_cursor(deployment: Settled) -> str:
    state: Any = deployment.warehouse.pipeline(deployment.name).state
    cursor: str = state["sources"]["intercom"]["feed"]
    return cursor


def events(deployment: Settled) -> list[tuple[Any, ...]]:
    return deployment.query("select event_type, contact_id from intercom_raw.contact_activities order by id")


@pytest.mark.nightly
def test_the_feed_continues_at_its_cursor(settled: Settled) -> None:
    workspace = settled.workspace
    for _ in range(160):
        workspace.sign_up()
    settled.load()
    of_many = workspace.calls["activities"]
    workspace.delete(settled.people[0])

    settled.sync()

    assert (of_many, workspace.calls["activities"] - of_many) == (2, 1)
    assert len(events(settled)) == len(set(events(settled))) == 161


@pytest.mark.nightly
def test_a_contact_reported_deleted_is_removed_only_when_search_does_not_find_it(
    settled: Settled,
) -> None:
    workspace = settled.workspace
    seen_in_a_segment, found_by_id = settled.crowd[:2]
    workspace.update(seen_in_a_segment, name="Not deleted at all")
    for contact_id in (seen_in_a_segment, found_by_id):
        workspace.feed.add("contact.deleted", workspace.contacts[contact_id], workspace.now())

    settled.sync()
    at_first = settled.changes(), log_of_removals(settled)
    workspace.archive(found_by_id)  # search does not find the contact any more, and the feed reports nothing new
    settled.sync()

    assert at_first == (set(), [])
    assert log_of_removals(settled) == [(found_by_id, "deleted")]
    assert settled.members() == workspace.pairs()


@pytest.mark.nightly
def test_a_contact_removed_while_a_segment_is_incomplete_leaves_it_in_the_next_run(settled: Settled) -> None:
    workspace, crowd = settled.workspace, settled.segments["Crowd"]
    removed = settled.crowd[0]
    others = segments_of(settled, removed) - {"Crowd"}
    workspace.delete(removed)
    for contact_id in settled.crowd[1:8]:
        workspace.update(contact_id, name="Changed")
    workspace.faults.half_page(crowd, times=None)

    first = settled.sync()
    at_first = settled.changes()
    workspace.faults.clear()
    second = settled.sync()

    assert (first.exit_code, second.exit_code) == (ExitCode.INCOMPLETE, ExitCode.DONE)
    assert at_first == {(name, removed, False, "removal") for name in others}
    assert settled.scans() == every_segment(UNREAD, Crowd=SWEPT)
    assert crowd_spells(settled) == {(removed, "baseline", "contact_deleted", None)}
    assert log_of_removals(settled) == [(removed, "deleted")]


@pytest.mark.nightly
def test_of_many_removed_contacts_some_are_unknown_until_a_later_run_explains_them(settled: Settled) -> None:
    settled.settings.api_version = "2.16"  # no feed and no list: contacts are looked up one by one
    removed = settled.people[60:220]
    for contact_id in removed:
        settled.workspace.delete(contact_id)

    settled.sync(accept_shrink=True)
    at_first = statuses(settled), leave_reasons(settled)
    settled.sync()

    assert at_first[0] == {"deleted": 150, "unknown": 10}
    assert at_first[1].keys() == {"contact_deleted", "unknown"}
    assert statuses(settled) == {"deleted": 160}
    assert leave_reasons(settled).keys() == {"contact_deleted"}
    assert settled.members() == settled.workspace.pairs()


def statuses(deployment: Settled) -> dict[str, int]:
    return dict(
        deployment.query(
            "select removal_status, count(*) from intercom.contacts where removal_status is not null group by 1"
        )
    )


def leave_reasons(deployment: Settled) -> dict[str, int]:
    return dict(
        deployment.query(
            "select leave_reason, count(*) from intercom.segment_memberships where not is_current group by 1"
        )
    )


@pytest.mark.nightly
def test_a_merge_into_a_contact_that_is_merged_later_leads_to_the_one_that_is_there_now(settled: Settled) -> None:
    workspace = settled.workspace
    first, second, last = settled.people[:3]
    workspace.merge(first, second)
    settled.load()
    workspace.merge(second, last)

    settled.sync()

    assert removals_of(settled) == dict.fromkeys((first, second), ("merged", True, last))


@pytest.mark.nightly
def test_a_feed_that_does_not_know_its_cursor_any_more_is_read_from_the_start(settled: Settled) -> None:
    settled.workspace.sign_up()
    settled.load()
    settled.workspace.feed = Feed()
    for _ in range(2):
        settled.workspace.sign_up()
        settled.sync()

    assert len(events(settled)) == 3


@pytest.mark.nightly
def test_a_workspace_emptied_of_contacts_is_empty_after_two_runs(settled: Settled) -> None:
    for contact_id in settled.people:
        settled.workspace.delete(contact_id)

    settled.load(accept_shrink=True)
    settled.sync(accept_shrink=True)

    assert settled.members() == set()
