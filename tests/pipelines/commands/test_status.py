"""Claims about `status`: runs, freshness, drift, and days without an observation."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock
from rich.console import Console

from pipelines.commands.status import Days, SegmentStatus, Status, StatusQuery, WorkspaceStatus
from pipelines.commands.status.status import UnfinishedBackfill, Unloaded
from pipelines.display import show_status
from pipelines.errors import ExitCode, Misconfigured
from pipelines.folder import append_run, start_run
from sandbox.segments.rules import Everyone
from sources.intercom.api import Refused

from ...support.deployments import START, Deployment, Settled, lively_workspace

A_DAY = timedelta(days=1)
NOTHING_PENDING = Unloaded(packages=0, is_first_load_unfinished=False, backfills=())


def status_of(deployment: Deployment, *, later: timedelta = timedelta(), **options: Any) -> Status:
    return StatusQuery(deployment.warehouse, deployment.workspace.now() + later, **options).answer()


def only(found: Status) -> WorkspaceStatus:
    (one,) = found.workspaces
    return one


def shown(found: Status) -> str:
    written = StringIO()
    show_status(found, Console(file=written, width=80))
    return written.getvalue()


def refuse(deployment: Deployment) -> None:
    deployment.workspace.faults.status(401, times=None)
    with pytest.raises(Refused):
        deployment.sync()
    deployment.workspace.faults.clear()


@pytest.mark.nightly
def test_the_last_runs_are_shown_newest_first_failed_ones_too(deployment: Deployment) -> None:
    first = deployment.sync()
    refuse(deployment)

    one = only(status_of(deployment))

    runs = [asdict(run) for run in one.runs]
    assert [(run["outcome"], run["exit_code"], run["api_calls"]) for run in runs] == [
        ("refused", 3, 1),
        ("done", 0, first.api_calls),
    ]
    assert runs[1] == {
        "run_id": first.run_id,
        "command": "sync",
        "started_at": START + timedelta(seconds=1),
        "outcome": "done",
        "exit_code": 0,
        "api_calls": first.api_calls,
        "contacts_read": 300,
        "memberships_changed": first.joins,
        "seconds": 0,
        "problem": None,
    }
    assert "unauthorized" in runs[0]["problem"]
    assert (one.workspace, one.workspace_id, one.segments, one.members) == ("intercom", "sandbox", 10, first.members)


def test_no_more_than_five_runs_are_shown(deployment: Deployment) -> None:
    for number in range(7):
        run = start_run("intercom", "models", START + timedelta(hours=number))
        run.end(START + timedelta(hours=number), ExitCode.BUSY)
        deployment.warehouse.prepare()
        append_run(deployment.warehouse.journal, run)

    assert [run.started_at.hour for run in only(status_of(deployment)).runs] == [15, 14, 13, 12, 11]


@pytest.mark.parametrize(
    ("later", "max_age", "is_stale", "exit_code"),
    [
        pytest.param(timedelta(hours=26), timedelta(hours=26), False, ExitCode.DONE, marks=pytest.mark.nightly),
        (timedelta(hours=26, seconds=1), timedelta(hours=26), True, ExitCode.INCOMPLETE),
        pytest.param(timedelta(days=400), None, None, ExitCode.DONE, marks=pytest.mark.nightly),
    ],
)
def test_a_good_sync_older_than_max_age_is_stale_and_without_it_age_is_not_judged(
    settled: Settled, later: timedelta, max_age: timedelta | None, is_stale: bool | None, exit_code: ExitCode
) -> None:
    settled.sync()

    found = status_of(settled, later=later, max_age=max_age)

    one = only(found)
    assert (found.exit_code, one.is_stale, one.age_seconds) == (exit_code, is_stale, later.total_seconds())


@pytest.mark.nightly
def test_a_failed_sync_does_not_refresh_the_age_and_an_incomplete_one_does(settled: Settled) -> None:
    settled.workspace.advance(days=3)
    refuse(settled)
    after_failure = status_of(settled, max_age=A_DAY)
    settled.workspace.faults.half_page(settled.segments["Everyone"], times=None)
    outcome = settled.sync()

    after_incomplete = status_of(settled, max_age=A_DAY)

    assert (after_failure.exit_code, only(after_failure).is_stale) == (ExitCode.INCOMPLETE, True)
    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert (after_incomplete.exit_code, only(after_incomplete).is_stale) == (ExitCode.DONE, False)


def test_a_workspace_that_never_synced_well_is_stale(deployment: Deployment) -> None:
    refuse(deployment)

    found = status_of(deployment, max_age=timedelta(days=365))

    assert found.exit_code == ExitCode.INCOMPLETE
    assert (only(found).is_stale, only(found).age_seconds, only(found).segments) == (True, None, 0)
    assert "Nothing was published yet" in str(found.unread)
    assert "no sync has succeeded yet" in shown(found)


@pytest.mark.nightly
def test_all_workspaces_are_shown_together_and_one_of_them_on_request(
    make_deployment: Callable[..., Deployment],
) -> None:
    here, there = make_deployment(), make_deployment("acme", workspace_id="acme", contacts=100, segments=4)
    here.sync()
    there.sync()
    refuse(there)

    together, alone = status_of(here), status_of(here, workspace="acme")

    assert [(one.workspace, one.workspace_id, one.segments, len(one.runs)) for one in together.workspaces] == [
        ("acme", "acme", 4, 2),
        ("intercom", "sandbox", 10, 1),
    ]
    assert alone.workspaces == together.workspaces[:1]
    with pytest.raises(Misconfigured, match="acme, intercom"):
        status_of(here, workspace="unknown")


def test_days_without_a_successful_sync_are_shown_but_not_today(settled: Settled) -> None:
    settled.workspace.advance(days=2)
    refuse(settled)
    settled.workspace.advance(days=2)
    settled.sync()
    settled.workspace.advance(days=1)
    settled.sync()

    assert only(status_of(settled)).days_missing == (Days(date(2026, 3, 3), date(2026, 3, 5)),)
    assert only(status_of(settled, later=A_DAY)).days_missing == (Days(date(2026, 3, 3), date(2026, 3, 5)),)
    assert only(status_of(settled, later=3 * A_DAY)).days_missing == (
        Days(date(2026, 3, 3), date(2026, 3, 5)),
        Days(date(2026, 3, 8), date(2026, 3, 9)),
    )


@pytest.mark.nightly
def test_an_incomplete_segment_is_shown_with_its_problem_and_its_days(settled: Settled) -> None:
    everyone = settled.segments["Everyone"]
    for _ in range(2):
        settled.workspace.advance(days=1)
        settled.workspace.faults.half_page(everyone, times=None)
        settled.sync()
    while_it_lasts = only(status_of(settled)).segments_worth_a_look
    settled.workspace.faults.clear()
    settled.workspace.advance(days=1)
    settled.sync()

    afterwards = only(status_of(settled)).segments_worth_a_look

    days = (Days(date(2026, 3, 3), date(2026, 3, 4)),)
    assert [(one.name, one.problem, one.days_missing) for one in while_it_lasts] == [
        ("Everyone", "does_not_add_up", days)
    ]
    assert afterwards == (
        SegmentStatus(
            segment_id=everyone,
            name="Everyone",
            is_deleted=False,
            member_count=300,
            reported_count=300,
            last_complete_scan_at=settled.workspace.now(),
            problem=None,
            days_missing=days,
        ),
    )


@pytest.mark.nightly
def test_a_deleted_segment_misses_no_day_after_its_end(settled: Settled) -> None:
    settled.workspace.advance(days=1)
    settled.workspace.delete_segment(settled.segments["Trial"])
    settled.sync()
    settled.workspace.advance(days=1)
    settled.sync()

    one = only(status_of(settled))

    assert (one.segments, one.segments_worth_a_look) == (6, ())


def test_a_segment_with_another_count_in_intercom_has_drifted(settled: Settled) -> None:
    settled.workspace.reported_count = lambda size: size + 7 if size == 60 else size
    settled.workspace.advance(days=1)
    settled.sync()

    (crowd,) = only(status_of(settled)).segments_worth_a_look

    assert (crowd.name, crowd.member_count, crowd.reported_count, crowd.has_drifted) == ("Crowd", 60, 67, True)
    assert "Crowd: 60 members, Intercom counts 67; swept 2026-03-03" in shown(status_of(settled))


def test_nothing_needs_attention_after_a_good_sync(settled: Settled) -> None:
    settled.sync()

    one = only(status_of(settled, max_age=A_DAY))

    assert (one.segments_worth_a_look, one.days_missing, one.unloaded) == ((), (), NOTHING_PENDING)


def test_before_the_first_run_it_advises_to_sync(deployment: Deployment) -> None:
    with pytest.raises(Misconfigured, match="sync first"):
        status_of(deployment)


def test_a_copy_of_another_release_is_reported_and_the_runs_are_still_shown(settled: Settled) -> None:
    with duckdb.connect(str(settled.warehouse.published)) as connection:
        connection.execute("alter table intercom.segments drop column problem")

    found = status_of(settled)

    assert "another release" in str(found.unread)
    assert only(found).runs[0].outcome == "done"
    assert found.exit_code == ExitCode.DONE


def test_a_copy_that_is_not_a_database_is_reported(settled: Settled) -> None:
    settled.warehouse.published.write_text("a user's notes")

    assert "cannot be read" in str(status_of(settled).unread)


def test_it_does_not_wait_for_the_lock_and_writes_nothing(settled: Settled) -> None:
    before = {path: path.stat().st_mtime_ns for path in settled.folder.rglob("*")}

    with FileLock(settled.folder / "lock"), duckdb.connect(str(settled.warehouse.file)):
        found = status_of(settled)

    assert only(found).segments == 7
    ours = {path: path.stat().st_mtime_ns for path in settled.folder.rglob("*") if path.name != "lock"}
    assert ours == {path: at for path, at in before.items() if path.name != "lock"}


def describe_holder(folder: Path, pid: int) -> None:
    holder = {"pid": pid, "command": "sync --full", "workspace": "intercom", "since": "2026-03-02T09:30:00+00:00"}
    (folder / "lock.holder").write_text(json.dumps(holder))


def test_the_holder_of_the_lock_is_shown(settled: Settled) -> None:
    describe_holder(settled.folder, os.getpid())

    with FileLock(settled.folder / "lock"):
        text = shown(status_of(settled))

    assert f"running    sync --full of intercom, process {os.getpid()}, since 2026-03-02 09:30 UTC" in text


def test_a_killed_run_is_shown(settled: Settled) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    describe_holder(settled.folder, process.pid)

    found = status_of(settled)

    assert found.holder
    assert not found.holder.is_alive
    assert "it did not end properly" in " ".join(shown(found).split())


def test_an_unreadable_holder_is_ignored(settled: Settled) -> None:
    (settled.folder / "lock.holder").write_text("{")

    assert status_of(settled).holder is None


def test_a_run_without_an_end_is_shown_as_not_ended(settled: Settled) -> None:
    append_run(settled.warehouse.journal, start_run("intercom", "sync", settled.workspace.now()))

    found = status_of(settled)

    assert (only(found).runs[0].outcome, only(found).runs[0].seconds) == (None, None)
    assert "not ended" in shown(found)


def test_unknown_keys_of_a_journal_line_are_ignored(settled: Settled) -> None:
    (line,) = settled.warehouse.journal.read_text().splitlines()
    later = json.loads(line) | {"mood": "good", "command": "dream"}
    settled.warehouse.journal.write_text(f"{line}\n{json.dumps(later)}\n{line[:40]}\n")

    assert [run.command for run in only(status_of(settled)).runs] == ["dream", "sync"]


@pytest.mark.nightly
def test_pending_packages_are_shown_until_they_are_loaded(settled: Settled) -> None:
    def interrupt(step: str) -> None:
        if step == "Loading":
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        settled.sync(say=interrupt)
    interrupted = status_of(settled)
    settled.sync()

    assert only(interrupted).unloaded.packages == 1
    assert "the next sync loads what was read" in " ".join(shown(interrupted).split())
    assert only(status_of(settled)).unloaded == NOTHING_PENDING


def test_an_unfinished_backfill_is_shown(settled: Settled) -> None:
    since, until = (int(datetime(2026, month, 1, tzinfo=UTC).timestamp()) for month in (1, 2))
    key = f"created_at {since} {until} {7 * 86_400}"
    file = settled.warehouse.working_folder("intercom") / "state.json"
    state = json.loads(file.read_text())
    state["sources"]["intercom"]["backfills"] = {key: 2, "of a later release": {"done": 1}}
    file.write_text(json.dumps(state))

    backfills = only(status_of(settled)).unloaded.backfills

    assert backfills == (
        UnfinishedBackfill(key, "contacts by created_at from 2026-01-01 to 2026-02-01: 2 of 5 chunks loaded"),
        UnfinishedBackfill("of a later release", "of a later release: {'done': 1}"),
    )


@pytest.mark.nightly
def test_no_line_is_wider_than_80_columns(settled: Settled) -> None:
    settled.workspace.make_segment("A segment whose name [bold]alone[/bold] takes " + "much " * 20 + "room", Everyone())
    settled.workspace.reported_count = lambda size: size + 1_000_000
    for days in (1, 3, 1):
        settled.workspace.advance(days=days)
        settled.workspace.faults.half_page(settled.segments["Everyone"], times=None)
        settled.sync()
    refuse(settled)
    describe_holder(settled.folder, os.getpid())

    with FileLock(settled.folder / "lock"):
        text = shown(status_of(settled, later=40 * A_DAY, max_age=A_DAY))

    assert max(map(len, text.splitlines())) <= 80
    assert "[bold]alone[/bold]" in text
    for name in ("intercom", "problem", "stale", "incomplete", "drift", "unobserved", "running", "published"):
        assert f"\n{name}" in f"\n{text}"


@pytest.mark.nightly
def test_only_the_first_segments_are_shown_and_json_has_all(deployment: Deployment) -> None:
    deployment.workspace.reported_count = lambda size: size + 1
    deployment.sync()

    found = status_of(deployment)

    assert len(only(found).segments_worth_a_look) == 10
    assert "and 2 more: --json prints all" in shown(found)


def test_lists_that_were_refused_or_incomplete_are_shown_with_the_reason(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "data", lively_workspace(contacts=12), resources=("tags", "articles"))
    deployment.workspace.lists["articles"].is_refused = True
    deployment.sync()
    refused = only(status_of(deployment))
    deployment.workspace.lists["articles"].is_refused = False
    deployment.sync()
    settled = status_of(deployment)

    assert [(one.table_name, one.status) for one in refused.lists_worth_a_look] == [("articles", "refused")]
    assert (only(settled).lists, only(settled).lists_worth_a_look) == (2, ())
    assert ", 2 lists" in shown(settled)
