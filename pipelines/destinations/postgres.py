"""PostgreSQL: a database on a server, whose marts readers query where they are built."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import Any, Self

import dlt
import psycopg2
import pyarrow as pa
from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.destination import Destination as DltDestination
from dlt.common.typing import TSecretStrValue
from dlt.destinations.impl.postgres.configuration import PostgresCredentials

from sources.intercom.wire import plainly

from ..errors import Busy, Misconfigured, NothingToRead, Unreachable, WarehouseError, first_line, plain_errors
from ..folder import LockRequest
from .format import refuse_newer
from .interface import BUILD, MARTS, RAW, ROWS_A_BATCH, Ask, AttributeSql, Destination, Dialect, Options, Reader, Rows
from .sql import identifier

VARIABLE = "DESTINATION__POSTGRES__CREDENTIALS"
SET_CREDENTIALS = (
    "Set {variable} to postgresql://user:password@host:5432/database, with the password percent-encoded "
    "(docs/destinations.md)."
)
WAIT_FOR_LOCK = "End that session, or run the command again when it is done."
REFUSED = "FATAL:"
"""In libpq's message when the server refuses a connection, which has no error code."""
NOT_NOW = ("starting up", "shutting down", "recovery mode", "too many", "connection slots", "not currently accepting")
"""Refusals that have nothing to do with the credentials."""
LOST = ("08", "57P")
"""Classes of SQLSTATE that end a connection: connection exception, operator intervention."""
LOCK_TIMEOUT = "30s"
"""How long a statement waits for a lock that another session holds."""
ARROW_TYPES: Mapping[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    701: pa.float64(),
    1082: pa.date32(),
    1184: pa.timestamp("us", tz="UTC"),
}
"""By the number of PostgreSQL's type; all others are read as text."""
ATTRIBUTE = "custom_attributes ->> {key}"
WHOLE = f"({ATTRIBUTE}) ~ '^-?[0-9]{{{{1,18}}}}$'"
SECOND = f"({ATTRIBUTE}) ~ '^(-[0-9]{{{{1,10}}}}|[0-9]{{{{1,11}}}})$'"
ATTRIBUTES = AttributeSql(
    key=str,
    columns={
        "text": ATTRIBUTE,
        "boolean": f"case when ({ATTRIBUTE}) in ('true', 'false') then cast({ATTRIBUTE} as boolean) end",
        "bigint": f"case when {WHOLE} then cast({ATTRIBUTE} as bigint) end",
        "double": "case when jsonb_typeof(custom_attributes -> {key}) = 'number' then "
        f"case when abs(cast({ATTRIBUTE} as numeric)) < 1e308 then cast({ATTRIBUTE} as double precision) end end",
        "timestamp": f"case when {SECOND} then to_timestamp(cast({ATTRIBUTE} as bigint)) end",
        "json": "nullif(custom_attributes -> {key}, 'null'::jsonb)",
    },
    observed="""
        select distinct key, case
            when jsonb_typeof(value) = 'boolean' then 'boolean'
            when jsonb_typeof(value) in ('object', 'array') then 'json'
            when jsonb_typeof(value) <> 'number' then 'text'
            when value::text ~ '^(-[0-9]{{1,10}}|[0-9]{{1,11}})$' then 'second'
            when value::text ~ '^-?[0-9]{{1,18}}$' then 'bigint'
            when value::text ~ '^-?[0-9]+$' then 'text'
            when abs(value::text::numeric) < 1e308 then 'double'
            else 'text'
        end
        from
            ({records}) as records,
            jsonb_each(
                case when jsonb_typeof(custom_attributes) = 'object' then custom_attributes else '{{}}'::jsonb end
            )
        where jsonb_typeof(value) <> 'null'
    """,
)
"""Values that loads have brought since the last build can be of any type: no cast may fail on them."""
BLOCKER = """
select activity.pid, activity.usename, nullif(activity.application_name, '')
from pg_locks as locks
join pg_class as relations on relations.oid = locks.relation
join pg_namespace as schemas on schemas.oid = relations.relnamespace
join pg_stat_activity as activity on activity.pid = locks.pid
where locks.granted and schemas.nspname = any(%s) and activity.pid <> pg_backend_pid()
order by activity.xact_start nulls last
limit 1
"""
PASSING: Mapping[str, tuple[str, str]] = {
    "57014": (
        "ended a statement that took too long",
        "Raise statement_timeout for this user (alter role ... set statement_timeout), then run the command again.",
    ),
    "25006": (
        "accepts no writes: it is a standby, or set to read only",
        "Run the command again when it accepts writes, or correct the address in {variable}.",
    ),
    "53100": ("has no space left on its disk", "Make room there, then run the command again."),
    "53": ("has no resources left", "Run the command again when it is less busy, or give it more."),
    "54": ("has reached a limit of its own", "Run the command again, or raise the limit."),
    "40": ("ended a transaction that conflicted with another", "Run the command again."),
}
"""By SQLSTATE or its class, what the server did, and the next step. Nothing of the run is lost."""


