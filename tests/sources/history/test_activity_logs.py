"""Activities of teammates: each is loaded once and stays, and a run asks for the time since the run before."""

from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.errors import ExitCode
from sources.intercom.history.periods import DAY_SECONDS, due
from sources.intercom.tables import PlannedList

from ...support.deployments import Deployment, after_contacts, after_lists
from ...support.lists import loaded, truth
from ...support.nightly import nightly_except

LOGS = "admin_activity_logs"


def deployed(folder: Path, *resources: str, version: str = "Preview") -> Deployment:
    return after_contacts(folder / "data", *resources, version=version)


def now(deployment: Deployment) -> int:
    return int(deployment.workspace.now().timestamp())


@pytest.mark.parametrize("version", nightly_except(["2.7", "2.11", "2.14", "2.16", "Preview"], "2.7", "Preview"))
def test_each_activity_is_loaded_in_each_version_and_later_runs_ask_for_the_new_ones_alone(
    tmp_path: Path, version: str
) -> None:
    deployment = deployed(tmp_path, LOGS, version=version)
    deployment.lists_only = False
    workspace = deployment.workspace
    assert deployment.sync().exit_code == ExitCode.DONE
    assert loaded(deployment, LOGS) == {LOGS: truth(workspace, LOGS)}
    assert workspace.calls[LOGS] == 400 // 5 + 1

    workspace.advance(days=1)
    for number in range(45):
        workspace.lists.add_activity(1_000 + number, now(deployment) - number * 60)
    deployment.sync()

    assert workspace.calls[LOGS] == 400 // 5 + 1 + 3
    assert loaded(deployment, LOGS) == {LOGS: truth(workspace, LOGS)}
    newest = "select how, status, changed from intercom_raw.list_reads order by observed_at desc limit 1"
    assert deployment.query(newest) == [("changes", "complete", 45)]
    deployment.sync()
    assert deployment.query(newest) == [("changes", "complete", 0)]


def test_an_activity_that_intercom_lists_no_more_stays(tmp_path: Path) -> None:
    deployment = after_lists(tmp_path / "data", LOGS)
    before = truth(deployment.workspace, LOGS)
    deployment.workspace.lists[LOGS].records[""].clear()

    outcome = deployment.sync(full=True)

    assert outcome.exit_code == ExitCode.DONE
    assert loaded(deployment, LOGS) == {LOGS: before}


def test_a_period_that_fails_leaves_the_others_loaded_and_the_next_run_reads_it(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, LOGS)
    workspace = deployment.workspace
    workspace.faults.status(500, times=150, path_prefix="/admins/activity_logs")

    outcome = deployment.sync()

    assert (outcome.exit_code, outcome.lists) == (ExitCode.INCOMPLETE, {LOGS: "incomplete"})
    workspace.faults.clear()
    assert deployment.sync().exit_code == ExitCode.DONE
    assert loaded(deployment, LOGS) == {LOGS: truth(workspace, LOGS)}


def test_a_refusal_is_a_note_with_the_scope(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, LOGS)
    deployment.workspace.lists[LOGS].is_refused = True

    outcome = deployment.sync()

    assert (outcome.exit_code, outcome.lists) == (ExitCode.DONE, {LOGS: "refused"})
    assert any("Read admins" in note for note in outcome.notes)


def test_a_plan_counts_the_periods(tmp_path: Path) -> None:
    periods = 81  # of five days: the workspace is 400 days old, and some seconds
    assert deployed(tmp_path / "before", LOGS).job().preview().lists == (PlannedList(LOGS, periods),)

    deployment = after_lists(tmp_path / "data", LOGS)
    deployment.workspace.advance(hours=1)

    assert deployment.job().preview().lists == (PlannedList(LOGS, 1),)


def test_periods_follow_each_other_without_a_gap_to_a_day_after_now() -> None:
    periods = list(due(100, 100 + 12 * DAY_SECONDS, 5))

    assert periods[0][0] == 100
    assert all(following[0] == one[1] + 1 for one, following in pairwise(periods))
    assert periods[-1][1] == 100 + 13 * DAY_SECONDS
    assert list(due(100, 100, 5)) == []
