"""A data folder that was used and has no loaded tables any more is a loss: no run starts again by itself."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pipelines.destinations import Warehouse
from pipelines.destinations.duckdb import DuckDB
from pipelines.errors import ExitCode, Misconfigured

from ...support.deployments import Deployment
from ...support.nightly import nightly_except


def drop_raw(deployment: Deployment) -> None:
    with duckdb.connect(str(deployment.warehouse.file)) as connection:
        connection.execute("drop schema intercom_raw cascade")


def empty_raw(deployment: Deployment) -> None:
    with duckdb.connect(str(deployment.warehouse.file)) as connection:
        for (table,) in connection.execute(
            "select table_name from information_schema.tables where table_schema = 'intercom_raw'"
        ).fetchall():
            connection.execute(f"delete from intercom_raw.{table}")


def empty_raw_but_for_dlts_tables(deployment: Deployment) -> None:
    with duckdb.connect(str(deployment.warehouse.file)) as connection:
        for table in ("contacts", "membership_changes", "segment_scans"):
            connection.execute(f"delete from intercom_raw.{table}")


LOSSES: dict[str, Callable[[Deployment], None]] = {
    "the file is deleted": lambda deployment: deployment.warehouse.file.unlink(),
    "the schema is dropped": drop_raw,
    "the tables are emptied": empty_raw,
    "the tables are emptied, and dlt's are not": empty_raw_but_for_dlts_tables,
}


def kept_files(deployment: Deployment) -> dict[str, bytes]:
    names = ("warehouse.duckdb", "published.duckdb")
    return {name: (deployment.folder / name).read_bytes() for name in names if (deployment.folder / name).exists()}


@pytest.mark.parametrize("evidence", ["runs.jsonl", "published.duckdb", "pipelines"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_warehouse_is_told_and_nothing_is_overwritten(synced: Deployment, loss: str, evidence: str) -> None:
    LOSSES[loss](synced)
    for name in {"runs.jsonl", "published.duckdb", "pipelines"} - {evidence}:
        path = synced.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    files = kept_files(synced)

    for _ in range(2):
        with pytest.raises(Misconfigured, match="sync --accept-loss"):
            synced.sync()

    assert kept_files(synced) == files


@pytest.mark.nightly
def test_the_published_copy_is_the_way_back(synced: Deployment) -> None:
    synced.workspace.live(days=1)
    synced.sync()
    before = synced.ended()
    synced.warehouse.file.unlink()
    with pytest.raises(Misconfigured, match=r"Copy published\.duckdb to warehouse\.duckdb"):
        synced.sync()

    shutil.copy(synced.warehouse.published, synced.warehouse.file)
    outcome = synced.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert synced.ended() == before != []
    assert synced.members() == synced.workspace.pairs()


@pytest.mark.nightly
def test_a_published_copy_of_marts_alone_is_not_offered_and_not_taken_for_new(synced: Deployment) -> None:
    synced.warehouse = Warehouse(synced.folder, DuckDB(synced.folder, publish_raw=False))
    synced.workspace.live(days=1)
    synced.sync()
    published = synced.warehouse.published.read_bytes()

    synced.warehouse.file.unlink()
    with pytest.raises(Misconfigured, match=r"Restore warehouse\.duckdb from a backup"):
        synced.sync()
    shutil.copy(synced.warehouse.published, synced.warehouse.file)
    with pytest.raises(Misconfigured, match=r"Restore warehouse\.duckdb from a backup"):
        synced.sync()

    assert synced.warehouse.published.read_bytes() == published


@pytest.mark.parametrize("loss", nightly_except(LOSSES, "the file is deleted"))
def test_a_loss_that_is_accepted_begins_anew(synced: Deployment, loss: str) -> None:
    LOSSES[loss](synced)

    outcome = synced.sync(accept_loss=True)
    again = synced.sync()

    assert outcome.exit_code == again.exit_code == ExitCode.DONE
    assert synced.members() == synced.workspace.pairs()
    assert synced.query("select distinct enter_reason from intercom.segment_memberships") == [("baseline",)]


@pytest.mark.nightly
def test_a_new_folder_and_a_workspace_without_contacts_are_no_loss(make_deployment: Callable[..., Deployment]) -> None:
    deployment = make_deployment(contacts=0, segments=0)

    assert [deployment.sync(accept_shrink=True).exit_code for _ in range(2)] == [ExitCode.DONE, ExitCode.DONE]


@pytest.mark.nightly
def test_a_second_workspace_in_a_used_folder_is_no_loss(synced: Deployment, tmp_path: Path) -> None:
    second = Deployment(synced.folder, Deployment(tmp_path, synced.workspace).workspace, "second")

    assert second.sync().exit_code == ExitCode.DONE