@configspec(init=False)
class Credentials(PostgresCredentials):
    """Credentials whose password may come from elsewhere: `.pgpass`, a certificate, the user's own account."""

    password: TSecretStrValue | None = None  # type: ignore[assignment]  # dlt requires one


class Postgres(Destination):
    """A PostgreSQL database. `variable`: where its address is configured, for messages."""

    variables = MappingProxyType(
        {
            VARIABLE: "The database: `postgresql://user:password@host:5432/database`. In "
            "`.dlt/secrets.toml`: `credentials` in `[destination.postgres]`."
        }
    )
    dialect = Dialect(
        "postgres",
        swap="rename",
        text_types=frozenset(("character varying", "text", "json", "jsonb")),
        inlines_imports=True,
        list_ids="jsonb_path_query(cast({column} as jsonb), '$.data[*].id') #>> '{{}}'",
        without_field="case when jsonb_typeof({column}) = 'object' then {column} - {field} else {column} end",
        attributes=ATTRIBUTES,
    )

    def __init__(self, credentials: PostgresCredentials, *, variable: str = VARIABLE) -> None:
        self._credentials, self._variable = credentials, variable
        self.place = f"{credentials.host}:{credentials.port}/{credentials.database}"
        self.address = f"{self.place}, schema {MARTS}"
        self.subfolder = re.sub(r"[^\w.-]", "_", self.place)

    @classmethod
    def configured(cls, options: Options) -> Self:
        return cls(configured_credentials())

    @property
    def exists(self) -> bool:
        return self.has_schema(RAW)

    def has_schema(self, name: str) -> bool:
        with self._connected() as cursor:
            cursor.execute("select from pg_namespace where nspname = %s", [name])
            return bool(cursor.rowcount)

    def dlt_destination(self) -> DltDestination[Any, Any]:
        # CSV, dlt's own choice, loads three times as fast, but turns every empty text into null
        return dlt.destinations.postgres(
            credentials=self._credentials, supported_loader_file_formats=["insert_values", "parquet"]
        )

    @contextmanager
    def held(self, request: LockRequest) -> Iterator[None]:
        """Holds an advisory lock of the database: a run on another host has another data folder, with its own lock."""
        with self._connected() as cursor:
            request.retry_while_busy(lambda: self._lock(cursor))
            try:
                refuse_newer(_asking(cursor), self.dialect, self.place)
                yield
            finally:
                # explicitly, since the server notices a closed connection later; a lost one has lost the lock too
                with suppress(psycopg2.Error):
                    cursor.execute("select pg_advisory_unlock(hashtext(%s))", [RAW])

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        with self._connected() as cursor:
            cursor.execute("begin isolation level repeatable read, read only")
            try:
                yield Reader(_asking(cursor), partial(_batches, cursor))
            except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn):
                raise NothingToRead(
                    f"The marts in {self.place} are missing, or another release built them. Run intercom-warehouse "
                    "models, or sync, to build them."
                ) from None

    def rewrite(self, tables: Collection[str]) -> None:
        """Rewrites each table. Its readers wait for that."""
        self.rewrite_schema(RAW, tables)

    def rewrite_schema(self, schema: str, tables: Collection[str] | None = None) -> None:
        """Rewrites tables of a schema, or all of them."""
        with self._connected() as cursor:
            cursor.execute("select tablename from pg_tables where schemaname = %s", [schema])
            for table in [name for (name,) in cursor.fetchall()] if tables is None else tables:
                name = f"{identifier(self.dialect, schema)}.{identifier(self.dialect, table)}"
                cursor.execute(f"vacuum (full, analyze) {name}")

    def explain(self, error: BaseException) -> WarehouseError | None:
        """Never repeats the password."""
        if not isinstance(error, psycopg2.Error):
            return None
        user, message = self._credentials.username, first_line(error)
        if isinstance(error, psycopg2.errors.InsufficientPrivilege):
            advice = f"Let it create schemas there, and own {RAW}, {MARTS} and {BUILD}."
            return Misconfigured(f"The user {user} may not do in {self.place} what a sync does: {message} {advice}")
        if REFUSED in message and not error.pgcode and not any(reason in message for reason in NOT_NOW):
            return Misconfigured(f"The PostgreSQL server refuses the user {user}: {message} {self._advice}")
        if isinstance(error, psycopg2.errors.LockNotAvailable):
            return self._blocked()
        for state, (problem, advice) in PASSING.items():
            if (error.pgcode or "").startswith(state):
                return Unreachable(
                    f"The PostgreSQL server {self.place} {problem}. The marts are as they were. "
                    f"{advice.format(variable=self._variable)}"
                )
        if _is_lost(error):
            return Unreachable(
                f"The PostgreSQL database {self.place} cannot be reached: {message} The marts are as they were. "
                f"Try again later, or correct the address in {self._variable}."
            )
        return None

    @property
    def _advice(self) -> str:
        return SET_CREDENTIALS.format(variable=self._variable)

    def _blocked(self) -> Busy:
        """The error for a lock that another session has held for too long, with that session where it can be found."""
        with suppress(WarehouseError, psycopg2.Error), self._connected() as cursor:
            cursor.execute(BLOCKER, [[RAW, MARTS, BUILD]])
            for pid, user, program in cursor.fetchall():
                who = f"Session {pid} of {user}{f' ({plainly(program)})' if program else ''} has locked tables"
                return Busy(f"{who} in {self.place} for more than {LOCK_TIMEOUT}.", WAIT_FOR_LOCK)
        return Busy(f"Another session has locked tables in {self.place} for more than {LOCK_TIMEOUT}.", WAIT_FOR_LOCK)

    def _lock(self, cursor: Any) -> None:
        cursor.execute("select pg_try_advisory_lock(hashtext(%s))", [RAW])
        if cursor.fetchone() != (True,):
            raise Busy(
                f"A run on another host, or with another data folder, holds {self.place}.",
                "Run the command again when it is done, or let it wait for that: --wait 10m.",
            )

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            connection = psycopg2.connect(self._credentials.to_native_representation())
        except psycopg2.Error as error:  # from None: libpq's message may quote the whole address
            unclear = Misconfigured(f"PostgreSQL's credentials cannot be understood. {self._advice}")
            raise self.explain(error) or unclear from None
        try:
            connection.autocommit = True
            with plain_errors(self.explain), connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()


