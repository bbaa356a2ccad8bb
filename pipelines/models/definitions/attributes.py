"""The columns of `contact_attributes` and marts like it: one for each custom attribute that was ever sent.

Attributes that Intercom lists have columns, too. A column never goes and is never renamed, and its type only widens. So
the columns are noted beside the raw tables. Their types are those of the values; for that a build reads only records of
new loads.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from ...destinations import AttributeSql, Dialect, NotedTable
from .place import Place


@dataclass(frozen=True)
class Owner:
    """Records with custom attributes: `model` is Intercom's word for them, `table` the raw table.

    `column` holds the attributes. `declared` is a query for the names and types in Intercom's own list, which is in the
    raw table `listed`; only names with the `prefix` count.
    """

    model: str
    table: str
    column: str = "custom_attributes"
    listed: str = "data_attributes"
    declared: str = "select full_name, data_type from {raw}.data_attributes where model = '{model}'"
    prefix: str = "custom_attributes."

    @property
    def mart(self) -> str:
        """The mart with a column for each attribute."""
        return f"{self.model}_attributes"

    @property
    def fixed(self) -> tuple[str, ...]:
        """The columns of the mart that are no attributes."""
        return "workspace_id", f"{self.model}_id"

    @property
    def columns(self) -> NotedTable:
        """Notes the columns."""
        return NotedTable(
            f"_{self.mart}",
            f"The columns of {self.mart}. A column stays, with its name, and its type only widens.",
            {"name": "text", "column_name": "text", "type": "text"},
            {
                "name": "The custom attribute, as Intercom names it.",
                "column_name": "Its column.",
                "type": "boolean, bigint, double, timestamp, text or json.",
            },
        )

    @property
    def loads(self) -> NotedTable:
        """Notes what was searched for attributes."""
        return NotedTable(
            f"_{self.model}_attribute_loads",
            f"The loads in whose {self.table} a build has searched for custom attributes.",
            {"load_id": "text"},
            {"load_id": "dlt's id of the load."},
        )


CONTACTS, COMPANIES = Owner("contact", "contacts"), Owner("company", "companies")
TICKETS = Owner(
    "ticket",
    "tickets",
    column="ticket_attributes",
    listed="ticket_type_attributes",
    declared="select name, data_type from {raw}.ticket_type_attributes",
    prefix="",
)
LISTED = (COMPANIES, TICKETS)
"""Those whose records are in a list of the catalogue."""
DECLARED = {
    "string": "text",
    "integer": "bigint",
    "float": "double",
    "boolean": "boolean",
    "date": "timestamp",
    "datetime": "timestamp",
    "list": "text",
    "decimal": "double",
    "files": "json",
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


def noted_attributes(
    client: SqlClientBase[Any], place: Place, owner: Owner, present: Collection[str] | None = None
) -> tuple[Attribute, ...]:
    """The attributes as they were noted, by column. `present`: the raw tables, where they are known."""
    noted = owner.columns.rows(client.execute_sql, place.dialect, place.raw, present)
    return _by_column(Attribute(*row) for row in noted)


def current_attributes(
    client: SqlClientBase[Any], place: Place, owner: Owner, present: Collection[str]
) -> tuple[Attribute, ...]:
    """The attributes as they are now. Notes what is new; to be called in the transaction of a build.

    `present`: the raw tables.
    """
    sql = place.dialect.attributes
    if sql is None:
        return ()
    noted = noted_attributes(client, place, owner, present)
    owner.loads.create(client, place.dialect, place.raw)
    known = {one.name for one in noted}
    declared = [(name, kind) for name, kind in _declared(client, place, owner, present) if name not in known]
    current = widened(noted, [*declared, *_observed(client, place, owner, sql)], owner)
    if current != noted:
        owner.columns.create(client, place.dialect, place.raw)
        owner.columns.clear(client, place.dialect, place.raw)
        owner.columns.add(client, place.dialect, place.raw, [(one.name, one.column, one.type) for one in current])
    return current


def widened(
    noted: Iterable[Attribute], found: Iterable[tuple[str, str]], owner: Owner = CONTACTS
) -> tuple[Attribute, ...]:
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
        columns.setdefault(name, _free_name(name, (*owner.fixed, *columns.values())))
    return _by_column(Attribute(name, columns[name], kind) for name, kind in types.items())


def attribute_columns(attributes: Iterable[Attribute], dialect: Dialect) -> Iterator[exp.Expr]:
    """The expressions of the columns, over a table with a column `custom_attributes`."""
    sql = dialect.attributes
    if sql is None:
        return
    for one in attributes:
        key = exp.Literal.string(sql.key(one.name)).sql(dialect.name)
        yield exp.alias_(exp.Var(this=sql.columns[one.type].format(key=key)), one.column, quoted=True)


def _declared(
    client: SqlClientBase[Any], place: Place, owner: Owner, present: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Names and types of custom attributes in Intercom's own list."""
    if owner.listed not in present:
        return
    for name, data_type in client.execute_sql(place.statement(owner.declared, model=owner.model)) or ():
        if name and name.startswith(owner.prefix) and data_type in DECLARED:
            yield name.removeprefix(owner.prefix), DECLARED[data_type]


def _observed(client: SqlClientBase[Any], place: Place, owner: Owner, sql: AttributeSql) -> list[tuple[str, str]]:
    """Names and types of the values in records of new loads. Notes these loads."""
    named = {"table": owner.table, "loads": owner.loads.name, "load_id": "_dlt_load_id"}
    # in the innermost query: a database would take apart all records, and drop those of known loads then
    are_new = "{load_id} not in (select load_id from {raw}.{loads})"
    sent = f"select {{column}} as custom_attributes from {{raw}}.{{table}} where {are_new}"  # noqa: S608 (our own names)
    records = place.statement(sent, column=owner.column, **named)
    rows = client.execute_sql(sql.observed.format(records=records)) or ()
    noted = f"insert into {{raw}}.{{loads}} select distinct {{load_id}} from {{raw}}.{{table}} where {are_new}"  # noqa: S608 (as above)
    client.execute_sql(place.statement(noted, **named))
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
    words, used, number = _words(name), set(taken), 1
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
