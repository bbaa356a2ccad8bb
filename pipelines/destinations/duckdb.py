"""DuckDB: a file in the data folder, and beside it the copy that readers open."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import duckdb

from ..errors import Busy, Misconfigured, NothingToRead, Unreadable, WarehouseError, cause_of, first_line, plain_errors
from ..folder import AT_ONCE, LockRequest, plain_path
from ..messages import Step
from .format import refuse_newer
from .interface import RAW, ROWS_A_BATCH, AttributeSql, Destination, Dialect, Options, PublishedMart, Reader
from .published_copy import check_closed, drop_successor, log_of, publish_all, publish_marts, replaced, rewrite_file

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt.common.destination import Destination as DltDestination
    from dlt.destinations.sql_client import SqlClientBase

STORAGE_VERSION = "v1.2.0"
"""The file format of new files: clients from DuckDB 1.2.2 on open it. DuckDB 2.0 would write its own, which 1.5 cannot
read. An existing file keeps its format until `rewrite`."""
FILE_BYTES = 16_000_000
"""The size at which a package's next Parquet file begins. A statement that loads one holds up to a row group for each
thread in memory, uncompressed."""
MERGED_BYTES = 50_000_000
"""About how many bytes of rows a statement writes: a tenth of the memory that `.dlt/config.toml` gives to DuckDB."""
MEASURED_ROWS = 1_000
OPENED_BY = re.compile(r"lock is held(?: in (?P<program>.+?))? \(PID (?P<pid>\d+)\)")
"""How DuckDB names the process that has the file open, where it can."""


ATTRIBUTE = "custom_attributes ->> {key}"
ATTRIBUTES = AttributeSql(
    key=lambda name: f"/{name.replace('~', '~0').replace('/', '~1')}",  # a JSON pointer: paths fail on some names
    columns={
        "text": ATTRIBUTE,
        "boolean": f"try_cast({ATTRIBUTE} as boolean)",
        "bigint": f"try_cast({ATTRIBUTE} as bigint)",
        "double": f"try_cast({ATTRIBUTE} as double)",
        "timestamp": f"to_timestamp(try_cast({ATTRIBUTE} as bigint))",
        "json": "case when json_type(custom_attributes, {key}) <> 'NULL' then custom_attributes -> {key} end",
    },
    observed="""
        select distinct one.key, case
            when one.type = 'BOOLEAN' then 'boolean'
            when one.type in ('OBJECT', 'ARRAY') then 'json'
            when one.type = 'DOUBLE' and not regexp_matches(cast(one.value as text), '[.eE]') then 'text'
            when one.type = 'DOUBLE' and abs(try_cast(one.value as double)) < 1e308 then 'double'
            when one.type not in ('BIGINT', 'UBIGINT') then 'text'
            when try_cast(one.value as bigint) between -9999999999 and 99999999999 then 'second'
            when abs(try_cast(one.value as bigint)) < 1000000000000000000 then 'bigint'
            else 'text'
        end
        from
            ({records}) as records,
            json_each(case when json_type(custom_attributes) = 'OBJECT' then custom_attributes end) as one
        where one.type <> 'NULL'
    """,
)


class DuckDB(Destination):
    """A DuckDB file.

    `wait_for_readers` is the least time that a run waits for programs that have the file open. With `publish_raw` the
    published copy holds the raw tables too.
    """

    dialect = Dialect(
        "duckdb",
        swap="replace",
        text_types=frozenset(("VARCHAR", "JSON")),
        inlines_imports=True,
        builds_changes=True,
        list_ids="unnest(json_extract_string({column}, '$.data[*].id'))",
        without_field="case when json_type({column}) = 'OBJECT' "
        "then json_merge_patch({column}, json_object({field}, null)) else {column} end",
        attributes=ATTRIBUTES,
    )
    is_configured_by_dlt = False

    def __init__(self, folder: Path, *, wait_for_readers: timedelta = AT_ONCE, publish_raw: bool = True) -> None:
        self.file = folder / "warehouse.duckdb"
        self.published = folder / "published.duckdb"
        self._folder = folder
        self.place, self.address = str(self.file), str(self.published)
        self._spilled = folder / "warehouse.duckdb.tmp"
        self.files = (self.file, log_of(self.file), self.published, self._spilled)
        self.wait_for_readers, self.publish_raw = wait_for_readers, publish_raw
        self._connection: duckdb.DuckDBPyConnection

    @classmethod
    def configured(cls, options: Options) -> Self:
        waits = timedelta(seconds=options.wait_for_readers)
        return cls(options.folder, wait_for_readers=waits, publish_raw=options.publish_raw)

    @property
    def exists(self) -> bool:
        return self.file.exists()

    def dlt_destination(self) -> DltDestination[Any, Any]:
        import dlt

        made = dlt.destinations.duckdb(
            self._openable(self.file),
            recommended_file_size=FILE_BYTES,
            loader_parallelism_strategy="table-sequential",
            supports_transactions=True,
        )
        return merging_in_parts(made)

    @contextmanager
    def held(self, request: LockRequest) -> Iterator[None]:
        """Keeps a connection open: the last one that closes writes the whole file, which each step of a run would do.

        So no other process can open the file in the block, and a run waits for readers only here.
        """
        self._connection = request.retry_while_busy(self._connect, self.wait_for_readers)
        try:
            yield
        finally:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        if not self.published.exists():
            raise NothingToRead(f"Nothing was published yet. The first sync that succeeds creates {self.published}.")
        if log_of(self.published).exists():  # readers apply it, whichever copy it belongs to
            raise Unreadable(f"{self.published} has changes of another program beside it. {self._log_advice()}")
        try:
            with duckdb.connect(self._openable(self.published), read_only=True) as connection:
                connection.execute("set TimeZone = 'UTC'")
                yield Reader(lambda query: connection.execute(query).fetchall(), partial(batches, connection))
        except (duckdb.CatalogException, duckdb.BinderException):
            raise NothingToRead(
                f"{self.published} was published by another release. Run intercom-warehouse models, or sync, to "
                "replace it."
            ) from None
        except duckdb.Error as error:
            raise self._unreadable(error) from None

    @property
    def way_back(self) -> str:
        """The published copy only serves where it holds the raw tables."""
        if self._holds_raw_tables():
            return f"Copy {self.published.name} to {self.file.name} beside it, then run the command again."
        return f"Restore {self.file.name} from a backup of the data folder, then run the command again."

    @property
    def published_at(self) -> datetime | None:
        return datetime.fromtimestamp(self.published.stat().st_mtime, UTC) if self.published.exists() else None

    def publish(self, marts: Iterable[PublishedMart], say: Callable[[str], None]) -> None:
        """Copies the file, in one step for readers: those that have the old copy open keep it."""
        say(Step(f"Publishing {self.published.name}", "publish"))
        if self.publish_raw:
            publish_all(self._openable(self.file), self.file, self.published)
        else:
            publish_marts(self._openable(self.file), self.published, marts, storage_version=STORAGE_VERSION)

    def rewrite(self, tables: Collection[str]) -> None:
        """Rewrites all tables: they share a file. A kill leaves either the old file or the new one."""
        with replaced(self.file) as copy:
            rewrite_file(self._openable(self.file), copy, storage_version=STORAGE_VERSION)
            self._connection.close()
            check_closed(self.file)
        self._connection = self._connect()

    def explain(self, error: BaseException) -> WarehouseError | None:
        if "Could not set lock on file" not in str(error):
            return None
        opened_by = OPENED_BY.search(str(error))
        program = Path(opened_by["program"]).name if opened_by and opened_by["program"] else "Another program"
        process = f" (process {opened_by['pid']})" if opened_by else ""
        return Busy(
            f"{program}{process} has {self.file} open.",
            f"Close it there and run the command again; to query, open {self.published.name} beside it, which never "
            "blocks a sync.",
        )

    def _connect(self) -> duckdb.DuckDBPyConnection:
        try:
            with plain_errors(self.explain):
                address = self._openable(self.file)
                if not self.file.exists():
                    duckdb.connect(address, config={"storage_compatibility_version": STORAGE_VERSION}).close()
                connection = duckdb.connect(address)
                set_limits(connection)
            refuse_newer(lambda query: connection.execute(query).fetchall(), self.dialect, self.place)
            # a kill leaves these two: what exceeded DuckDB's memory, and a file that was to replace this one
            shutil.rmtree(self._spilled, ignore_errors=True)
            drop_successor(self.file)
        except duckdb.Error as error:
            if cause_of(error):
                raise
            raise Misconfigured(
                f"The warehouse {self.file} cannot be opened: {self._reason(error)} Nothing was written. "
                f"{self._restore_advice()}"
            ) from None
        return connection

    def _openable(self, file: Path) -> str:
        """The file's path as DuckDB can open it."""
        return str(plain_path(self._folder) / file.name)

    def _reason(self, error: duckdb.Error) -> str:
        return first_line(error).replace(str(plain_path(self._folder)), str(self._folder))

    def _unreadable(self, error: duckdb.Error) -> Unreadable:
        if row := cause_of(error):
            return Unreadable(str(row.explained(self.published)))
        return Unreadable(
            f"{self.published} cannot be read: {self._reason(error)} The next sync that succeeds replaces it; "
            "intercom-warehouse models does so without Intercom."
        )

    def _log_advice(self) -> str:
        log = log_of(self.published)
        return (
            f"Close the program that has the copy open for writing, or delete {log} if none has: the changes in it are "
            "not the warehouse's. The next sync that succeeds replaces the copy and deletes that file."
        )

    def _restore_advice(self) -> str:
        """What there is to restore from. A copy of the marts alone holds no history that a sync could continue."""
        whole = f" or from {self.published.name} (copy it, do not move it)" if self._holds_raw_tables() else ""
        log = log_of(self.file)
        stray = (
            f"If {self.file.name} is a restored file, move {log.name} aside first: it is the log of another file. "
            if log.exists()
            else ""
        )
        return f"{stray}Restore it from a backup{whole}, or set WAREHOUSE__DATA_DIR to another folder."

    def _holds_raw_tables(self) -> bool:
        """Whether the published copy can be opened, and holds all that the warehouse held."""
        query = f"select 1 from duckdb_tables() where schema_name = '{RAW}' limit 1"  # noqa: S608 (a constant)
        try:
            with duckdb.connect(self._openable(self.published), read_only=True) as connection:
                return bool(connection.execute(query).fetchall())
        except duckdb.Error:
            return False