def configured_credentials() -> PostgresCredentials:
    """The credentials in dlt's configuration. Connections give times in UTC.

    Raises:
        Misconfigured: something is missing or cannot be understood. The message repeats none of it.
    """
    try:
        credentials = resolve_configuration(Credentials(), sections=("destination", "postgres"))
    except (ConfigurationException, ValueError) as error:
        missing = ", ".join(error.fields) if isinstance(error, ConfigFieldMissingException) else None
        problem = f"lack {missing}" if missing else "cannot be understood"
        advice = SET_CREDENTIALS.format(variable=VARIABLE)
        raise Misconfigured(f"PostgreSQL's credentials {problem}. {advice}") from None
    return with_session(credentials)


def with_session(credentials: PostgresCredentials) -> PostgresCredentials:
    """Adds what each session sets: times in UTC, and how long it waits for locks."""
    credentials.session_timezone = "UTC"
    credentials.query = {**(credentials.query or {}), "options": _options(credentials)}
    return credentials


def _options(credentials: PostgresCredentials) -> str:
    """The options of each session. A tab is between them: a blank would become a plus sign in the address."""
    given = (credentials.query or {}).get("options", "").split()
    ours = [f"-clock_timeout={LOCK_TIMEOUT}", "-ctimezone=UTC"]
    return "\t".join([*ours, *given])  # of two settings, the server takes the last one


def _asking(cursor: Any) -> Ask:
    def ask(query: str) -> Rows:
        cursor.execute(query)
        rows: Rows = cursor.fetchall()
        return rows

    return ask


def _batches(cursor: Any, query: str) -> Iterator[pa.RecordBatch]:
    """Reads through a cursor of the server: the client would otherwise hold all rows."""
    cursor.execute(f"declare exported no scroll cursor for {query}")
    is_over = False
    while not is_over:
        cursor.execute(f"fetch forward {ROWS_A_BATCH} from exported")
        columns = [(column.name, ARROW_TYPES.get(column.type_code, pa.string())) for column in cursor.description]
        rows = cursor.fetchall()
        yield pa.record_batch(
            [pa.array([_plain(row[number], kind) for row in rows], kind) for number, (_, kind) in enumerate(columns)],
            schema=pa.schema(columns),
        )
        is_over = len(rows) < ROWS_A_BATCH
    cursor.execute("close exported")


def _plain(value: Any, kind: pa.DataType) -> Any:
    """JSON comes parsed."""
    return value if value is None or isinstance(value, str) or kind != pa.string() else json.dumps(value)


def _is_lost(error: psycopg2.Error) -> bool:
    if error.pgcode:
        return str(error.pgcode).startswith(LOST)
    return isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
