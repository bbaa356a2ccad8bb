"""Tickets: every table equals the workspace, in versions that send their state as text and as an object."""

from pathlib import Path

import pytest

from pipelines.errors import ExitCode

from ...support.desks import differences, marked, synced_support
from ...support.nightly import nightly


@pytest.mark.parametrize("version", nightly(["Preview", "2.11", "2.14", "2.16"], "2.11", "2.14", "2.16"))
def test_every_table_equals_the_workspace_through_days_of_churn(tmp_path: Path, version: str) -> None:
    deployment = synced_support(tmp_path / "data", "tickets", version=version)
    workspace = deployment.workspace
    assert differences(deployment) == {}

    for _ in range(2):
        workspace.live(days=1)
        workspace.live_support(30)
        workspace.advance(hours=1)
        assert deployment.sync().exit_code == ExitCode.DONE
        assert differences(deployment) == {}

    assert marked(deployment, "tickets") != set()


@pytest.mark.nightly
def test_a_state_and_nobody_are_the_same_in_all_versions(tmp_path: Path) -> None:
    query = "select id, ticket_state, ticket_state_internal_label, admin_assignee_id from intercom_raw.tickets"
    found = {}
    for version in ("Preview", "2.11"):
        deployment = synced_support(tmp_path / version, "tickets", version=version)
        resolved = list(deployment.workspace.desk.tickets)[-1]
        deployment.workspace.advance(hours=1)
        deployment.workspace.desk.move(resolved, "resolved", int(deployment.workspace.now().timestamp()))
        deployment.sync(only=["tickets"])
        found[version] = sorted(deployment.query(query))

    assert found["Preview"] == found["2.11"]
    assert (resolved, "resolved", "Resolved (internal)", None) in found["Preview"]


def test_parts_that_intercom_no_longer_sends_stay(tmp_path: Path) -> None:
    deployment = synced_support(tmp_path / "data", "tickets", tickets=2)
    desk, now = deployment.workspace.desk, int(deployment.workspace.now().timestamp())
    ticket = next(iter(desk.tickets))
    for second in range(501):
        desk.comment(ticket, now + second)

    deployment.sync(only=["tickets"])

    query = "select count(*) from intercom_raw.ticket_parts where ticket_id = ? and not is_deleted"
    assert deployment.query(query, ticket) == [(501,)]
    assert len(desk.parts[ticket]) == 502  # the first one had been loaded before; the second one was never sent


def test_a_run_without_changes_makes_three_calls(tmp_path: Path) -> None:
    deployment = synced_support(tmp_path / "data", "tickets")

    outcome = deployment.sync(only=["tickets"])

    assert deployment.workspace.calls == {"me": 1, "tickets search": 3}
    assert outcome.list_rows == 0
