"""Warehouses whose raw tables a test fills itself."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.destinations.sql_client import SqlClientBase

from ...support.snapshots import copied
from .raw_tables import BuiltAfter, Warehouse

MEMBERS = "select workspace_id, segment_id, contact_id from intercom.current_segment_members"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlClientBase[Any]]:
    """One database in memory for all tests: the fixture `warehouse` clears it."""
    pipeline = dlt.pipeline(
        pipeline_name="models",
        pipelines_dir=str(tmp_path_factory.mktemp("pipelines")),
        destination=dlt.destinations.duckdb(duckdb.connect()),
        dataset_name="intercom_raw",
    )
    with pipeline.sql_client() as opened:
        opened.execute_sql("set threads = 1")  # the tests have a process for each core
        yield opened


@pytest.fixture
def warehouse(client: SqlClientBase[Any]) -> Warehouse:
    for schema in ("intercom", "intercom_build", "intercom_raw"):
        client.execute_sql(f"drop schema if exists {schema} cascade")
    client.execute_sql("set TimeZone = 'UTC'")
    empty = Warehouse(client)
    empty.create()
    return empty


@pytest.fixture
def built_after(tmp_path: Path) -> Iterator[BuiltAfter]:
    """Copies a warehouse with all models of what a function loads: a build takes most of the time of a test."""
    with ExitStack() as opened:

        def built(fill: Callable[[Warehouse], None]) -> Warehouse:
            name = f"built after {fill.__module__} {fill.__name__}"
            folder = copied(name, lambda made: _build_once(fill, made), tmp_path / "built")
            warehouse = opened.enter_context(_opened(folder))
            warehouse.load = 1
            for workspace, segment, contact in warehouse.rows(MEMBERS):
                warehouse.members.setdefault((workspace, segment), set()).add(contact)
            return warehouse

        yield built


def _build_once(fill: Callable[[Warehouse], None], folder: Path) -> None:
    folder.mkdir()
    with _opened(folder) as warehouse:
        warehouse.create()
        fill(warehouse)
        warehouse.build()


@contextmanager
def _opened(folder: Path) -> Iterator[Warehouse]:
    pipeline = dlt.pipeline(
        pipeline_name="models",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="intercom_raw",
    )
    with pipeline.sql_client() as client:
        client.execute_sql("set threads = 1")
        client.execute_sql("set TimeZone = 'UTC'")
        yield Warehouse(client)
