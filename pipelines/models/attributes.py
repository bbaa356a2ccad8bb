"""The columns of `contact_attributes`: one for each custom attribute that contacts were ever sent with, or can have.

A column never goes and is never renamed, and its type only widens. So the columns are noted beside the raw tables.
Their types are those of the values in contacts; a build reads only contacts of new loads for that.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from ..destinations import AttributeSql, Dialect, NotedTable
from .place import Place

COLUMNS = NotedTable(
    "_contact_attributes",
    "The columns of contact_attributes. A column stays, with its name, and its type only widens.",
    {"name": "text", "column_name": "text", "type": "text"},
    {
        "name": "The custom attribute, as Intercom names it.",
        "column_name": "Its column.",
        "type": "boolean, bigint, double, timestamp, text or json.",
    },
)
LOADS = NotedTable(
    "_contact_attribute_loads",
    "The loads in whose contacts a build has searched for custom attributes.",
    {"load_id": "text"},
    {"load_id": "dlt's id of the load."},
)
FIXED_COLUMNS = ("workspace_id", "contact_id")
PREFIX = "custom_attributes."
DECLARED = {
    "string": "text",
    "integer": "bigint",
    "float": "double",
    "boolean": "boolean",
    "date": "timestamp",
    "datetime": "timestamp",
}
"""Column types by Intercom's."""
SECOND = "second"
"""The type of a whole number that can be a time, in epoch seconds."""
WIDER = {
    frozenset((SECOND, "bigint")): "bigint",
    frozenset((SECOND, "double")): "double",
    frozenset((SECOND, "timestamp")): "timestamp",
    frozenset(("bigint", "double")): "double",
}
"""What holds the values of two types. Any other two are held by json where one is json, and by text elsewhere."""
LONGEST_NAME = 63
"""Bytes of a column's name in PostgreSQL. All databases get the same names."""


@dataclass(frozen=True)
class Attribute:
    """A custom attribute and its column. `type` is a key of `AttributeSql.columns`."""

    name: str
    column: str
    type: str

    @property
    def description(self) -> str:
        return f"The custom attribute {self.name}."


def noted_attributes(client: SqlClientBase[Any], place: Place) -> tuple[Attribute, ...]:
    """The attributes as they were noted, by column."""
    noted = COLUMNS.rows(client.execute_sql, place.dialect, place.raw)
    return _by_column(Attribute(*row) for row in noted)


def current_attributes(client: SqlClientBase[Any], place: Place) -> tuple[Attribute, ...]:
    """The attributes as they are now. Notes what is new; to be called in the transaction of a build."""
    sql = place.dialect.attributes
    if sql is None:
        return ()
    noted = noted_attributes(client, place)
    LOADS.create(client, place.dialect, place.raw)
    known = {one.name for one in noted}
    declared = [(name, kind) for name, kind in _declared(client, place) if name not in known]
    current = widened(noted, [*declared, *_observed(client, place, sql)])
    if current != noted:
        COLUMNS.create(client, place.dialect, place.raw)
        COLUMNS.clear(client, place.dialect, place.raw)
        COLUMNS.add(client, place.dialect, place.raw, [(one.name, one.column, one.type) for one in current])
    return current


def widened(noted: Iterable[Attribute], found: Iterable[tuple[str, str]]) -> tuple[Attribute, ...]:
    """The noted attributes, with types that hold what was found too, and new ones; by column.

    `found`: names and types; a type may come several times, or be `second`.
    """
    types = {one.name: one.type for one in noted}
    columns = {one.name: one.column for one in noted}
    new: dict[str, list[str]] = {}
    for name, kind in found:
        new.setdefault(name, []).append(kind)
    for name in sorted(new, key=lambda name: (_words(name) != name, name)):
        known = [types[name]] if name in types else []
        types[name] = reduce(_wider, [*known, *new[name]])
        if types[name] == SECOND:
            types[name] = "timestamp" if name.endswith("_at") else "bigint"
        columns.setdefault(name, _free_name(name, columns.values()))
    return _by_column(Attribute(name, columns[name], kind) for name, kind in types.items())


def attribute_columns(attributes: Iterable[Attribute], dialect: Dialect) -> Iterator[exp.Expr]:
    """The expressions of the columns, over a table with a column `custom_attributes`."""
    sql = dialect.attributes
    if sql is None:
        return
    for one in attributes:
        key = exp.Literal.string(sql.key(one.name)).sql(dialect.name)
        yield exp.alias_(exp.Var(this=sql.columns[one.type].format(key=key)), one.column, quoted=True)


def _declared(client: SqlClientBase[Any], place: Place) -> Iterator[tuple[str, str]]:
    """Names and types of custom attributes in Intercom's own list."""
    query = place.statement(
        "select full_name, data_type from {raw}.{table} where model = 'contact'", table="data_attributes"
    )
    for full_name, data_type in client.execute_sql(query) or ():
        if full_name.startswith(PREFIX) and data_type in DECLARED:
            yield full_name.removeprefix(PREFIX), DECLARED[data_type]


def _observed(client: SqlClientBase[Any], place: Place, sql: AttributeSql) -> list[tuple[str, str]]:
    """Names and types of the values in contacts of new loads. Notes these loads."""
    contacts, loads = (place.statement("select * from {raw}.{table}", table=name) for name in ("contacts", LOADS.name))
    rows = client.execute_sql(sql.observed.format(contacts=contacts, loads=loads)) or ()
    added = place.statement(
        "insert into {raw}.{loads} select distinct {load_id} from {raw}.{table} "
        "where {load_id} not in (select load_id from {raw}.{loads})",
        loads=LOADS.name,
        load_id="_dlt_load_id",
        table="contacts",
    )
    client.execute_sql(added)
    return [(name, kind) for name, kind in rows]


def _by_column(attributes: Iterable[Attribute]) -> tuple[Attribute, ...]:
    return tuple(sorted(attributes, key=lambda one: one.column))


def _wider(one: str, other: str) -> str:
    if one == other:
        return one
    both = frozenset((one, other))
    return WIDER.get(both) or ("json" if "json" in both else "text")


def _free_name(name: str, taken: Iterable[str]) -> str:
    """A column's name. A number distinguishes it from another column's."""
    words, used, number = _words(name), {*FIXED_COLUMNS, *taken}, 1
    column = _cut(words, "")
    while column in used:
        number += 1
        column = _cut(words, f"_{number}")
    return column


def _words(name: str) -> str:
    """In lower case, with underscores for all but letters and digits."""
    return re.sub(r"\W+", "_", name.lower()).strip("_") or "attribute"


def _cut(words: str, suffix: str) -> str:
    return words.encode()[: LONGEST_NAME - len(suffix)].decode(errors="ignore") + suffix
