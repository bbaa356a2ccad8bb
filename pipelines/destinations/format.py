"""Notes that a warehouse keeps about itself in its own tables, such as the releases that have loaded into it.

An older release then leaves a warehouse alone that it would misread.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ..errors import Misconfigured
from .interface import RAW, Ask, Dialect, Rows
from .sql import Execute, descriptions, parameters, relations, statement

if TYPE_CHECKING:
    from dlt.destinations.sql_client import SqlClientBase

FORMAT = 1
"""Raised by a release whose rows an older one would misread. Every release reads all older formats."""
RELEASE = version("intercom-warehouse")
LIBRARIES = {name: version(name) for name in ("dlt", "duckdb")}
"""What loads and what stores, as installed: an error may depend on them."""


@dataclass(frozen=True)
class NotedTable:
    """A small table of notes. `types` and `columns`, which are descriptions, are by column name."""

    name: str
    description: str
    types: Mapping[str, str]
    columns: Mapping[str, str]

    def create(self, client: SqlClientBase[Any], dialect: Dialect, schema: str) -> None:
        """Creates the table if it is missing, and describes it."""
        names = ", ".join(f"{column} {kind}" for column, kind in self.types.items())
        template = f"create table if not exists {{schema}}.{{table}} ({names})"
        created = statement(dialect, template, schema=schema, table=self.name)
        described = descriptions(dialect, "table", schema, self.name, self.description, self.columns)
        client.execute_many([created, *described])

    def rows(self, execute: Execute, dialect: Dialect, schema: str, present: Collection[str] | None = None) -> Rows:
        """All notes; none where the table is missing. `present`: the relations of the schema, where they are known."""
        if self.name not in (relations(execute, dialect, schema) if present is None else present):
            return ()
        template = f"select {', '.join(self.types)} from {{schema}}.{{table}}"  # noqa: S608 (constants)
        return execute(statement(dialect, template, schema=schema, table=self.name)) or ()

    def add(self, client: SqlClientBase[Any], dialect: Dialect, schema: str, rows: Collection[Collection[Any]]) -> None:
        values = ", ".join([f"({parameters(len(self.types))})"] * len(rows))
        template = f"insert into {{schema}}.{{table}} values {values}"  # noqa: S608 (no values)
        query = statement(dialect, template, schema=schema, table=self.name)
        client.execute_sql(query, *(value for row in rows for value in row))

    def clear(self, client: SqlClientBase[Any], dialect: Dialect, schema: str) -> None:
        client.execute_sql(statement(dialect, "delete from {schema}.{table}", schema=schema, table=self.name))


RELEASES = NotedTable(
    "_releases",
    "The releases that have loaded into this schema. A release that does not know their format leaves it alone.",
    {"release": "text", "format": "bigint"},
    {"release": "As in the changelog.", "format": "Of what it loads; greater where older releases would misread it."},
)


def refuse_newer(ask: Ask, dialect: Dialect, place: str) -> None:
    """Leaves a warehouse alone that a newer release has loaded into.

    Raises:
        Misconfigured: this release does not know its format.
    """
    known = RELEASES.rows(ask, dialect, RAW)
    newest = max((number for _, number in known), default=FORMAT)
    if newest > FORMAT:
        release = min(release for release, number in known if number == newest)
        raise Misconfigured(
            f"The warehouse {place} was written by release {release}, and this is {RELEASE}, which would misread it. "
            f"Nothing was written. Install {release} or a newer release, or restore a backup from before the upgrade."
        )


def note_release(client: SqlClientBase[Any], dialect: Dialect) -> None:
    """Notes that this release loads. To be called before it does."""
    if (RELEASE, FORMAT) in map(tuple, RELEASES.rows(client.execute_sql, dialect, RAW)):
        return
    client.execute_sql(statement(dialect, "create schema if not exists {raw}", raw=RAW))
    RELEASES.create(client, dialect, RAW)
    RELEASES.add(client, dialect, RAW, [(RELEASE, FORMAT)])
