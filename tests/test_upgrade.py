"""The promise to who upgrades: a warehouse of any release before opens, goes on, and loses no row of its history."""

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
"""What a spell's end does not alter."""

Row = tuple[Any, ...]


pytestmark = pytest.mark.xdist_group("upgrade")  # one upgrade, which most of them look at


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def archive(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def kept(archive: Path, tmp_path: Path) -> Deployment:
    """A release's warehouse as it was left, and the workspace of that moment."""
    return unpacked(archive, tmp_path)


@pytest.fixture(scope="module")
def upgraded(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Deployment, Deployment]:
    """A release's warehouse as it was left, and after the next day's sync by this release."""
    deployment = unpacked(archive, tmp_path_factory.mktemp("upgraded"))
    pass_a_day(deployment.workspace, day_of_the_upgrade)
    deployment.sync()
    return unpacked(archive, tmp_path_factory.mktemp("kept")), deployment


def unpacked(archive: Path, folder: Path) -> Deployment:
    subprocess.run(["tar", "--extract", "--gzip", "--file", archive, "--directory", folder], check=True)
    return Deployment(folder / "data", workspace_of_then())


def workspace_of_then() -> Workspace:
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


def test_a_warehouse_of_this_release_is_kept() -> None:
    assert RELEASE in [path.name.removesuffix(".tar.gz") for path in ARCHIVES]


def test_the_sandbox_still_has_the_workspace_that_was_synced(kept: Deployment) -> None:
    assert kept.members() == kept.workspace.pairs()


def test_a_sync_goes_on_where_the_release_before_left_off(kept: Deployment) -> None:
    known = rows(kept, "intercom_raw.contacts", "id")
    pass_a_day(kept.workspace, day_of_the_upgrade)

    outcome = kept.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert outcome.warnings == ()
    assert 0 < outcome.contacts_read < len(known)
    assert kept.members() == kept.workspace.pairs()
    present = rows(kept, "intercom.contacts", "contact_id", "not is_deleted")
    assert present == {(repr(contact_id),) for contact_id in kept.workspace.contacts}


@pytest.mark.parametrize("log", LOGS)
def test_an_upgrade_alters_no_row_of_a_log(upgraded: tuple[Deployment, Deployment], log: str) -> None:
    assert lost(upgraded, f"intercom_raw.{log}") == set()


def test_an_upgrade_alters_no_spell_that_had_ended_and_no_beginning(upgraded: tuple[Deployment, Deployment]) -> None:
    assert lost(upgraded, "intercom.segment_memberships", condition="not is_current") == set()
    assert lost(upgraded, "intercom.segment_memberships", ENTRY) == set()


@pytest.mark.parametrize("mart", ["segment_membership_events", "segment_membership_snapshots", "segment_daily"])
def test_an_upgrade_alters_no_day_that_was_told(upgraded: tuple[Deployment, Deployment], mart: str) -> None:
    assert lost(upgraded, f"intercom.{mart}") == set()


def lost(
    upgraded: tuple[Deployment, Deployment], table: str, chosen: str | None = None, condition: str = "true"
) -> set[Row]:
    """Rows of before that are not there any more, in the columns of before: a later release may add some."""
    kept, deployment = upgraded
    chosen = chosen or columns(kept, table)
    before = rows(kept, table, chosen, condition)
    assert before
    return before - rows(deployment, table, chosen)


def test_models_builds_the_same_history_from_what_was_loaded(kept: Deployment) -> None:
    table = "intercom.segment_memberships"
    then = columns(kept, table)
    before = rows(kept, table, then)

    with kept.warehouse.held():
        build_models(kept.warehouse.pipeline(kept.name))
        kept.warehouse.publish(published_marts(kept.warehouse.dialect), lambda _: None)

    assert rows(kept, table, then) == before


def test_a_warehouse_of_a_newer_release_is_left_as_it_is(kept: Deployment) -> None:
    with duckdb.connect(str(kept.warehouse.file)) as connection:
        connection.execute("insert into intercom_raw._releases values ('99.0.0', ?)", [FORMAT + 1])
    before = contents(kept)

    with pytest.raises(Misconfigured, match=r"written by release 99\.0\.0.*Install 99\.0\.0 or a newer"):
        kept.sync()

    assert contents(kept) == before


def contents(deployment: Deployment) -> dict[Path, str]:
    """Every file but the journal, which tells of runs that were refused, too."""
    files = (path for path in deployment.folder.rglob("*") if path.is_file())
    return {path: sha256(path.read_bytes()).hexdigest() for path in files if path.name not in ("runs.jsonl", "lock")}
