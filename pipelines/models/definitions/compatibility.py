"""Views in the form of another tool's tables, over the marts: a file in `sql/compatibility` for each tool."""

from collections.abc import Collection
from dataclasses import replace
from functools import cache
from typing import Any, cast

import sqlglot
import yaml
from sqlglot import exp

from sources.intercom.catalog import BY_NAME

from ...destinations import WRITTEN_IN
from .files import sources_of
from .lists import no_rows
from .model import RAW, SQL, YAML_LOADER, Model

FOLDER = SQL / "compatibility"
TYPES = {
    "string": "text",
    "id": "bigint",
    "int": "bigint",
    "float": "double",
    "boolean": "boolean",
    "timestamp": "timestamp",
}
READ_AS = {
    "id": "case when regexp_matches({0}, '^[0-9]{{1,18}}$') then {0} end",
    "timestamp": "{0} at time zone 'UTC'",
}
"""How an expression is read that has another type. An id that is no number is null: no cast may fail."""


@cache
def compatible_views(tool: str) -> tuple[Model, ...]:
    """The views of a tool. All that they read is there."""
    text = (FOLDER / f"{tool}.yml").read_text(encoding="utf-8")
    return tuple(_view(tool, entry) for entry in yaml.load(text, YAML_LOADER))  # noqa: S506 (a safe one)


@cache
def over_present(view: Model, present: Collection[str]) -> Model:
    """The view, where only these marts are there. A list that was never read has no rows."""
    select = view.select.copy()
    for source in sources_of(select):
        if source.db != RAW and source.name in BY_NAME and source.name not in present:
            source.replace(no_rows(source.name).subquery(source.alias_or_name))
    return replace(view, select=select)


def _view(tool: str, entry: dict[str, Any]) -> Model:
    columns = ", ".join(f'{_cast(*sent)} as "{name}"' for name, sent in entry["columns"].items())
    query = f"select {columns} from {entry['from']} where {entry.get('where', 'true')}"  # noqa: S608 (our own names)
    select = cast("exp.Query", sqlglot.parse_one(query, dialect=WRITTEN_IN))
    return Model(
        name=entry["name"],
        path=FOLDER / f"{tool}.yml",
        select=select,
        reads=frozenset(source.name for source in sources_of(select) if source.db != RAW),
        loaded=frozenset(),
        layer=tool,
        materialized="view",
        unmoved_by=frozenset(),
        description=entry["description"],
        columns={},
    )


def _cast(kind: str, expression: str = "") -> str:
    read = READ_AS.get(kind, "{0}").format(expression) if expression else "null"
    return f"cast({read} as {TYPES[kind]})"
