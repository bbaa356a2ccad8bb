"""The client of the warehouse that a run shares."""

from collections.abc import Callable

import pytest
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient

from pipelines.loading import client_of

from ...support.deployments import Deployment
from ...support.first_loads import large_deployment


def test_no_run_opens_its_client_while_it_is_open(
    make_deployment: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection of the outer block would be lost, and its file stay open."""
    opened = list[DuckDbSqlClient]()
    open_connection = DuckDbSqlClient.open_connection

    def open_once(client: DuckDbSqlClient) -> object:
        assert client._conn is None
        opened.append(client)
        return open_connection(client)

    monkeypatch.setattr(DuckDbSqlClient, "open_connection", open_once)
    deployment = large_deployment(make_deployment)

    deployment.sync()
    deployment.workspace.advance(days=1)
    deployment.sync(full=True)
    deployment.workspace.advance(days=1)
    deployment.job().preview()
    deployment.sync(only=["tags"])

    shared = [client for client in opened if opened.count(client) > 1]
    assert len(set(map(id, shared))) >= 4
    pipeline = deployment.warehouse.pipeline(deployment.name)
    assert client_of(pipeline) is client_of(pipeline)
