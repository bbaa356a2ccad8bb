"""Marts that are built from exported raw tables equal the warehouse's, and replace older ones only when checks hold."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.commands import LakeBuild, RawExport
from pipelines.destinations import Warehouse
from pipelines.destinations.duckdb import DuckDB
from pipelines.errors import ExitCode, Misconfigured, ModelsFailed, NothingToRead
from pipelines.folder import LockRequest
from pipelines.lake import RunFolders, build_marts
from pipelines.models import Build, load_checks, published_marts

from ...support.deployments import Deployment, lively_workspace
from ...support.engines import InMemory, unequal_marts
from ...support.snapshots import copied
from ...support.terminal import Terminal


@pytest.fixture
def exported(tmp_path: Path) -> Deployment:
    """Two synced days of a workspace with lists; their raw tables are in the folder `raw`."""

    def live(folder: Path) -> None:
        deployment = Deployment(folder, lively_workspace(contacts=60, segments=4), resources=("tags", "companies"))
        for _ in range(2):
            deployment.workspace.live(days=1, churn=0.2)
            deployment.sync()

    folder = copied("two days with lists", live, tmp_path / "data")
    deployment = Deployment(folder, lively_workspace(contacts=60, segments=4), resources=("tags", "companies"))
    RawExport(deployment.warehouse, tmp_path / "raw", kept=2).run()
    return deployment


def build(folder: Path) -> Build:
    raw, marts = RunFolders(folder / "raw", kept=2), RunFolders(folder / "marts", kept=2)
    with marts.new_run(LockRequest()) as run:
        built = build_marts(InMemory(), raw.current, run, schema="built")
        marts.point_to(run)
    return built


def test_all_marts_are_equal_and_all_checks_run(exported: Deployment, tmp_path: Path) -> None:
    built = build(tmp_path)

    assert unequal_marts(exported.warehouse.published, tmp_path / "marts") == {}
    assert {check.name for check in load_checks()} <= built.seconds_by_file.keys()
    assert {"contact_attributes", "company_attributes", "tags"} <= set(built.models)


@pytest.mark.nightly
def test_marts_that_contradict_themselves_are_not_shown(exported: Deployment, tmp_path: Path) -> None:
    build(tmp_path)
    before = RunFolders(tmp_path / "marts", kept=2).current
    file = RunFolders(tmp_path / "raw", kept=2).current / "segments" / "rows.parquet"
    pq.write_table(pq.read_table(file).slice(0, 0), file)

    with pytest.raises(ModelsFailed, match="every_membership_has_its_segment") as failed:
        build(tmp_path)

    assert failed.value.exit_code == ExitCode.MODELS_FAILED
    assert RunFolders(tmp_path / "marts", kept=2).current == before
    assert unequal_marts(exported.warehouse.published, tmp_path / "marts") == {}


def test_a_model_that_fails_is_named(exported: Deployment, tmp_path: Path) -> None:
    shutil.rmtree(RunFolders(tmp_path / "raw", kept=2).current / "segment_scans")

    with pytest.raises(ModelsFailed, match=r"The model stg_segment_scans could not be built: CatalogException"):
        build(tmp_path)


def test_raw_tables_are_exported_with_all_their_rows(exported: Deployment, tmp_path: Path) -> None:
    files = RawExport(exported.warehouse, tmp_path / "raw", kept=2).run().files

    assert len(list((tmp_path / "raw").glob("run=*"))) == 2
    assert {"contacts", "membership_changes", "_contact_attributes"} < {one.mart for one in files}
    for one in files:
        assert exported.query(f"select count(*) from intercom_raw.{one.mart}") == [(one.rows,)]
        assert pq.read_table(Path(one.file) / "rows.parquet").num_rows == one.rows


def test_a_copy_without_raw_tables_is_refused_with_the_setting(synced: Deployment, tmp_path: Path) -> None:
    warehouse = Warehouse(synced.folder, DuckDB(synced.folder, publish_raw=False))
    with warehouse.held():
        warehouse.publish(published_marts(warehouse.dialect), say=lambda _: None)

    with pytest.raises(NothingToRead, match="publish_raw = true"):
        RawExport(warehouse, tmp_path / "raw", kept=2).run()

    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("address", ["http://host", "yarn", "spark://", "sc://host:15002", "local[x]"])
def test_an_address_that_is_not_sparks_is_refused(exported: Deployment, tmp_path: Path, address: str) -> None:
    job = LakeBuild(address=address, raw=tmp_path / "raw", marts=tmp_path / "marts", kept=2)

    with pytest.raises(Misconfigured, match="spark://HOST:PORT"):
        job.run()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("models", "--engine", "local[*]"), "--engine, --raw and --marts go together"),
        (("models", "--engine", "local[*]", "--raw", "raw", "--marts", "marts", "--select", "segments"), "leave out"),
        (("models", "--engine", "local[*]", "--raw", "raw", "--marts", "marts"), "export --raw"),
        (("export", "raw", "--raw", "--format", "csv"), "Leave out --select and --format"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_written(
    terminal: Terminal, arguments: tuple[str, ...], sentence: str
) -> None:
    ended = terminal.run(*arguments)

    assert ended.exit_code == ExitCode.USAGE
    assert ended.is_one_paragraph
    assert sentence in " ".join(ended.errors.split())
    assert not terminal.folder.exists()
