"""Tracked attributes: each value of a contact with the times between which it held."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.commands.forget import Forget
from sandbox.segments import Attribute
from sources.intercom import intercom
from sources.intercom.api import SetupError

from ...support.deployments import Deployment, lively_workspace
from ...support.first_loads import CutOffAfter, large_deployment
from ...support.nightly import nightly

PLAN = "custom_attributes.plan"
TRACKED = (PLAN, "custom_attributes.monthly_spend", "custom_attributes.preferences", "owner_id", "role")
HISTORY = """
select contact_id, attribute, value, started_at, ended_at, started_after, ended_after, is_first, is_current
from intercom.contact_attribute_history
order by contact_id, attribute, started_at
"""
VALUES = "select contact_id, attribute, value from intercom.contact_attribute_history where is_current"
AT_ENTRY = """
select memberships.contact_id, history.value
from intercom.segment_memberships as memberships
left join intercom.contact_attribute_history as history
    on memberships.workspace_id = history.workspace_id
    and memberships.contact_id = history.contact_id
    and history.attribute = 'custom_attributes.plan'
    and history.started_at <= memberships.entered_at
    and (history.ended_at > memberships.entered_at or history.is_current)
where memberships.segment_name = ? and memberships.is_join
"""


def tracking(deployment: Deployment, *names: str) -> Deployment:
    deployment.settings.track_attributes = list(names)
    return deployment


def truth(deployment: Deployment) -> dict[tuple[str, str], str | None]:
    """The workspace's values now, as the log writes them."""
    return {
        (contact.id, name): text(contact.value(name))
        for contact in deployment.workspace.contacts.values()
        for name in deployment.settings.track_attributes or ()
    }


def text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return str(value)


def current(deployment: Deployment) -> dict[tuple[str, str], str | None]:
    present = deployment.workspace.contacts
    return {(contact_id, name): value for contact_id, name, value in deployment.query(VALUES) if contact_id in present}


def test_a_change_of_plan_is_two_spells_and_the_plan_at_entry_is_that_of_the_entry(
    make_deployment: Callable[..., Deployment],
) -> None:
    deployment = tracking(make_deployment(contacts=20, segments=0), PLAN)
    workspace = deployment.workspace
    workspace.make_segment("Trial", Attribute(PLAN, "=", "trial"))
    workspace.make_segment("Paying", Attribute(PLAN, "IN", ("pro", "team")))
    deployment.sync()
    workspace.advance(days=1)
    contact_id = workspace.sign_up(custom_attributes={"plan": "trial"})
    deployment.sync()
    trial_seen = workspace.now()
    workspace.advance(days=2)
    workspace.update(contact_id, custom_attributes={"plan": "pro"})
    deployment.sync()
    pro_seen = workspace.now()

    rows = [row[2:] for row in deployment.query(HISTORY) if row[0] == contact_id]

    assert [(value, at(started), at(ended)) for value, started, ended, *_ in rows] == [
        ("trial", trial_seen, pro_seen),
        ("pro", pro_seen, None),
    ]
    first, second = rows
    assert (first[3], first[5:]) == (None, (True, False))
    assert first[4] == second[3]
    assert trial_seen.timestamp() - 1000 < second[3].timestamp() < pro_seen.timestamp()
    assert second[4:] == (None, False, True)
    assert (contact_id, "trial") in deployment.query(AT_ENTRY, "Trial")
    assert (contact_id, "pro") in deployment.query(AT_ENTRY, "Paying")


