"""Promises about a sync through trouble: whatever Intercom and the network do, the tables are right, or as before."""

import json
from collections.abc import Callable
from itertools import count

import pytest

from pipelines.errors import ExitCode
from sandbox.faults import ALL, Kind
from sandbox.oddities import COLLIDING, make_odd
from sandbox.pages import Following
from sandbox.rules import Everyone
from sources.intercom.client import Retries, Unavailable

from .conftest import House

PASSING: list[Kind] = [kind for kind in ALL if "429" not in str(kind)]
"""All but a refusal for the quota, which makes a client wait for the next window of ten real seconds."""
PATIENT_AT_ONCE = Retries(attempts=12, wait_initial=0, wait_max=0, wait_jitter=0)


def whole(house: House) -> bool:
    """Whether the warehouse equals the workspace."""
    loaded = set(house.query("select id, updated_at from intercom_raw.contacts"))
    gone = set(house.query("select contact_id from intercom.contacts where is_deleted"))
    truth = {(key, one.attributes["updated_at"]) for key, one in house.workspace.contacts.items()}
    return truth == {row for row in loaded if (row[0],) not in gone} and house.members() == house.workspace.pairs()


@pytest.mark.parametrize("seed", [1, 2])
def test_with_three_percent_of_every_fault_at_once_the_tables_are_the_same(
    new_house: Callable[..., House], seed: int
) -> None:
    troubled = new_house(contacts=2000, segments=25)
    for number, kind in enumerate(PASSING):
        troubled.workspace.faults.at_rate(0.03, (kind,), seed=seed + number, late_seconds=0.001)

    first = troubled.sync(retries=PATIENT_AT_ONCE)
    troubled.workspace.live(days=1, silent=0)
    second = troubled.sync(retries=PATIENT_AT_ONCE)

    assert (first.exit_code, second.exit_code) == (ExitCode.DONE, ExitCode.DONE)
    assert len(troubled.workspace.faults.spoilt) == len(PASSING)
    assert whole(troubled)


def test_an_outage_in_the_middle_is_outlasted(house: House) -> None:
    asked = count()

    def seconds_by_calls() -> float:
        return float(next(asked))

    def say(step: str) -> None:
        if step.startswith("Reading"):
            house.workspace.faults.outage(10, monotonic=seconds_by_calls)

    outcome = house.sync(retries=PATIENT_AT_ONCE, say=say)

    assert outcome.exit_code == ExitCode.DONE
    assert house.workspace.faults.spoilt.total() > 5
    assert whole(house)


@pytest.mark.parametrize("kind", [kind for kind in PASSING if kind != "slow"])
def test_a_fault_that_does_not_pass_ends_the_run_and_a_later_one_goes_on(synced: House, kind: Kind) -> None:
    before = synced.members()
    synced.workspace.live(days=1, silent=0)

    synced.workspace.faults.at_rate(1.0, (kind,), late_seconds=0.001)
    with pytest.raises(Unavailable, match="later"):
        synced.sync()
    after_failure = synced.members()
    synced.workspace.faults.clear()
    outcome = synced.sync(full=True)

    assert after_failure == before
    assert outcome.exit_code == ExitCode.DONE
    assert whole(synced)


def test_fields_added_removed_retyped_and_nulled_end_no_run_and_are_told(synced: House) -> None:
    workspace = synced.workspace

    workspace.reshape(
        add={"shoe_size": 41}, remove=("referrer",), retype={"browser": lambda name: {"name": name}}, null=("os",)
    )
    outcome = synced.sync(full=True)

    told = " ".join(outcome.drift)
    assert outcome.exit_code == ExitCode.DONE
    assert all(name in told for name in ("shoe_size", "referrer", "browser", " os "))
    browsers = {one.attributes["browser"] for one in workspace.contacts.values()}
    kept = synced.query(
        """select distinct _extra ->> '$.browser.name', _extra ->> '$.shoe_size' from intercom_raw.contacts"""
    )
    assert {browser for browser, _ in kept} == browsers
    assert {size for _, size in kept} == {"41"}
    assert synced.query("select distinct browser, os, referrer from intercom.contacts") == [(None, None, None)]


def test_a_retyped_field_blocks_no_later_run(synced: House) -> None:
    synced.workspace.reshape(retype={"created_at": str, "has_hard_bounced": str, "tags": str})
    synced.sync(full=True)

    synced.workspace.live(days=1, silent=0)
    outcome = synced.sync(full=True)

    assert outcome.exit_code == ExitCode.DONE
    assert synced.members() == synced.workspace.pairs()


@pytest.mark.parametrize("moment", [2_303_683_200, -1_104_537_600], ids=["2043", "1935"])
def test_a_contact_of_another_age_syncs_and_changes_of_others_still_arrive(house: House, moment: int) -> None:
    odd = house.workspace.sign_up(created_at=moment, updated_at=moment)
    house.sync()

    house.workspace.advance(days=1)
    changed = min(house.workspace.contacts)
    house.workspace.update(changed, name="Changed Later")
    house.sync()

    rows = dict(house.query("select id, updated_at from intercom_raw.contacts where id in (?, ?)", odd, changed))
    assert rows == {key: house.workspace.contacts[key].attributes["updated_at"] for key in (odd, changed)}


@pytest.mark.parametrize("form", ["object", "null", "url", "absent"])
def test_the_last_page_may_say_so_in_any_form(house: House, form: Following) -> None:
    house.workspace.odd_pages_next = form
    house.workspace.make_segment("All of them", Everyone())

    house.sync()

    assert whole(house)


def test_contacts_that_search_shows_late_arrive_with_a_later_run(new_house: Callable[..., House]) -> None:
    house = new_house(index_lag=600)
    house.workspace.advance(minutes=30)
    house.sync()
    for _ in range(3):
        house.workspace.sign_up()
        house.workspace.advance(minutes=4)

    house.sync()
    house.workspace.advance(minutes=15)
    house.sync()

    assert whole(house)


def test_merged_and_archived_contacts_leave_and_the_unarchived_come_back(synced: House) -> None:
    workspace = synced.workspace
    leads = [key for key, one in workspace.contacts.items() if one.attributes["role"] == "lead"]
    users = [key for key, one in workspace.contacts.items() if one.attributes["role"] == "user"]

    workspace.merge(leads[0], users[0])
    workspace.archive(users[1])
    workspace.block(users[2])
    synced.sync(full=True)
    gone = synced.members() == workspace.pairs()
    workspace.unarchive(users[1])
    synced.sync()

    assert gone
    assert synced.members() == workspace.pairs()
    removed = "select contact_id, removal_status, is_deleted from intercom.contacts where removal_status <> 'active'"
    assert set(synced.query(removed)) == {(leads[0], "merged", True), (users[2], "blocked", False)}


def test_odd_contacts_arrive_like_the_others(house: House) -> None:
    odd = make_odd(house.workspace, crowd=320)

    outcome = house.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert whole(house)
    names = {house.workspace.contacts[key].attributes["name"].replace("\0", "\ufffd") for key in odd["names"]}
    loaded = "select name from intercom.contacts where list_contains(?, contact_id)"
    assert {name for (name,) in house.query(loaded, odd["names"])} == names
    attributes = "select custom_attributes from intercom.contacts where contact_id = ?"
    ((kept,),) = house.query(attributes, odd["attributes"][0])
    assert {**json.loads(kept), **COLLIDING} == json.loads(kept)