def batches(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    reader: pa.RecordBatchReader = connection.sql(query).to_arrow_reader(ROWS_A_BATCH)
    yield pa.RecordBatch.from_pylist([], schema=reader.schema)
    yield from reader


def set_limits(connection: duckdb.DuckDBPyConnection) -> None:
    """Sets the memory limit, and all else that dlt sets whenever it opens the database."""
    import dlt

    for name, value in dict(dlt.config.get("destination.duckdb.credentials.global_config", dict) or {}).items():
        connection.execute(f"set global {name} = '{value}'")


def merging_in_parts(destination: DltDestination[Any, Any]) -> DltDestination[Any, Any]:
    """Merges the rows of a package by statements that DuckDB is fast at, in one transaction.

    dlt makes a single `merge`. DuckDB holds all its rows in memory, and updates rows in place, column by column: for a
    million contacts that takes 40 times as long as to delete them and insert what was loaded.
    """
    from dlt.common.schema.utils import get_columns_names_with_prop
    from dlt.destinations.sql_jobs import SqlMergeFollowupJob

    class MergeInParts(SqlMergeFollowupJob):
        @classmethod
        def gen_upsert_sql(
            cls, table_chain: Sequence[Any], sql_client: SqlClientBase[Any], *args: Any, **options: Any
        ) -> list[str]:
            table = table_chain[0] | {"x-stage-data-deduplicated": True}
            _, staged = sql_client.get_qualified_table_names(table["name"])
            if options.get("insert_only"):
                *delete, write = super().gen_upsert_sql(table_chain, sql_client, *args, **options)
            else:
                *delete, write = cls.gen_merge_sql([table], sql_client)
            parts = (write.replace(staged, f"({part})") for part in parts_of(staged, sql_client))
            key = map(sql_client.escape_column_name, get_columns_names_with_prop(table, "primary_key"))
            return [_distinct(staged, key), *delete, *parts]

    connect = destination.client

    def client(*args: Any, **options: Any) -> Any:
        made = connect(*args, **options)
        made._create_merge_followup_jobs = lambda tables: [MergeInParts.from_table_chain(tables, made.sql_client)]
        return made

    destination.client = client  # type: ignore[method-assign]
    return destination


def _distinct(table: str, key: Iterable[str]) -> str:
    """Leaves the last row of each key: a load that was killed may have staged its rows twice."""
    return f"DELETE FROM {table} WHERE rowid NOT IN (SELECT max(rowid) FROM {table} GROUP BY {', '.join(key)})"  # noqa: S608


def parts_of(table: str, client: SqlClientBase[Any]) -> list[str]:
    """Queries of about `MERGED_BYTES` each, that together have all rows of a table. Its name is dlt's, quoted."""
    every = f"SELECT * FROM {table}"  # noqa: S608
    measured = f"SELECT avg(strlen(concat(*COLUMNS(*)))) FROM {table} WHERE rowid % {{}} = 0"  # noqa: S608
    with client:
        ((first, last),) = client.execute_sql(f"SELECT min(rowid), max(rowid) FROM {table}") or ()  # noqa: S608
        if last is None or last - first < MEASURED_ROWS:
            return [every]
        ((width,),) = client.execute_sql(measured.format((last - first) // MEASURED_ROWS)) or ()
    rows = int(MERGED_BYTES / max(width or 0, 1)) or 1
    return [f"{every} WHERE rowid >= {start} AND rowid < {start + rows}" for start in range(first, last + 1, rows)]
