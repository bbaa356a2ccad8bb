"""The mark: what the marts were built from, kept beside them, so that a sync builds only what has changed.

Only destinations whose dialect has a `load_fingerprint` keep one. The others build all marts each time.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from ..destinations import NotedTable, Query
from .definitions import UTC, Place, list_texts

BUILT_FROM = NotedTable(
    "_built_from",
    "What the marts were built from: the next sync builds what has changed.",
    {"source": "text", "state": "text"},
    {
        "source": "A loaded table, sql for the files in sql/, or whole_at.",
        "state": "Differs whenever the source's content does; of whole_at a time.",
    },
)
FILES = "sql"
"""The only source that is not a loaded table."""
WHOLE_AT = "whole_at"
"""No source, but when all was built, or compared with a build of all, in ISO 8601."""

NOT_LOADED = "not loaded yet"

Mark = Mapping[str, str]
"""The state of each source, by its name. Two states differ if the source does."""


def current_mark(client: SqlClientBase[Any], place: Place, *, tables: Iterable[str], folder: Path) -> Mark:
    """The sources as they are now: the raw tables and the files in `folder`."""
    return {FILES: _state_of_files(folder, place), **{table: _state_of_table(client, place, table) for table in tables}}


def read_mark(client: SqlClientBase[Any], place: Place) -> Mark:
    """The sources as they were when the marts were built; empty if that is unknown."""
    return {row[0]: row[1] for row in BUILT_FROM.rows(client.execute_sql, place.dialect, place.build)}


def write_mark(client: SqlClientBase[Any], place: Place, mark: Mark) -> None:
    """Notes what the marts are built from. To be called in the transaction that builds them."""
    BUILT_FROM.create(client, place.dialect, place.build)
    BUILT_FROM.clear(client, place.dialect, place.build)
    BUILT_FROM.add(client, place.dialect, place.build, list(mark.items()))


def _state_of_files(folder: Path, place: Place) -> str:
    """Includes descriptions, which a build writes too, the catalogue, and the timezone of days."""
    files = sorted(path for suffix in ("sql", "yml") for path in folder.rglob(f"*.{suffix}"))
    texts = (f"{path.relative_to(folder).as_posix()}\n{path.read_text(encoding='utf-8')}" for path in files)
    state = hashlib.sha256("\0".join([*texts, *list_texts()]).encode()).hexdigest()
    return state if place.day_timezone == UTC else f"{state} {place.day_timezone}"


def _state_of_table(client: SqlClientBase[Any], place: Place, table: str) -> str:
    """How many rows it has, and of which loads.

    The newest load is not enough: load ids are times of the host's clock, which can be set back, and rows can be
    deleted.
    """
    return state_of(client, place, place.statement("select * from {raw}.{table}", table=table))


def state_of(client: SqlClientBase[Any], place: Place, rows: str) -> str:
    """The state of a table of which the query `rows` gives all, or some."""
    template = f"select count(*), {place.dialect.load_fingerprint} from {{rows}} as rows"  # noqa: S608 (no values)
    try:
        found = client.execute_sql(place.statement(template, rows=Query(rows), load_id="_dlt_load_id")) or ()
    except DatabaseUndefinedRelation:
        return NOT_LOADED
    ((count, loads),) = found
    return f"{count} rows of loads {loads}"
