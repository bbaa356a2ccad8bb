"""Ten days of a support team on a schedule: every table equals the workspace after each run, for few calls."""

from collections import Counter
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ExitCode
from sandbox.api import day_of
from sandbox.people import DAY_SECONDS

from ...soak.audit import check_contacts, check_keys
from ...support.deployments import Deployment
from ...support.desks import differences, support_deployment

SIZES: dict[str, Any] = {"contacts": 100, "conversations": 640, "tickets": 130}
CHANGES_A_DAY = 60
DAYS = 10
SEARCHED = {"conversations": "conversations search", "tickets": "tickets search"}
PAGES = {"conversations": 150, "tickets": 50}
WINDOW_SECONDS = 30 * DAY_SECONDS
"""How far back younger records are read again."""
DAY_AND_A_BIT = 2 * DAY_SECONDS
"""What changed is searched from here on at most: by days a search begins with the day before the last run."""


def now(deployment: Deployment) -> int:
    return int(deployment.workspace.now().timestamp())


def fewest_searches(deployment: Deployment, name: str, how: str) -> int:
    """The calls of one reading: two to learn how search compares times, and pages of what is asked for."""
    desk = deployment.workspace.desk
    records = (desk.conversations if name == "conversations" else desk.tickets).values()
    changed = [one for one in records if one["updated_at"] > now(deployment) - DAY_AND_A_BIT]
    younger = [one for one in records if one["created_at"] > now(deployment) - WINDOW_SECONDS]
    recent = {one["id"] for one in (*changed, *younger)}
    pages = {"changes": len(changed), "recent": len(recent), "whole": len(recent) + len(records)}
    return 3 + ceil(pages[how] / PAGES[name])


def fewest_lookups(deployment: Deployment, since: int) -> int:
    """One for each conversation that changed, and for each that search has no more."""
    desk = deployment.workspace.desk
    changed = [one for one in desk.conversations.values() if one["updated_at"] > since]
    return len(changed) + sum(at > since for at in desk.deleted.values())


def ways(deployment: Deployment) -> dict[str, str]:
    """How each list was read by the newest run."""
    newest = "select table_name, how from intercom_raw.list_reads order by observed_at"
    return dict(deployment.query(newest))


def check_calls(deployment: Deployment, made: Counter[str], since: int) -> None:
    """At most a twentieth, and ten, above the formulas."""
    how = ways(deployment)
    wanted = {call: fewest_searches(deployment, name, how[name]) for name, call in SEARCHED.items()}
    wanted["conversation"] = fewest_lookups(deployment, since)
    above = {call: (made[call], most) for call, most in wanted.items() if made[call] > 1.05 * most + 10}
    assert above == {}


@pytest.mark.nightly
@pytest.mark.parametrize(("version", "by_day"), [("Preview", False), ("2.14", True)])
def test_every_table_equals_the_workspace_through_ten_days(tmp_path: Path, version: str, by_day: bool) -> None:
    deployment = support_deployment(tmp_path / "data", "conversation_parts", "tickets", version=version, **SIZES)
    deployment.settings.parts_budget = 1_000_000
    workspace = deployment.workspace
    workspace.desk.day = day_of("America/Los_Angeles") if by_day else None
    since = 0
    for day in range(DAYS + 1):
        before = Counter(workspace.calls)
        outcome = deployment.sync()
        assert outcome.exit_code == ExitCode.DONE, (day, outcome.notes, outcome.incomplete)
        check_calls(deployment, Counter(workspace.calls) - before, since)
        assert differences(deployment, silent=False) == {}, day
        check_contacts(deployment, "updated_at")
        since = now(deployment)
        workspace.live(days=1)
        workspace.live_support(CHANGES_A_DAY)
        workspace.advance(hours=1)

    workspace.advance(days=8)
    assert set(deployment.sync().lists.values()) == {"complete"}
    assert differences(deployment) == {}
    check_keys(deployment)
