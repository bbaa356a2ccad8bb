"""The copy of the DuckDB file that readers open: all of it, or the marts alone.

It is written beside the last one and takes its place in one step: who has the old copy open keeps it.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from ..errors import WarehouseError


def publish_all(file: Path, published: Path) -> None:
    """Copies the file as it is."""
    with duckdb.connect(str(file)) as connection:
        connection.execute("checkpoint")
    with replaced(published) as copy:
        shutil.copyfile(file, copy)


@dataclass(frozen=True)
class PublishedMart:
    """A relation of the copy. A table takes its rows from the warehouse; a view has its `select`."""

    name: str
    materialized: Literal["table", "view"]
    select: str
    comments: tuple[str, ...]


def publish_marts(
    file: Path, published: Path, relations: Iterable[PublishedMart], *, marts: str, storage_version: str
) -> None:
    """Copies the marts and nothing else: no loaded table, and no view that could show one.

    A view on loaded tables becomes a table. A view on other models stays one, with the tables that it reads beside it.
    """
    with replaced(published) as copy, duckdb.connect(str(file)) as connection:
        source = _one(connection, "select current_database()")
        address = str(copy).replace("'", "''")
        connection.execute(f"attach '{address}' as copy (storage_version '{storage_version}')")
        connection.execute(f'use copy; create schema "{marts}"')
        for relation in relations:
            name = f'"{marts}"."{relation.name}"'
            rows = f'select * from "{source}".{name}' if relation.materialized == "table" else relation.select  # noqa: S608 (our own names)
            connection.execute(f"create {relation.materialized} {name} as {rows}")
            for comment in relation.comments:
                connection.execute(comment)
        connection.execute(f'use "{source}"; checkpoint copy; detach copy')


@contextmanager
def replaced(file: Path) -> Iterator[Path]:
    """A place to write the successor of a file, which it replaces in one step when the block is done."""
    drop_successor(file)
    yield _successor(file)
    _successor(file).replace(file)


def drop_successor(file: Path) -> None:
    """Deletes what a killed run had written and not put in the file's place."""
    for leftover in (_successor(file), log_of(_successor(file))):
        leftover.unlink(missing_ok=True)


def log_of(file: Path) -> Path:
    """Where DuckDB writes what is not in the file yet."""
    return file.with_name(f"{file.name}.wal")


def _successor(file: Path) -> Path:
    return file.with_suffix(".next")


def write_anew(file: Path, copy: Path, *, storage_version: str) -> None:
    """Writes all that is in a DuckDB file into a new one.

    Raises:
        WarehouseError: the new one is not equal to it.
    """
    with duckdb.connect(str(file)) as connection:
        source = _one(connection, "select current_database()")
        address = str(copy).replace("'", "''")
        connection.execute(f"attach '{address}' as copy (storage_version '{storage_version}')")
        connection.execute(f'copy from database "{source}" to copy')
        connection.execute("checkpoint copy")
        if _contents(connection, source) != _contents(connection, "copy"):
            raise WarehouseError(
                f"The new file made of {file.name} is not equal to it, so it was not used. The warehouse is whole: run "
                "the command again."
            )
        connection.execute("detach copy")


def check_closed(file: Path) -> None:
    """To be asked before a file is replaced: what is still in its log would be taken for its successor's.

    Raises:
        WarehouseError: something in this process still has it open.
    """
    if log_of(file).exists():
        raise WarehouseError(f"{file.name} could not be closed. The warehouse is whole: run the command again.")


def _contents(connection: duckdb.DuckDBPyConnection, database: str) -> dict[tuple[str, str], int]:
    """How many rows each table has, and how many columns each view."""
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ?", [database]
    ).fetchall()
    views = connection.execute(
        "select schema_name, view_name, column_count from duckdb_views() where database_name = ? and not internal",
        [database],
    ).fetchall()
    rows = {
        (schema, table): int(_one(connection, f'select count(*) from "{database}"."{schema}"."{table}"'))  # noqa: S608
        for schema, table in tables
    }
    return rows | {(schema, view): columns for schema, view, columns in views}


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    ((value,),) = connection.execute(query).fetchall()
    return str(value)
