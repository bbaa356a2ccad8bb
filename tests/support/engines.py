"""Engines that build marts from exported raw tables, and how their marts are compared with the warehouse's."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb

from pipelines.destinations import DESTINATIONS, MARTS, Dialect, destination_named
from pipelines.lake import RunFolders, StatementFailed

DUCKDB: Dialect = destination_named(next(iter(DESTINATIONS))).dialect


class InMemory:
    """DuckDB without a file."""

    dialect = DUCKDB

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("set TimeZone = 'UTC'")

    def create_schema(self, schema: str) -> None:
        self.execute(f'create schema "{schema}"')

    def show(self, schema: str, name: str, folder: Path) -> None:
        self.execute(f'create view "{schema}"."{name}" as select * from {parquet(folder)}')

    def write(self, schema: str, name: str, select: str, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.execute(f"copy ({select}) to '{folder}/rows.parquet'")
        self.show(schema, name, folder)

    def create_view(self, schema: str, name: str, select: str) -> None:
        self.execute(f'create view "{schema}"."{name}" as {select}')

    def first(self, query: str) -> Mapping[str, Any] | None:
        found = self.execute(query)
        row = found.fetchone()
        return dict(zip([column[0] for column in found.description], row, strict=True)) if row else None

    def execute(self, statement: str) -> duckdb.DuckDBPyConnection:
        try:
            return self.connection.execute(statement)
        except duckdb.Error as error:
            raise StatementFailed(type(error).__name__) from error


def parquet(folder: Path) -> str:
    """The rows of a table. DuckDB would take the name of the run's folder for a column."""
    return f"read_parquet('{folder}/*.parquet', hive_partitioning = false)"


def unequal_marts(published: Path, marts: Path) -> dict[str, str]:
    """The marts whose rows differ between the published copy and the run that readers see, and how."""
    return unequal_in_run(published, RunFolders(marts, kept=2).current)


def unequal_in_run(published: Path, run: Path, left_out: Collection[str] = ()) -> dict[str, str]:
    with duckdb.connect(str(published), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        rows = connection.execute(
            "select table_name from information_schema.tables where table_schema = ?", [MARTS]
        ).fetchall()
        names = {name for (name,) in rows}.difference(left_out)
        assert names == {folder.name for folder in run.iterdir()}.difference(left_out)
        compared = ((name, _difference(connection, name, run / name)) for name in sorted(names))
        return {name: difference for name, difference in compared if difference}


def _difference(connection: duckdb.DuckDBPyConnection, mart: str, folder: Path) -> str:
    types = {column[0]: column[1] for column in connection.execute(f"describe {MARTS}.{mart}").fetchall()}
    there = [column[0] for column in connection.execute(f"describe select * from {parquet(folder)}").fetchall()]
    if there != list(types):
        return f"columns {there}"
    # JSON is text in Parquet; other types may be narrower
    cast = ", ".join(f'"{name}"::{kind.replace("JSON", "text")} as "{name}"' for name, kind in types.items())
    ours, theirs = f"select {cast} from {MARTS}.{mart}", f"select {cast} from {parquet(folder)}"
    missing, more = (
        connection.execute(f"select count(*) from (({one}) except all ({other}))").fetchall()[0][0]
        for one, other in ((ours, theirs), (theirs, ours))
    )
    return f"{missing} rows missing, {more} rows more" if missing or more else ""
