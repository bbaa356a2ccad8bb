"""The lists of a sandbox workspace as the warehouse's raw tables should hold them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb

from sandbox.lists import statistics_of
from sandbox.people import Json
from sandbox.world import Workspace
from sources.intercom.catalog import BY_NAME, TABLES, Nested, Resource, Table

from .deployments import Deployment

Row = tuple[Any, ...]


def truth(workspace: Workspace, name: str) -> set[Row]:
    """The rows of a table: the ids that it begins with, and then its columns."""
    table, resource = TABLES[name], BY_NAME[name]
    if name == "article_statistics":
        articles = workspace.lists["articles"].of().values()
        return {(one["id"], *_values(table, statistics_of(one))) for one in articles}
    found = workspace.lists[resource.table].all()
    return {row for parent, record in found for row in _rows(table, resource, parent, record)}


def loaded(deployment: Deployment, *names: str) -> dict[str, set[Row]]:
    """The rows of tables that are not marked as deleted, likewise. No key comes twice."""
    with duckdb.connect(str(deployment.warehouse.published), read_only=True) as connection:
        return {name: _loaded(connection, TABLES[name], BY_NAME[name]) for name in names}


def _loaded(connection: duckdb.DuckDBPyConnection, table: Table, resource: Resource) -> set[Row]:
    before = _before(table, resource)
    columns, key = ", ".join((*before, *table.columns)), ", ".join((*before, *table.key))
    doubled = f"select {key} from intercom_raw.{table.table} group by {key} having count(*) > 1"
    assert connection.execute(doubled).fetchall() == []
    rows = connection.execute(f"select {columns} from intercom_raw.{table.table} where not is_deleted").fetchall()
    kinds = ["text"] * len(before) + [column.kind for column in table.columns.values()]
    return {tuple(_plain(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in rows}


def _rows(table: Table, resource: Resource, parent: str, record: Json) -> Iterator[Row]:
    before = (parent,) if resource.parent else ()
    if not isinstance(table, Nested):
        yield (*before, *_values(table, record))
        return
    for nested in _nested(table, record):
        yield (*before, str(record["id"]), *_values(table, nested))


def _nested(table: Nested, record: Json) -> Iterator[Json]:
    inner: Any = record
    for part in table.within.split("."):
        inner = inner.get(part) or {}
    if table.keyed_by:
        yield from ({**text, table.keyed_by: name} for name, text in inner.items() if name != "type")
        return
    only = next(iter(table.columns))
    for one in inner or ():
        yield one if isinstance(one, dict) else {only: one}


def _values(table: Table, record: Json) -> Iterator[Any]:
    for name, column in table.columns.items():
        value: Any = record
        for part in (column.sent or name).split("."):
            value = value.get(part) if isinstance(value, dict) else None
        yield _plain(value, column.kind)


def _plain(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "json":
        return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True)
    if kind == "time" and isinstance(value, str):
        return int(datetime.fromisoformat(value).astimezone(UTC).timestamp())
    return str(value) if kind == "text" else value


def _before(table: Table, resource: Resource) -> tuple[str, ...]:
    of_parent = (resource.parent.column,) if resource.parent else ()
    return of_parent if table is resource else (*of_parent, resource.id_column)
