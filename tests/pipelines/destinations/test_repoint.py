"""Marts that readers reach through views, on a DuckDB file that is used as an engine without transactional DDL."""

import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from pipelines.destinations.duckdb import DuckDB
from pipelines.errors import ModelsFailed
from pipelines.models import build
from pipelines.models.definitions import SQL
from pipelines.settings import use_project_config

from ...soak.kills import PROCESSES, Death, reporting_steps
from ...support.deployments import Deployment
from ...support.nightly import nightly_except
from .sites import MARTS, plain_row

SERVED = "served"
DIALECT = replace(DuckDB.dialect, swap="repoint", builds_changes=False)


@pytest.fixture
def file(make_synced: Callable[..., Deployment], tmp_path: Path) -> Path:
    """A warehouse after its first run, which also has marts in the schema `served`."""
    deployment = make_synced(contacts=60, segments=3)
    file = Path(shutil.copyfile(deployment.warehouse.file, tmp_path / "engine.duckdb"))
    rebuild(file)
    return file


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    """A copy of the project's SQL that a test may change."""
    return Path(shutil.copytree(SQL, tmp_path / "sql"))


def rebuild(file: Path, folder: Path = SQL) -> None:
    pipeline = dlt.pipeline(
        "engine",
        pipelines_dir=str(file.parent / "pipelines"),
        destination=dlt.destinations.duckdb(str(file)),
        dataset_name="intercom_raw",
    )
    with pipeline.sql_client() as client:
        build(client, DIALECT, raw="intercom_raw", marts=SERVED, folder=folder)


def ask(file: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file)) as connection:
        return connection.execute(query).fetchall()


def rows(file: Path, schema: str = SERVED) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all marts."""
    return {mart: sorted(map(plain_row, ask(file, f"select * from {schema}.{mart}")), key=repr) for mart in MARTS}


def builds(file: Path) -> list[str]:
    schemas = ask(file, f"select schema_name from information_schema.schemata where schema_name like '{SERVED}%'")
    return sorted(name for (name,) in schemas)


def test_each_mart_is_a_view_with_the_rows_that_replacing_tables_gives(file: Path) -> None:
    kinds = "select distinct table_type from information_schema.tables where table_schema = 'served'"

    assert rows(file) == rows(file, "intercom")
    assert ask(file, kinds) == [("VIEW",)]


def test_a_second_build_takes_the_place_of_the_first(file: Path) -> None:
    ask(file, "update intercom_raw.segments set name = 'Renamed'")
    names = "select distinct segment_name from served.segments"
    before = ask(file, names)

    rebuild(file)

    assert ask(file, names) == [("Renamed",)] != before
    assert builds(file) == ["served", "served_2", "served_2_build"]


@pytest.mark.nightly
def test_a_check_that_fails_leaves_the_marts_and_no_part_of_the_build(file: Path) -> None:
    before = rows(file)
    ask(file, "update intercom_raw.segment_scans set members = members + 1")

    with pytest.raises(ModelsFailed, match="members_after_a_scan_equal_the_log"):
        rebuild(file)

    assert rows(file)["segment_memberships"] == before["segment_memberships"]
    assert builds(file) == ["served", "served_1", "served_1_build"]


@pytest.mark.nightly
def test_a_mart_that_is_no_longer_built_is_gone_and_views_of_others_stay(file: Path, sql: Path) -> None:
    ask(file, "create view served.of_an_analyst as select 1 as one")
    ask(file, "create schema served_2024")
    ask(file, "create table served_2024.kept as select 1 as one")
    (sql / "marts" / "analysis" / "segment_overlap.sql").unlink()

    rebuild(file, sql)

    views = {name for (name,) in ask(file, "select view_name from duckdb_views() where schema_name = 'served'")}
    assert views == {"of_an_analyst", *MARTS} - {"segment_overlap"}
    assert ask(file, "select one from served_2024.kept") == [(1,)]


@pytest.mark.parametrize("function", nightly_except(["execute_many", "_repoint"], "_repoint"))
@pytest.mark.nightly
def test_a_killed_build_leaves_the_old_marts_and_the_next_one_removes_what_it_left(file: Path, function: str) -> None:
    before = rows(file)
    process = PROCESSES.Process(target=die_building, args=(file, Death(rf"^function \S*{function}$")))
    process.start()
    process.join()

    shown, left = rows(file), builds(file)
    rebuild(file)

    assert process.exitcode == -signal.SIGKILL
    assert shown == before
    assert "served_2" in left
    assert builds(file) == ["served", "served_3", "served_3_build"]


def die_building(file: Path, death: Death) -> None:
    use_project_config()
    reporting_steps(death)("Building the models")
    rebuild(file)
