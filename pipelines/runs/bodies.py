"""Clears what people wrote in conversations and tickets once it is too old to be kept."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from sources.intercom.catalog import TABLES, Table

from ..destinations import RAW, Dialect, Query, columns, identifier, statement


def remove_bodies(client: SqlClientBase[Any], dialect: Dialect, workspace_id: str, before: int) -> None:
    """Clears the bodies of all rows that were created before a time, in epoch seconds, in one transaction."""
    loaded = defaultdict[str, set[str]](set)
    for column in columns(client.execute_sql, dialect, RAW):
        loaded[column.table].add(column.name)
    with client.begin_transaction():
        for table in TABLES.values():
            bodies = [name for name in table.bodies if name.partition(".")[0] in loaded[table.table]]
            if bodies:
                client.execute_sql(_update(dialect, table, bodies), workspace_id, before)


def _update(dialect: Dialect, table: Table, bodies: list[str]) -> str:
    """Leaves rows alone that hold none of the bodies."""
    whole = [name for name in bodies if "." not in name]
    fields = defaultdict[str, list[str]](list)
    for column, _, name in (one.partition(".") for one in bodies if "." in one):
        fields[column].append(name)
    changes = [*(f'"{name}" = null' for name in whole), *(f'"{name}" = {{without_{name}}}' for name in fields)]
    held = [*(f'"{name}" is not null' for name in whole), *_mentions(fields)]
    return statement(
        dialect,
        f"update {{raw}}.{{table}} set {', '.join(changes)} "  # noqa: S608 (our own names)
        f"where workspace_id = ? and created_at < ? and ({' or '.join(held)})",
        raw=RAW,
        table=table.table,
        **{f"without_{column}": _without(dialect, column, names) for column, names in fields.items()},
    )


def _mentions(fields: dict[str, list[str]]) -> Iterator[str]:
    for column, names in fields.items():
        yield from (f"""position('"{name}"' in cast("{column}" as text)) > 0""" for name in names)


def _without(dialect: Dialect, column: str, names: list[str]) -> Query:
    expression = identifier(dialect, column)
    for name in names:
        field = exp.Literal.string(name).sql(dialect.name)
        expression = dialect.without_field.format(column=expression, field=field)
    return Query(expression)
