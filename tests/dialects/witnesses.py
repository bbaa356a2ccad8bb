"""Engines that run in this process, as witnesses: what transpiles without a warning may still mean something else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import chdb.session
import datafusion
import fakesnow
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.destinations import Dialect
from pipelines.lake import StatementFailed

from ..support.engines import parquet


class DataFusion:
    """Apache DataFusion, with PostgreSQL's dialect. It has no functions for JSON, so it gets one for lists."""

    dialect = Dialect(
        "postgres", swap="repoint", text_types=frozenset(("Utf8View",)), list_ids="unnest(ids_of_list({column}))"
    )

    def __init__(self) -> None:
        self._context = datafusion.SessionContext(datafusion.SessionConfig({"datafusion.execution.time_zone": "UTC"}))
        ids = datafusion.udf(_ids_of_lists, [pa.string()], pa.list_(pa.string()), "immutable", "ids_of_list")
        self._context.register_udf(ids)

    def create_schema(self, schema: str) -> None:
        self._run(f'create schema "{schema}"')

    def show(self, schema: str, name: str, folder: Path) -> None:
        self._run(f'create external table "{schema}"."{name}" stored as parquet location \'{folder}/\'')

    def write(self, schema: str, name: str, select: str, folder: Path) -> None:
        folder.mkdir(parents=True)
        pq.write_table(self._run(select), folder / "rows.parquet")
        self.show(schema, name, folder)

    def create_view(self, schema: str, name: str, select: str) -> None:
        self._run(f'create view "{schema}"."{name}" as {select}')

    def first(self, query: str) -> Mapping[str, Any] | None:
        rows = self._run(query).to_pylist()
        return rows[0] if rows else None

    def _run(self, statement: str) -> pa.Table:
        try:
            return self._context.sql(statement).to_arrow_table()
        except Exception as error:  # DataFusion raises no class of its own
            raise StatementFailed(str(error)) from error


def _ids_of_lists(lists: pa.Array) -> pa.Array:
    """The ids in each of Intercom's lists, which are JSON."""
    parsed = (json.loads(text) if text else {} for text in lists.to_pylist())
    return pa.array([[one["id"] for one in value.get("data", ())] for value in parsed], pa.list_(pa.string()))


class ClickHouse:
    """chDB: ClickHouse as a library."""

    dialect = Dialect(
        "clickhouse",
        swap="repoint",
        text_types=frozenset(("String",)),
        qualifies_names=True,
        list_ids="arrayJoin(JSONExtract(coalesce({column}, ''), 'data', 'Array(Tuple(id String))').id)",
    )
    settings: ClassVar = {
        "join_use_nulls": 1,  # else a left join gives '' and 0
        "prefer_column_name_to_alias": 1,  # else `b as a, a as b` gives b twice
        "data_type_default_nullable": 1,
        "schema_inference_make_columns_nullable": 1,
        "session_timezone": "UTC",
    }

    def __init__(self) -> None:
        self._session = chdb.session.Session()
        for name, value in self.settings.items():
            self._run(f"set {name} = {value!r}")

    def create_schema(self, schema: str) -> None:
        self._run(f'create database "{schema}"')

    def show(self, schema: str, name: str, folder: Path) -> None:
        self._run(f'create view "{schema}"."{name}" as select * from file(\'{folder}/*.parquet\', Parquet)')

    def write(self, schema: str, name: str, select: str, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._run(f"insert into function file('{folder}/rows.parquet', Parquet) {select}")
        self.show(schema, name, folder)

    def create_view(self, schema: str, name: str, select: str) -> None:
        self._run(f'create view "{schema}"."{name}" as {select}')

    def first(self, query: str) -> Mapping[str, Any] | None:
        rows = self._run(query).splitlines()
        found: dict[str, Any] | None = json.loads(rows[0]) if rows else None
        return found

    def _run(self, statement: str) -> str:
        try:
            return str(self._session.query(statement, "JSONEachRow"))
        except Exception as error:  # chDB raises RuntimeError and others
            raise StatementFailed(str(error)) from error


class Snowflake:
    """fakesnow: Snowflake's dialect, translated to DuckDB. Weak evidence, since it is not Snowflake's own engine."""

    dialect = Dialect(
        "snowflake",
        swap="repoint",
        text_types=frozenset(("TEXT",)),
        list_ids="unnest(json_extract_string({column}, '$.data[*].id'))",
    )

    def __init__(self) -> None:
        self._connection = fakesnow.instance.FakeSnow().connect(database="snowflake", schema="public")
        self._duckdb = self._connection._duck_conn

    def create_schema(self, schema: str) -> None:
        self._run(f'create schema "{schema}"')

    def show(self, schema: str, name: str, folder: Path) -> None:
        self._duckdb.execute(f'create view "{schema}"."{name}" as select * from {parquet(folder)}')

    def write(self, schema: str, name: str, select: str, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._run(f'create table "{schema}"."{name}" as {select}')
        columns = [column[0] for column in self._duckdb.execute(f'describe "{schema}"."{name}"').fetchall()]
        lower = ", ".join(f'"{column}" as "{column.lower()}"' for column in columns)
        self._duckdb.execute(f'copy (select {lower} from "{schema}"."{name}") to \'{folder}/rows.parquet\'')

    def create_view(self, schema: str, name: str, select: str) -> None:
        self._run(f'create view "{schema}"."{name}" as {select}')

    def first(self, query: str) -> Mapping[str, Any] | None:
        cursor = self._run(query)
        row = cursor.fetchone()
        return dict(zip([column[0].lower() for column in cursor.description], row, strict=True)) if row else None

    def _run(self, statement: str) -> Any:
        try:
            return self._connection.cursor().execute(statement)
        except Exception as error:  # those of the connector, of DuckDB and of SQLGlot
            raise StatementFailed(str(error)) from error
