"""What the marts were built from, kept in their schema, so that a sync builds no more than what follows from a change.

For DuckDB only: PostgreSQL exchanges all marts at once, and so builds all of them.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

TABLE = "_built_from"
DESCRIPTION = (
    "What the tables and views of this schema were built from: the next sync builds what follows from a change."
)
COLUMNS = {
    "source": "A loaded table, or sql for the files in sql/.",
    "state": "Differs whenever what the source holds does.",
}
FILES = "sql"
"""The one source that is no loaded table."""

Mark = Mapping[str, str]
"""The state of each source, by its name. Two states differ if the source does."""


def current_mark(client: SqlClientBase[Any], *, raw: str, tables: Iterable[str], folder: Path) -> Mark:
    """The sources as they are now: the loaded tables and the files in `folder`."""
    return {FILES: _state_of_files(folder), **{table: _state_of_table(client, raw, table) for table in tables}}


def left_mark(client: SqlClientBase[Any], marts: str) -> Mark:
    """The sources as they were when the marts were built; empty if that is not known."""
    try:
        rows = client.execute_sql(f"select source, state from {_name(client, marts, TABLE)}")  # noqa: S608 (a constant)
    except DatabaseUndefinedRelation:
        return {}
    return {row[0]: row[1] for row in rows or ()}


def leave_mark(client: SqlClientBase[Any], marts: str, mark: Mark) -> None:
    """Notes what the marts are built from; to be called in the transaction that builds them."""
    table = _name(client, marts, TABLE)
    client.execute_sql(f"create or replace table {table} (source text, state text)")
    client.execute_sql(f"comment on table {table} is '{DESCRIPTION}'")
    for column, description in COLUMNS.items():
        client.execute_sql(f"comment on column {table}.{column} is '{description}'")
    for source, state in mark.items():
        client.execute_sql(f"insert into {table} values (%s, %s)", source, state)  # noqa: S608 (a constant)


def _state_of_files(folder: Path) -> str:
    """Descriptions included, since a build writes them too."""
    files = sorted(path for suffix in ("sql", "yml") for path in folder.rglob(f"*.{suffix}"))
    texts = (f"{path.relative_to(folder).as_posix()}\n{path.read_text(encoding='utf-8')}" for path in files)
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _state_of_table(client: SqlClientBase[Any], raw: str, table: str) -> str:
    """How many rows it has, and which loads brought them.

    Not just the newest load: ids are times of the host's clock, which may be set back, and rows can also be deleted.
    """
    query = f"select count(*), sum(hash(_dlt_load_id)) from {_name(client, raw, table)}"  # noqa: S608 (our own names)
    try:
        rows = client.execute_sql(query) or ()
    except DatabaseUndefinedRelation:
        return "not loaded yet"
    ((count, loads),) = rows
    return f"{count} rows of loads {loads}"


def _name(client: SqlClientBase[Any], schema: str, table: str) -> str:
    quoted = client.capabilities.escape_identifier
    return f"{quoted(schema)}.{quoted(table)}"
