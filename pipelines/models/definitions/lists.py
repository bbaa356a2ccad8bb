"""The marts of the catalogue: a view on each raw table of a list, with the names and types of all marts."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import cast

import sqlglot
from sqlglot import exp

from sources.intercom.catalog import BY_NAME, EMBEDDED, TABLES, Column, Resource, Table
from sources.intercom.tables import key_of

from ...destinations import WRITTEN_IN
from .attributes import LISTED, Owner
from .model import MART, RAW, SQL, Model
from .support import built_support_marts, support_marts

NAMES = tuple(name for name in TABLES if name not in EMBEDDED)
"""The tables that have such a mart. Lists that contacts embed have marts of their own, in `sql/marts/contacts`."""
SUBJECT = "lists"
"""The folder that these marts would be in if they had files."""
TYPES = {
    "text": "text",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "time": "timestamptz",
    "json": "json",
}
NOTED = {
    "is_deleted": "Whether a complete list no longer had it.",
    "observed_at": "When it was first seen as it is here.",
}


@cache
def list_marts() -> tuple[Model, ...]:
    """The marts of all tables, with all their columns, and those that need some of these tables."""
    return (*(_model(name, None) for name in NAMES), *support_marts(), *map(typed_attributes, LISTED))


def built_marts(loaded: Mapping[str, Collection[str]]) -> tuple[Model, ...]:
    """The marts of the tables that are loaded. A column that a table does not have yet is null.

    Args:
        loaded: the columns of the raw tables, by table.
    """
    lists = tuple(_model(name, frozenset(loaded[name])) for name in NAMES if name in loaded)
    lists += built_support_marts(loaded)
    return (*lists, *(typed_attributes(owner) for owner in LISTED if owner.table in loaded))


def has_lists(tables: Collection[str]) -> bool:
    """Whether one of these raw tables is a list's, of which there are marts once it is loaded."""
    return not frozenset(NAMES).isdisjoint(tables)


@cache
def typed_attributes(owner: Owner) -> Model:
    """The mart to which a build adds a column for each custom attribute of records of a list."""
    name, key = owner.table, f"{owner.model}_id"
    query = f"""
        with {name} as (select workspace_id, id as {key}, {owner.column} as custom_attributes from {RAW}.{name}),
        final as (select workspace_id, {key} from {name})
        select * from final
    """  # noqa: S608 (our own names)
    return replace(
        _model(name, None),
        name=owner.mart,
        path=SQL / MART / SUBJECT / f"{owner.mart}.sql",
        select=cast("exp.Query", sqlglot.parse_one(query, dialect=WRITTEN_IN)),
        description=f"One row per {owner.model}, deleted ones included, with a typed column for each custom attribute "
        f"that {name} have or ever had. A column stays, with its name, and its type only widens.",
        columns={"workspace_id": "The workspace.", key: f"The {owner.model}."},
        owner=owner,
    )


def no_rows(name: str) -> exp.Select:
    """The mart of a list that was never read."""
    table, resource = TABLES[name], BY_NAME[name]
    shown = (column for column, _ in _columns(table, resource))
    kinds = {raw: TYPES[column.kind] for raw, column in _sources(table, resource).items()} | {
        "observed_at": TYPES["time"]
    }
    typed = zip(shown, kinds.values(), strict=True)
    nulls = (exp.cast(exp.null(), kind).as_(column, quoted=True) for column, kind in typed)
    return exp.select(*nulls).where(exp.false())


@cache
def list_texts() -> tuple[str, ...]:
    """All that the marts are made of."""
    return tuple(f"{_query(name, None)} {TABLES[name]}" for name in NAMES)


@cache
def _model(name: str, loaded: frozenset[str] | None) -> Model:
    return Model(
        name=name,
        path=SQL / MART / SUBJECT / f"{name}.sql",
        select=cast("exp.Query", sqlglot.parse_one(_query(name, loaded), dialect=WRITTEN_IN)),
        reads=frozenset(),
        loaded=frozenset((name,)),
        layer=MART,
        materialized="view",
        unmoved_by=frozenset(),
        description=TABLES[name].description,
        columns=dict(_columns(TABLES[name], BY_NAME[name])),
    )


def _query(name: str, loaded: Collection[str] | None) -> str:
    table, resource = TABLES[name], BY_NAME[name]
    shown = (column for column, _ in _columns(table, resource))
    read = (_expression(raw, column, loaded) for raw, column in _sources(table, resource).items())
    selected = (f'{expression} as "{column}"' for expression, column in zip(read, shown, strict=True))
    return f'select {", ".join(selected)} from {RAW}."{name}"'  # noqa: S608 (our own names)


def _columns(table: Table, resource: Resource) -> Iterator[tuple[str, str]]:
    """The mart's columns with their descriptions, in order."""
    yield "workspace_id", "The workspace."
    for name in _before(table, resource):
        yield name, "The record that it belongs to."
    for name, column in table.columns.items():
        yield (resource.id_column if table is resource and name == "id" else name), column.description
    yield from NOTED.items()


def _sources(table: Table, resource: Resource) -> dict[str, Column]:
    """The raw columns, in the same order."""
    keys = dict.fromkeys(("workspace_id", *_before(table, resource)), Column("text", ""))
    noted = {"is_deleted": Column("boolean", ""), "observed_at": Column("text", "")}
    return keys | dict(table.columns) | noted


def _before(table: Table, resource: Resource) -> tuple[str, ...]:
    key = key_of(table, resource)
    return key[: len(key) - len(table.key)]


def _expression(raw: str, column: Column, loaded: Collection[str] | None) -> str:
    if loaded is not None and raw not in loaded:
        return f"cast(null as {TYPES[column.kind]})"
    return f'to_timestamp("{raw}")' if column.kind == "time" else f'"{raw}"'
