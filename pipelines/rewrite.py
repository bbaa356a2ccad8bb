"""A DuckDB file without what was once deleted from it: the file itself keeps that until its blocks are used again."""

from pathlib import Path

import duckdb

from .errors import WarehouseError
from .publish import log_of


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
