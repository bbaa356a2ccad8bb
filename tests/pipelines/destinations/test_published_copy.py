"""The published copy without raw tables: the same marts, and nothing else."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.destinations import Warehouse
from pipelines.destinations.duckdb import DuckDB
from pipelines.models import published_marts
from pipelines.models.definitions import load_models
from pipelines.models.published import published_models
from sandbox.world import Workspace

from ...support.deployments import START, Deployment, lively_workspace, standing_still
from ...support.personal_data import found_in
from ...support.terminal import Terminal

pytestmark = pytest.mark.xdist_group("publish")  # most of them read one pair of copies
MARTS = [model.name for model in load_models() if model.layer == "marts"]
BESIDE = ["int_days", "int_joiners", "int_memberships", "int_scans", "int_segment_days", "int_segment_watch"]
"""What is needed by the marts that stay views and do not read marts alone."""
DESCRIBED = """
select table_name as name, comment from duckdb_tables() where schema_name in ('intercom', 'intercom_build')
union all select view_name, comment from duckdb_views() where schema_name in ('intercom', 'intercom_build')
union all select concat(table_name, '.', column_name, ' ', data_type), comment from duckdb_columns()
where schema_name in ('intercom', 'intercom_build')
"""


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory, _project_config: None) -> tuple[Path, Path]:
    """Two copies of one warehouse after some days: with everything, and with the marts alone."""
    workspace = Workspace(contacts=300, segments=10, start=START, monotonic=standing_still)
    lists = ("contact_companies", "contact_tags", "companies")
    deployment = Deployment(tmp_path_factory.mktemp("published") / "data", workspace, resources=lists)
    deployment.settings.track_attributes = ["role"]
    for _ in range(3):
        workspace.delete(min(workspace.contacts))
        workspace.live(days=1, churn=0.05)
        workspace.live_lists(20)
        deployment.sync()
    whole = deployment.warehouse.published.rename(deployment.folder / "whole.duckdb")
    publish_marts_alone(deployment)
    with deployment.warehouse.held():
        deployment.warehouse.publish(published_marts(deployment.warehouse.dialect), lambda step: None)
    return whole, deployment.warehouse.published


@pytest.fixture
def sharing_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system whose files can share blocks."""
    make = shutil.which("mkfs.btrfs")
    if os.name != "posix" or os.geteuid() or not make:
        pytest.skip("needs root and btrfs-progs, to make a file system")
    image, folder = tmp_path / "image", tmp_path / "mounted"
    folder.mkdir()
    image.touch()
    os.truncate(image, 512 << 20)
    subprocess.run([make, "--quiet", str(image)], check=True, capture_output=True)
    mounted = subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("this system mounts no btrfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def publish_marts_alone(deployment: Deployment) -> None:
    deployment.warehouse = Warehouse(deployment.folder, DuckDB(deployment.folder, publish_raw=False))


def rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return sorted(connection.execute(query).fetchall(), key=repr)


@pytest.mark.nightly
@pytest.mark.parametrize("mart", MARTS)
def test_every_mart_has_the_same_rows_in_both_copies(copies: tuple[Path, Path], mart: str) -> None:
    whole, marts_alone = (rows(copy, f"select * from intercom.{mart}") for copy in copies)

    assert marts_alone == whole != []


def test_every_mart_column_and_description_is_the_same_in_both_copies(copies: tuple[Path, Path]) -> None:
    whole, marts_alone = (dict(rows(copy, DESCRIBED)) for copy in copies)

    assert set(MARTS) < marts_alone.keys()
    assert marts_alone == {name: whole[name] for name in marts_alone}
    assert None not in marts_alone.values()


def test_nothing_loaded_is_in_the_copy_of_the_marts(copies: tuple[Path, Path]) -> None:
    names = "select schema_name, table_name from duckdb_tables() where not internal union all "
    views = "select schema_name, view_name from duckdb_views() where not internal"

    of_lists = ("companies", "company_attributes", "company_segments", "company_tags")
    relations = [
        *(("intercom", name) for name in (*MARTS, *of_lists)),
        *(("intercom_build", name) for name in BESIDE),
    ]
    assert rows(copies[1], names + views) == sorted(relations)


def test_a_view_that_would_be_a_huge_table_stays_a_view(copies: tuple[Path, Path]) -> None:
    views = "select view_name from duckdb_views() where not internal"

    assert ("segment_membership_snapshots",) in rows(copies[1], views)
    assert ("contacts",) not in rows(copies[1], views)


def test_the_copy_of_the_marts_is_in_the_format_that_older_clients_open(copies: tuple[Path, Path]) -> None:
    whole, marts_alone = (copy.read_bytes()[:4096] for copy in copies)

    assert marts_alone[8:20] == whole[8:20]  # the magic bytes and the version of the format


@pytest.mark.nightly
def test_a_reader_that_has_the_old_copy_open_keeps_it(deployment: Deployment) -> None:
    publish_marts_alone(deployment)
    deployment.sync()
    count = "select count(*) from intercom.contacts"
    with duckdb.connect(str(deployment.warehouse.published), read_only=True) as reader:
        deployment.workspace.sign_up()
        deployment.sync()

        assert reader.execute(count).fetchall() == [(300,)]
    assert deployment.query(count) == [(301,)]


@pytest.mark.nightly
def test_what_a_killed_run_had_copied_is_overwritten(deployment: Deployment) -> None:
    publish_marts_alone(deployment)
    deployment.sync()
    for name in ("published.next", "published.next.wal"):
        (deployment.folder / name).write_text("torn-canary")

    deployment.workspace.sign_up()
    deployment.sync()

    assert deployment.query("select count(*) from intercom.contacts") == [(301,)]
    assert found_in(deployment.folder, ["torn-canary"]) == {}


def test_each_model_comes_after_those_it_reads() -> None:
    seen = set[str]()

    for model in published_models(load_models()):
        assert model.materialized == "table" or model.reads <= seen
        seen.add(model.name)


@pytest.mark.nightly
def test_the_setting_decides(terminal: Terminal) -> None:
    ended = terminal.run("sync", WAREHOUSE__PUBLISH_RAW="false")

    assert ended.exit_code == 0, ended.errors
    raw = "select 1 from duckdb_tables() where schema_name = 'intercom_raw'"
    assert rows(terminal.folder / "published.duckdb", raw) == []


def test_memory_is_bounded_also_before_dlt_has_opened_the_database(make_deployment: Callable[..., Deployment]) -> None:
    deployment = make_deployment()
    with deployment.warehouse.held(), duckdb.connect(str(deployment.warehouse.file)) as connection:
        bounds = connection.execute(
            "select current_setting('memory_limit'), current_setting('preserve_insertion_order')"
        )

        assert bounds.fetchall() == [("476.8 MiB", False)]


def test_where_files_can_share_blocks_the_copy_takes_no_space(sharing_folder: Path) -> None:
    deployment = Deployment(sharing_folder / "data", lively_workspace(contacts=30, segments=2))
    deployment.sync()
    with duckdb.connect(str(deployment.warehouse.file)) as connection:
        connection.execute("create table intercom.filler as select hash(i) as number from range(4_000_000) as t(i)")
    size, before = deployment.warehouse.file.stat().st_size, used(sharing_folder)

    deployment.sync()

    assert used(sharing_folder) - before < size / 2
    assert rows(deployment.warehouse.published, "select count(*) from intercom.filler") == [(4_000_000,)]
    deployment.sync()
    newest = "select max(run_id) from intercom_raw.runs"
    with duckdb.connect(str(deployment.warehouse.file)) as connection:
        connection.execute("delete from intercom_raw.runs")
    assert rows(deployment.warehouse.published, newest) != [(None,)]


def used(folder: Path) -> int:
    """Bytes that the files on a file system take."""
    os.sync()
    return shutil.disk_usage(folder).used
