"""API versions: with either date rule of Intercom's search the warehouse equals the workspace."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from zoneinfo import ZoneInfo

import pytest

from pipelines.errors import ExitCode

from ...support.deployments import Deployment

CLOCKS_CHANGE = {
    "spring": datetime(2026, 3, 8, 10, 0, tzinfo=UTC),  # 2 o'clock in Los Angeles
    "autumn": datetime(2026, 11, 1, 9, 0, tzinfo=UTC),
}
STEP = timedelta(hours=4)
SECOND = timedelta(seconds=1)


def risky_times(begin: datetime, end: datetime, timezone: str, change: datetime) -> Iterator[datetime]:
    """Times of a window at which a rule about days could fail, in order."""
    local = begin.astimezone(ZoneInfo(timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
    midnights = [local + timedelta(days=days) for days in (0, 1, 2)]
    midnights += [begin.replace(hour=0, minute=0, second=0) + timedelta(days=days) for days in (0, 1)]
    around = {time.astimezone(UTC) + late for time in (*midnights, change) for late in (-SECOND, 0 * SECOND, SECOND)}
    yield from sorted(time for time in around | {begin + STEP / 3, begin + STEP / 2} if begin < time <= end)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("version", "timezone", "season"),
    [  # 2.14 and 2.16 follow one rule, so they share the seasons
        ("2.14", "America/Los_Angeles", "spring"),
        ("2.14", "Asia/Kolkata", "autumn"),
        ("2.16", "America/Los_Angeles", "autumn"),
        ("Preview", "America/Los_Angeles", "autumn"),
        ("Preview", "Asia/Kolkata", "spring"),
    ],
)
def test_six_syncs_four_hours_apart_equal_the_workspace_each_time(
    make_deployment: Callable[..., Deployment], version: str, timezone: str, season: str
) -> None:
    change = CLOCKS_CHANGE[season]
    deployment = make_deployment(contacts=30, segments=2, timezone=timezone, start=change - 3 * STEP)
    deployment.settings.api_version = version
    workspace, people = deployment.workspace, cycle(sorted(deployment.workspace.contacts))
    deployment.sync()

    for step in range(6):
        begin, end = workspace.now(), change + (step - 2) * STEP
        for time in risky_times(begin, end, timezone, change):
            workspace.advance(seconds=(time - workspace.now()).total_seconds())
            workspace.update(next(people), name=f"at {time:%H:%M:%S}")
            workspace.sign_up()
        workspace.advance(seconds=(end - workspace.now()).total_seconds())
        outcome = deployment.sync()

        truth = {(key, one.attributes["name"], one.attributes["updated_at"]) for key, one in workspace.contacts.items()}
        assert outcome.exit_code == ExitCode.DONE
        assert set(deployment.query("select id, name, updated_at from intercom_raw.contacts")) == truth
        assert deployment.members() == workspace.pairs()


@pytest.mark.nightly
def test_by_whole_days_only_the_last_two_days_are_read_again(make_deployment: Callable[..., Deployment]) -> None:
    deployment = make_deployment(contacts=500)
    deployment.settings.api_version = "2.14"
    deployment.sync()
    recently = deployment.workspace.now().timestamp() - 3 * 86_400

    deployment.workspace.advance(hours=1)
    outcome = deployment.sync()

    recent = [one for one in deployment.workspace.contacts.values() if one.attributes["updated_at"] > recently]
    assert 0 < outcome.contacts_read <= len(recent) < 50