def at(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


@pytest.mark.nightly
def test_a_run_without_a_change_logs_nothing_and_a_full_one_only_what_was_never_read(
    make_deployment: Callable[..., Deployment],
) -> None:
    deployment = make_deployment(contacts=30, segments=2)
    deployment.sync()
    tracking(deployment, *TRACKED)
    deployment.sync()
    assert len(current(deployment)) < 30 * len(TRACKED)

    deployment.sync(full=True)
    before = deployment.query(HISTORY)
    deployment.sync(full=True)

    assert current(deployment) == truth(deployment)
    assert deployment.query(HISTORY) == before
    assert deployment.query("select count(*) from intercom_raw.contact_attribute_changes") == [(len(before),)]


@pytest.mark.parametrize("seed", nightly([1, 2, 3], 2, 3))
def test_after_any_days_the_history_is_what_each_sync_could_see(tmp_path: Path, seed: int) -> None:
    deployment = Deployment(tmp_path / "data", lively_workspace(contacts=40, segments=3, seed=seed))
    tracking(deployment, *TRACKED)
    expected: dict[tuple[str, str], list[str | None]] = {}
    for day in range(4):
        deployment.workspace.live(days=1, churn=0.3)
        _ = deployment.load() if day < 3 else deployment.sync()
        for key, value in truth(deployment).items():
            if key not in expected or expected[key][-1] != value:
                expected.setdefault(key, []).append(value)

    found: dict[tuple[str, str], list[str | None]] = {}
    for contact_id, attribute, value, *_ in deployment.query(HISTORY):
        found.setdefault((contact_id, attribute), []).append(value)
    assert found == expected


@pytest.mark.nightly
def test_what_cannot_be_read_changes_nothing(make_deployment: Callable[..., Deployment]) -> None:
    deployment = tracking(make_deployment(contacts=30, segments=2), *TRACKED)
    deployment.sync()
    before = current(deployment)
    encoding, workspace = deployment.workspace.encoding, deployment.workspace

    encoding.change_fields(retype={"custom_attributes": lambda _: "none", "owner_id": lambda _: [1]})
    workspace.update(min(workspace.contacts), name="Changed")
    deployment.sync(full=True)

    assert current(deployment) == before


@pytest.mark.nightly
def test_a_large_first_load_that_is_cut_off_logs_every_value_once(make_deployment: Callable[..., Deployment]) -> None:
    deployment = tracking(large_deployment(make_deployment), PLAN, "owner_id")
    with pytest.raises(ExceptionGroup):
        deployment.sync(transport=CutOffAfter(deployment, 60))

    deployment.sync()

    assert current(deployment) == truth(deployment)
    assert deployment.query("select count(*) from intercom.contact_attribute_history where not is_first") == [(0,)]
    assert not deployment.sync().warnings


def test_hidden_values_are_not_logged_and_hashed_ones_as_hashes(make_deployment: Callable[..., Deployment]) -> None:
    deployment = tracking(make_deployment(contacts=10, segments=2), PLAN, "email")
    deployment.settings.hash_columns, deployment.settings.hash_key = [PLAN, "email"], "0123456789abcdef" * 4
    deployment.sync()

    values = {value for _, _, value in deployment.query(VALUES)}

    assert {len(value) for value in values if value is not None} == {64}


@pytest.mark.parametrize("name", ["custom_attributes", "custom_attributes.", "tags", "_extra", "id", "plan", "a.b"])
def test_what_cannot_be_tracked_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match=r"cannot be tracked. Choose from .*owner_id"):
        intercom(access_token="token", track_attributes=[name])


def test_what_is_left_out_cannot_be_tracked() -> None:
    with pytest.raises(SetupError, match="email is both in track_attributes and in exclude_columns"):
        intercom(access_token="token", track_attributes=["email"], exclude_columns=["email"])


def test_a_forgotten_contact_keeps_no_value(make_deployment: Callable[..., Deployment]) -> None:
    deployment = tracking(make_deployment(contacts=10, segments=2), PLAN, "email")
    deployment.sync()
    contact_id = min(deployment.workspace.contacts)

    rows = Forget(deployment.warehouse, contact_id=contact_id, clock=deployment.workspace.now).run().rows

    assert rows["contact_attribute_changes"] == 2
    forgotten = deployment.query(
        "select distinct value from intercom_raw.contact_attribute_changes where contact_id not in "
        f"(select unnest({sorted(deployment.workspace.contacts)}))"
    )
    assert forgotten == [(None,)]
