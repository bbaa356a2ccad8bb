"""A PostgreSQL database in place of the DuckDB file: how it is reached, held, and told to be out of reach."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import psycopg2
from dlt.common.destination import Destination
from dlt.destinations.impl.postgres.configuration import PostgresCredentials

from ..errors import Busy, Misconfigured, NothingToRead, Unreachable, WarehouseError, first_line
from ..folder import LockRequest
from .duckdb import MARTS, RAW, Ask, Warehouse
from .format import refuse_newer
from .published_copy import PublishedMart

MEND = "Mend DESTINATION__POSTGRES__CREDENTIALS; docs/destinations.md shows how to set it."
SAID_NO = "FATAL:"
"""In libpq's words when the server answered and refused; a refused connection carries no error code."""
NOT_NOW = ("starting up", "shutting down", "recovery mode", "too many", "connection slots", "not currently accepting")
"""A refusal that has nothing to do with the credentials."""
LOST = ("08", "57P")
"""Classes of SQLSTATE that end a connection: connection exception, operator intervention."""


class PostgresWarehouse(Warehouse):
    """A PostgreSQL database. The data folder keeps the run journal, the lock and dlt's working folder."""

    def __init__(self, folder: Path, credentials: PostgresCredentials) -> None:
        super().__init__(folder)
        self._credentials = credentials
        self._database = f"{credentials.host}:{credentials.port}/{credentials.database}"

    @property
    def address(self) -> str:
        """The database and the schema of the marts."""
        return f"{self._database}, schema {MARTS}"

    @property
    def place(self) -> str:
        """The database; no user, no password."""
        return self._database

    @property
    def exists(self) -> bool:
        """Whether anything was ever loaded into the database."""
        with self._connected() as cursor:
            cursor.execute("select from pg_namespace where nspname = %s", [RAW])
            return bool(cursor.rowcount)

    @contextmanager
    def reading(self) -> Iterator[Ask]:
        """The marts, all of one moment."""
        with self._connected() as cursor:

            def ask(query: str) -> list[tuple[Any, ...]]:
                cursor.execute(query)
                rows: list[tuple[Any, ...]] = cursor.fetchall()
                return rows

            cursor.execute("begin isolation level repeatable read, read only")
            try:
                yield ask
            except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn):
                raise NothingToRead(
                    f"The marts in {self._database} are missing, or were made by another release: the next sync that "
                    "succeeds makes them anew, and so does intercom-warehouse models."
                ) from None

    @property
    def published_at(self) -> datetime | None:
        """Not known: no file tells it."""
        return None

    def publish(self, marts: Iterable[PublishedMart], say: Callable[[str], None]) -> None:
        """Nothing is left to do: a build is there for all readers when it commits."""

    def rewrite(self, tables: Collection[str]) -> None:
        """Tables are files of their own here; their readers wait for it."""
        with self._connected() as cursor:
            for table in tables:
                cursor.execute(f'vacuum (full, analyze) "{RAW}"."{table}"')

    def explain(self, error: BaseException) -> WarehouseError | None:
        """What can be done about a server that is not there, or refuses; never says the password."""
        if not isinstance(error, psycopg2.Error):
            return None
        user, words = self._credentials.username, first_line(error)
        if isinstance(error, psycopg2.errors.InsufficientPrivilege):
            return Misconfigured(
                f"The user {user} may not do in {self._database} what a sync does: {words} Let it create schemas "
                f"there, and own {RAW} and {MARTS}."
            )
        if SAID_NO in words and not error.pgcode and not any(reason in words for reason in NOT_NOW):
            return Misconfigured(f"The PostgreSQL server does not let the user {user} in: {words} {MEND}")
        if _is_lost(error):
            return Unreachable(
                f"The PostgreSQL database {self._database} cannot be reached: {words} The marts are as they were. "
                "Try again later, or correct the address in DESTINATION__POSTGRES__CREDENTIALS."
            )
        return None

    @property
    def _working_folder(self) -> Path:
        # one per database, since dlt's cursor in it tells what that one holds, and no other
        return super()._working_folder / re.sub(r"[^\w.-]", "_", self._database)

    def _destination(self) -> Destination[Any, Any]:
        # not CSV, dlt's own choice: it loads three times as fast, and turns every empty text into null
        return dlt.destinations.postgres(
            credentials=self._credentials, supported_loader_file_formats=["insert_values", "parquet"]
        )

    @contextmanager
    def _opened(self, request: LockRequest) -> Iterator[None]:
        """Also holds the database itself: a run on another host has another data folder, and so another lock."""
        with self._connected() as cursor:
            request.patiently(lambda: self._lock(cursor))
            refuse_newer(cursor, raw=RAW, place=self.place)
            yield
            with suppress(psycopg2.Error):  # a connection that was lost has lost the lock, too
                cursor.execute("select pg_advisory_unlock(hashtext(%s))", [RAW])  # the server notices its end later

    def _lock(self, cursor: Any) -> None:
        cursor.execute("select pg_try_advisory_lock(hashtext(%s))", [RAW])
        if cursor.fetchone() != (True,):
            raise Busy(
                f"A run on another host, or with another data folder, holds {self._database}.",
                "Run the command again when it is done, or let it wait for that: --wait 10m.",
            )

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            connection = psycopg2.connect(self._credentials.to_native_representation())
        except psycopg2.Error as error:  # without a cause, libpq's words of an address may hold all of it
            raise self.explain(error) or Misconfigured(f"PostgreSQL's address cannot be understood. {MEND}") from None
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()


def _is_lost(error: psycopg2.Error) -> bool:
    if error.pgcode:
        return str(error.pgcode).startswith(LOST)
    return isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
