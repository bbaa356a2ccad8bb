"""Which releases have loaded into a warehouse, so that an older one leaves alone what it would misread."""

from importlib.metadata import version
from typing import Any, Protocol

from dlt.destinations.sql_client import SqlClientBase

from ..errors import Misconfigured

FORMAT = 1
"""Raised by a release whose rows an older one would misread; every release reads all older formats."""
RELEASE = version("intercom-warehouse")
TABLE = "_releases"
DESCRIPTION = "The releases that have loaded into this schema. One that knows older formats only leaves it alone."
COLUMNS = {"release": "As in the changelog.", "format": "Of what it loads; greater where older ones would misread it."}


class Cursor(Protocol):
    """A database to ask, DuckDB or PostgreSQL."""

    def execute(self, query: str, /) -> object:
        """Asks."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The whole answer: DuckDB's transaction stays open until all of it is fetched."""


def refuse_newer(cursor: Cursor, *, raw: str, place: str) -> None:
    """Leaves a warehouse alone that a newer release has loaded into.

    Raises:
        Misconfigured: its format is none that this release knows.
    """
    known = "select 1 from information_schema.tables where table_schema = '{}' and table_name = '{}'"
    cursor.execute(known.format(raw, TABLE))
    if not cursor.fetchall():
        return
    cursor.execute(f"select release, format from {raw}.{TABLE} order by format desc, release limit 1")  # noqa: S608 (our own names)
    ((release, newest),) = cursor.fetchall() or [(RELEASE, FORMAT)]
    if newest > FORMAT:
        raise Misconfigured(
            f"The warehouse {place} was written by release {release}, and this is {RELEASE}, which would misread it. "
            f"Nothing was written. Install {release} or a newer release, or restore a backup from before the upgrade."
        )


def note_release(client: SqlClientBase[Any], *, raw: str) -> None:
    """Notes that this release loads; to be called before it does."""
    table = f"{raw}.{TABLE}"
    client.execute_sql(f"create schema if not exists {raw}")
    client.execute_sql(f"create table if not exists {table} (release text, format bigint)")
    client.execute_sql(f"comment on table {table} is '{DESCRIPTION}'")
    for column, description in COLUMNS.items():
        client.execute_sql(f"comment on column {table}.{column} is '{description}'")
    unknown = f"where not exists (select 1 from {table} where release = %s and format = %s)"  # noqa: S608 (our own names)
    client.execute_sql(f"insert into {table} select %s, %s {unknown}", RELEASE, FORMAT, RELEASE, FORMAT)
