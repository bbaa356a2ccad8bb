"""After an upgrade, the warehouse of any earlier release opens, syncs, and keeps every row of its history."""

import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.destinations.format import FORMAT, RELEASE
from pipelines.errors import ExitCode, Misconfigured
from pipelines.models import published_marts
from pipelines.runs import build_models
from pipelines.settings import ROOT
from sandbox.world import Workspace

from .releases.life import DAYS, day_of_the_upgrade, pass_a_day, workspace_at_first
from .support.deployments import Deployment

ARCHIVES = sorted((ROOT / "tests" / "releases").glob("*.tar.gz"))
LOGS = ("membership_changes", "segment_scans", "contact_removals", "contact_activities", "segments", "runs")
ENTRY = "segment_id, contact_id, spell_number, entered_at, entered_after, entered_on, is_baseline, enter_reason"
"""The columns that the end of a spell does not change."""

Row = tuple[Any, ...]


pytestmark = pytest.mark.xdist_group("upgrade")  # most tests read the same upgrade


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def archive(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def archived(archive: Path, tmp_path: Path) -> Deployment:
    """A release's warehouse, and the workspace at its last sync."""
    return unpacked(archive, tmp_path)


@pytest.fixture(scope="module")
def upgraded(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Deployment, Deployment]:
    """A release's warehouse, and the same one after the next day's sync by this release."""
    deployment = unpacked(archive, tmp_path_factory.mktemp("upgraded"))
    pass_a_day(deployment.workspace, day_of_the_upgrade)
    deployment.sync()
    return unpacked(archive, tmp_path_factory.mktemp("archived")), deployment


def unpacked(archive: Path, folder: Path) -> Deployment:
    subprocess.run(["tar", "--extract", "--gzip", "--file", archive, "--directory", folder], check=True)
    return Deployment(folder / "data", workspace_at_the_end())


def workspace_at_the_end() -> Workspace:
    workspace = workspace_at_first()
    workspace.advance(seconds=1)
    for events in DAYS:
        pass_a_day(workspace, events)
        workspace.advance(seconds=1)
    return workspace


def rows(deployment: Deployment, table: str, columns: str = "*", condition: str = "true") -> set[Row]:
    return {tuple(map(repr, row)) for row in deployment.query(f"select {columns} from {table} where {condition}")}


def columns(deployment: Deployment, table: str) -> str:
    return ", ".join(
        row[0] for row in deployment.query("select column_name from (describe from query_table(?))", table)
    )


def test_this_release_has_an_archived_warehouse() -> None:
    assert RELEASE in [path.name.removesuffix(".tar.gz") for path in ARCHIVES]


def test_the_sandbox_still_generates_the_workspace_of_the_release(archived: Deployment) -> None:
    assert archived.members() == archived.workspace.pairs()


def test_a_sync_continues_where_the_earlier_release_stopped(archived: Deployment) -> None:
    known = rows(archived, "intercom_raw.contacts", "id")
    pass_a_day(archived.workspace, day_of_the_upgrade)

    outcome = archived.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert outcome.warnings == ()
    assert 0 < outcome.contacts_read < len(known)
    assert archived.members() == archived.workspace.pairs()
    present = rows(archived, "intercom.contacts", "contact_id", "not is_deleted")
    assert present == {(repr(contact_id),) for contact_id in archived.workspace.contacts}


@pytest.mark.parametrize("log", LOGS)
def test_an_upgrade_changes_no_row_of_a_log(upgraded: tuple[Deployment, Deployment], log: str) -> None:
    assert lost_rows(upgraded, f"intercom_raw.{log}") == set()


def test_an_upgrade_changes_no_ended_spell_and_no_entry(upgraded: tuple[Deployment, Deployment]) -> None:
    assert lost_rows(upgraded, "intercom.segment_memberships", condition="not is_current") == set()
    assert lost_rows(upgraded, "intercom.segment_memberships", ENTRY) == set()


@pytest.mark.parametrize("mart", ["segment_membership_events", "segment_membership_snapshots", "segment_daily"])
def test_an_upgrade_changes_no_reported_day(upgraded: tuple[Deployment, Deployment], mart: str) -> None:
    assert lost_rows(upgraded, f"intercom.{mart}") == set()


def lost_rows(
    upgraded: tuple[Deployment, Deployment], table: str, chosen: str | None = None, condition: str = "true"
) -> set[Row]:
    """Rows from before that are missing now, in the columns from before: a later release may add columns."""
    archived, deployment = upgraded
    chosen = chosen or columns(archived, table)
    before = rows(archived, table, chosen, condition)
    assert before
    return before - rows(deployment, table, chosen)


def test_models_rebuilds_the_same_history(archived: Deployment) -> None:
    table = "intercom.segment_memberships"
    then = columns(archived, table)
    before = rows(archived, table, then)

    with archived.warehouse.held():
        build_models(archived.warehouse.pipeline(archived.name))
        archived.warehouse.publish(published_marts(archived.warehouse.dialect), lambda _: None)

    assert rows(archived, table, then) == before


def test_a_sync_leaves_the_warehouse_of_a_newer_release_unchanged(archived: Deployment) -> None:
    with duckdb.connect(str(archived.warehouse.file)) as connection:
        connection.execute("insert into intercom_raw._releases values ('99.0.0', ?)", [FORMAT + 1])
    before = contents(archived)

    with pytest.raises(Misconfigured, match=r"written by release 99\.0\.0.*Install 99\.0\.0 or a newer"):
        archived.sync()

    assert contents(archived) == before


def contents(deployment: Deployment) -> dict[Path, str]:
    """The hash of every file except the journal, which also records refused runs, and the lock."""
    files = (path for path in deployment.folder.rglob("*") if path.is_file())
    return {path: sha256(path.read_bytes()).hexdigest() for path in files if path.name not in ("runs.jsonl", "lock")}
