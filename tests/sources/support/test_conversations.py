"""Conversations: every table equals the workspace, calls are few, and nothing is deleted without proof."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ExitCode
from sandbox.api import day_of
from sources.intercom.catalog import BY_NAME

from ...support.deployments import Deployment
from ...support.desks import differences, marked, support_deployment, synced_support
from ...support.nightly import nightly

TABLES = {table.table for table in BY_NAME["conversations"].tables}


def last_read(deployment: Deployment, name: str = "conversations") -> tuple[Any, ...]:
    query = "select how, status, problem from intercom_raw.list_reads where table_name = ? order by observed_at"
    return deployment.query(query, name)[-1]


def cursors(deployment: Deployment) -> list[int]:
    rows = deployment.query("select cursor from intercom_raw.list_reads order by observed_at")
    return [cursor for (cursor,) in rows]


VERSIONS = [("Preview", False), ("2.14", True), ("2.14", False), ("Preview", True), ("2.7", False)]


@pytest.mark.parametrize(("version", "by_day"), nightly(VERSIONS, *VERSIONS[1:]))
def test_every_table_equals_the_workspace_through_days_of_churn(tmp_path: Path, version: str, by_day: bool) -> None:
    deployment = synced_support(tmp_path / "data", "conversation_parts", version=version)
    workspace = deployment.workspace
    workspace.desk.day = day_of("America/Los_Angeles") if by_day else None
    assert differences(deployment) == {}

    for _ in range(3):
        workspace.live(days=1)
        workspace.live_support(25)
        workspace.advance(hours=1)
        assert deployment.sync().exit_code == ExitCode.DONE
        assert differences(deployment, silent=False) == {}

    assert marked(deployment, "conversations") == workspace.desk.deleted.keys() & marked(deployment, "conversations")
    assert len(marked(deployment, "conversations")) > 1
    assert workspace.desk.silent
    workspace.advance(days=8)
    assert deployment.sync().exit_code == ExitCode.DONE
    assert differences(deployment) == {}


@pytest.mark.parametrize(("version", "calls"), nightly([("Preview", 4), ("2.14", 3)], ("2.14", 3)))
def test_a_run_without_changes_makes_a_handful_of_calls(tmp_path: Path, version: str, calls: int) -> None:
    deployment = synced_support(tmp_path / "data", "conversations", version=version)

    outcome = deployment.sync(only=["conversations"])

    assert sum(deployment.workspace.calls.values()) == calls + 1  # and one for the workspace
    assert outcome.list_rows == 0
    assert last_read(deployment) == ("changes", "complete", None)


@pytest.mark.nightly
def test_silent_changes_of_younger_conversations_are_found_the_next_day(tmp_path: Path) -> None:
    deployment = synced_support(tmp_path / "data", "conversations")
    desk = deployment.workspace.desk
    youngest = list(desk.conversations)[-3:]
    for one in youngest:
        desk.rate(one, 1, int(deployment.workspace.now().timestamp()), silently=True)
    deployment.workspace.advance(days=1)

    deployment.sync()

    assert differences(deployment) == {}
    assert last_read(deployment)[0] == "recent"


@pytest.mark.nightly
def test_a_first_load_reads_windows_at_once_and_each_conversation_once(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", "conversations", conversations=2_600)

    deployment.sync()

    assert differences(deployment) == {}
    assert deployment.workspace.calls["conversations search"] <= 18 + 2 + 5  # 18 pages, the probe, and the windows


@pytest.mark.nightly
def test_a_search_that_is_not_in_order_is_read_to_its_end_by_one_cursor(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", "conversations", conversations=2_600)
    deployment.workspace.desk.is_sorted = False

    assert deployment.sync().exit_code == ExitCode.DONE

    assert differences(deployment) == {}


@pytest.mark.nightly
def test_pages_that_are_too_large_for_intercom_come_in_smaller_ones(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", "conversations")
    deployment.workspace.desk.heaviest = 20

    assert deployment.sync().exit_code == ExitCode.DONE

    assert differences(deployment) == {}


@pytest.mark.parametrize("full", nightly([False, True], True))
def test_a_short_page_deletes_nothing_and_the_next_run_reads_again(tmp_path: Path, full: bool) -> None:
    deployment = synced_support(tmp_path / "data", "conversations", version="2.14")
    workspace = deployment.workspace
    workspace.advance(hours=2)
    workspace.live_support(20)
    workspace.desk.short += [1, 1, *[3] * 20]

    outcome = deployment.sync(only=["conversations"], full=full)

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert outcome.lists == {"conversations": "incomplete"}
    assert "more than it sent" in last_read(deployment)[2]
    assert marked(deployment, "conversations") == set()
    assert cursors(deployment)[0] == cursors(deployment)[1]
    workspace.desk.short.clear()
    workspace.advance(days=1)
    assert deployment.sync(only=["conversations"]).exit_code == ExitCode.DONE
    assert differences(deployment, silent=False) == {}


def test_a_conversation_that_search_does_not_find_is_looked_up_before_it_is_marked(tmp_path: Path) -> None:
    deployment = synced_support(tmp_path / "data", "conversations", version="2.14")
    desk = deployment.workspace.desk
    hidden, deleted = list(desk.conversations)[:2]
    desk.hidden.add(hidden)
    desk.delete(deleted, 1)

    outcome = deployment.sync(only=["conversations"], full=True)

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert "1 records that are still there" in last_read(deployment)[2]
    assert marked(deployment, "conversations") == {deleted}
    desk.hidden.clear()
    assert deployment.sync(only=["conversations"], full=True).exit_code == ExitCode.DONE
    assert differences(deployment) == {}


@pytest.mark.nightly
def test_a_search_that_fails_for_good_leaves_all_else_loaded(tmp_path: Path) -> None:
    deployment = synced_support(tmp_path / "data", "conversations", "tags")
    deployment.workspace.faults.status(502, times=40, path_prefix="/conversations/search")
    deployment.workspace.live_support(10)

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert outcome.lists == {"tags": "complete", "conversations": "incomplete"}
    deployment.workspace.faults.clear()
    assert deployment.sync().exit_code == ExitCode.DONE
    assert differences(deployment, silent=False) == {}


def test_a_refused_search_is_a_note_that_names_its_scope(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", "conversations")
    deployment.workspace.desk.is_refused = True

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert any("conversations (scope Read conversations)" in note for note in outcome.notes)
    there = "select 1 from information_schema.tables where table_schema = 'intercom_raw' and table_name = ?"
    assert deployment.query(there, "conversations") == []


def test_a_deletion_on_an_incomplete_list_of_deleted_ones_counts_later(tmp_path: Path) -> None:
    deployment = synced_support(tmp_path / "data", "conversations")
    workspace = deployment.workspace
    deleted = next(iter(workspace.desk.conversations))
    workspace.desk.delete(deleted, int(workspace.now().timestamp()))
    workspace.faults.status(502, times=9, path_prefix="/conversations/deleted")

    assert deployment.sync(only=["conversations"]).exit_code == ExitCode.INCOMPLETE

    assert marked(deployment, "conversations") == set()
    workspace.faults.clear()
    assert deployment.sync(only=["conversations"]).exit_code == ExitCode.DONE
    assert marked(deployment, "conversations") == {deleted}
