"""The mark: what the marts were built from, kept beside them, so that a sync builds only what has changed.

Only destinations whose dialect `builds_changes` keep one. The others build all marts each time.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from ...destinations import NotedTable
from ..definitions import UTC, Place, list_texts

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
REWRITTEN = "rewritten: "
"""How the state of a source begins whose rows were deleted or changed after the build."""
LOADS = "select '{table}' as source, {load_id}, count(*) from {raw}.{table} group by {load_id}"
NO_LOAD = ""
"""The load of rows that another program has written without one."""

Mark = Mapping[str, str]
"""The state of each source, by its name. Two states differ if the source does."""
Loads = Mapping[str, int]
"""How many rows a loaded table has of each load.

The newest load is not enough: load ids are times of the host's clock, which can be set back, and rows can be deleted.
"""


@dataclass(frozen=True)
class Basis:
    """What marts are built from. `loads` are those of each loaded table that is there."""

    mark: Mark
    loads: Mapping[str, Loads]


def current_basis(
    client: SqlClientBase[Any], place: Place, *, tables: Collection[str], present: Collection[str], folder: Path
) -> Basis:
    """The sources as they are now: the raw tables, as far as they are `present`, and the files in `folder`."""
    loads = current_loads(client, place, [table for table in tables if table in present])
    states = {table: state_of(loads[table]) if table in loads else NOT_LOADED for table in tables}
    return Basis({FILES: _state_of_files(folder, place), **states}, loads)


def current_loads(client: SqlClientBase[Any], place: Place, tables: Iterable[str]) -> Mapping[str, Loads]:
    """The loads of each of these tables, in one query."""
    loads: dict[str, dict[str, int]] = {table: {} for table in tables}
    if not loads:
        return loads
    query = " union all ".join(place.statement(LOADS, table=table, load_id="_dlt_load_id") for table in loads)
    for table, load_id, count in client.execute_sql(query) or ():
        loads[table][load_id or NO_LOAD] = count
    return loads


def read_mark(client: SqlClientBase[Any], place: Place, present: Collection[str]) -> Mark:
    """The sources as they were when the marts were built; empty if that is unknown."""
    return {row[0]: row[1] for row in BUILT_FROM.rows(client.execute_sql, place.dialect, place.build, present)}


def write_mark(client: SqlClientBase[Any], place: Place, mark: Mark) -> None:
    """Notes what the marts are built from. To be called in the transaction that builds them."""
    BUILT_FROM.create(client, place.dialect, place.build)
    BUILT_FROM.clear(client, place.dialect, place.build)
    BUILT_FROM.add(client, place.dialect, place.build, list(mark.items()))


def state_of(loads: Loads) -> str:
    """The state of a table that has these rows."""
    listed = json.dumps(sorted(loads.items()))
    return f"{sum(loads.values())} rows of {len(loads)} loads {hashlib.sha256(listed.encode()).hexdigest()}"


def rewritten(state: str) -> str:
    """The state of a source whose rows were deleted or changed since the marts were built. It had this one then."""
    return f"{REWRITTEN}{state.removeprefix(REWRITTEN)}"


def rewritten_mark(mark: Mark, left: Mark) -> Mark:
    """A mark after which all models are due. `left`: the states of tables by the rows that are left."""
    kept = (FILES, WHOLE_AT)
    return {
        source: state if source in kept or state == NOT_LOADED else rewritten(left.get(source, state))
        for source, state in mark.items()
    }


def _state_of_files(folder: Path, place: Place) -> str:
    """Includes descriptions, which a build writes too, the catalogue, and the timezone of days."""
    files = sorted(path for suffix in ("sql", "yml") for path in folder.rglob(f"*.{suffix}"))
    texts = (f"{path.relative_to(folder).as_posix()}\n{path.read_text(encoding='utf-8')}" for path in files)
    state = hashlib.sha256("\0".join([*texts, *list_texts()]).encode()).hexdigest()
    return state if place.day_timezone == UTC else f"{state} {place.day_timezone}"
