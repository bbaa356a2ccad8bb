"""A sync under faults of Intercom and of the network: the tables are right afterwards, or as they were before."""

import json
from collections.abc import Callable
from itertools import count

import pytest

from pipelines.errors import ExitCode
from sandbox.faults import ALL_KINDS, Kind
from sandbox.segments.rules import Everyone
from sandbox.world import NextPageStyle, add_odd_contacts
from sandbox.world.oddities import COLLIDING
from sources.intercom.api import Retries, Unavailable

from ...support.deployments import Deployment
from ...support.nightly import nightly_except

PASSING: list[Kind] = [kind for kind in ALL_KINDS if "429" not in str(kind)]
"""All but a refusal for the quota, which makes a client wait for the next window of ten real seconds."""
PATIENT_AT_ONCE = Retries(attempts=12, wait_initial=0, wait_max=0, wait_jitter=0)


def whole(deployment: Deployment) -> bool:
    """Whether the warehouse equals the workspace."""
    loaded = set(deployment.query("select id, updated_at from intercom_raw.contacts"))
    gone = set(deployment.query("select contact_id from intercom.contacts where is_deleted"))
    truth = {(key, one.attributes["updated_at"]) for key, one in deployment.workspace.contacts.items()}
    return (
        truth == {row for row in loaded if (row[0],) not in gone}
        and deployment.members() == deployment.workspace.pairs()
    )


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [1, 2])
def test_with_three_percent_of_every_fault_at_once_the_tables_are_the_same(
    make_deployment: Callable[..., Deployment], seed: int
) -> None:
    troubled = make_deployment(contacts=2000, segments=25)
    for number, kind in enumerate(PASSING):
        troubled.workspace.faults.at_rate(0.03, (kind,), seed=seed + number, delay_seconds=0.001)

    first = troubled.sync(retries=PATIENT_AT_ONCE)
    troubled.workspace.live(days=1, silent=0)
    second = troubled.sync(retries=PATIENT_AT_ONCE)

    assert (first.exit_code, second.exit_code) == (ExitCode.DONE, ExitCode.DONE)
    assert len(troubled.workspace.faults.injected) == len(PASSING)
    assert whole(troubled)


def test_an_outage_in_the_middle_is_outlasted(deployment: Deployment) -> None:
    asked = count()

    def seconds_by_calls() -> float:
        return float(next(asked))

    def say(step: str) -> None:
        if step.startswith("Reading"):
            deployment.workspace.faults.outage(10, monotonic=seconds_by_calls)

    outcome = deployment.sync(retries=PATIENT_AT_ONCE, say=say)

    assert outcome.exit_code == ExitCode.DONE
    assert deployment.workspace.faults.injected.total() > 5
    assert whole(deployment)


@pytest.mark.parametrize("kind", nightly_except([kind for kind in PASSING if kind != "slow"], 503))
def test_a_fault_that_does_not_pass_ends_the_run_and_a_later_one_goes_on(synced: Deployment, kind: Kind) -> None:
    before = synced.members()
    synced.workspace.live(days=1, silent=0)

    synced.workspace.faults.at_rate(1.0, (kind,), delay_seconds=0.001)
    with pytest.raises(Unavailable, match="later"):
        synced.sync()
    after_failure = synced.members()
    synced.workspace.faults.clear()
    outcome = synced.sync(full=True)

    assert after_failure == before
    assert outcome.exit_code == ExitCode.DONE
    assert whole(synced)


def test_fields_added_removed_retyped_and_nulled_end_no_run_and_are_told(synced: Deployment) -> None:
    workspace = synced.workspace

    workspace.encoding.change_fields(
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


@pytest.mark.nightly
def test_a_retyped_field_blocks_no_later_run(synced: Deployment) -> None:
    synced.workspace.encoding.change_fields(retype={"created_at": str, "has_hard_bounced": str, "tags": str})
    synced.sync(full=True)

    synced.workspace.live(days=1, silent=0)
    outcome = synced.sync(full=True)

    assert outcome.exit_code == ExitCode.DONE
    assert synced.members() == synced.workspace.pairs()


@pytest.mark.nightly
@pytest.mark.parametrize("moment", [2_303_683_200, -1_104_537_600], ids=["2043", "1935"])
def test_a_contact_of_another_age_syncs_and_changes_of_others_still_arrive(deployment: Deployment, moment: int) -> None:
    odd = deployment.workspace.sign_up(created_at=moment, updated_at=moment)
    deployment.sync()

    deployment.workspace.advance(days=1)
    changed = min(deployment.workspace.contacts)
    deployment.workspace.update(changed, name="Changed Later")
    deployment.sync()

    rows = dict(deployment.query("select id, updated_at from intercom_raw.contacts where id in (?, ?)", odd, changed))
    assert rows == {key: deployment.workspace.contacts[key].attributes["updated_at"] for key in (odd, changed)}


@pytest.mark.nightly
@pytest.mark.parametrize("form", ["object", "null", "url", "absent"])
def test_the_last_page_may_say_so_in_any_form(deployment: Deployment, form: NextPageStyle) -> None:
    deployment.workspace.next_page_style = form
    deployment.workspace.make_segment("All of them", Everyone())

    deployment.sync()

    assert whole(deployment)


@pytest.mark.nightly
def test_contacts_that_search_shows_late_arrive_with_a_later_run(make_deployment: Callable[..., Deployment]) -> None:
    deployment = make_deployment(index_lag=600)
    deployment.workspace.advance(minutes=30)
    deployment.sync()
    for _ in range(3):
        deployment.workspace.sign_up()
        deployment.workspace.advance(minutes=4)

    deployment.sync()
    deployment.workspace.advance(minutes=15)
    deployment.sync()

    assert whole(deployment)


@pytest.mark.nightly
def test_merged_and_archived_contacts_leave_and_the_unarchived_come_back(synced: Deployment) -> None:
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


@pytest.mark.nightly
def test_odd_contacts_arrive_like_the_others(deployment: Deployment) -> None:
    odd = add_odd_contacts(deployment.workspace, crowd=320)

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert whole(deployment)
    names = {deployment.workspace.contacts[key].attributes["name"].replace("\0", "\ufffd") for key in odd["names"]}
    loaded = "select name from intercom.contacts where list_contains(?, contact_id)"
    assert {name for (name,) in deployment.query(loaded, odd["names"])} == names
    attributes = "select custom_attributes from intercom.contacts where contact_id = ?"
    ((kept,),) = deployment.query(attributes, odd["attributes"][0])
    assert {**json.loads(kept), **COLLIDING} == json.loads(kept)
