"""Warehouses whose raw tables a test fills itself."""

from collections.abc import Iterator
from typing import Any

import dlt
import duckdb
import pytest
from dlt.destinations.sql_client import SqlClientBase

from .raw_tables import Warehouse


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
