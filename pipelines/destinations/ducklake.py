"""DuckLake: Parquet files on a disk or in an object store, and their catalogue in PostgreSQL or a DuckDB file."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import quote

import dlt
import duckdb
from dlt.common.configuration import resolve_configuration
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.specs import ConnectionStringCredentials
from dlt.common.destination import Destination as DltDestination
from dlt.common.exceptions import MissingDependencyException
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials
from dlt.destinations.impl.ducklake.sql_client import DuckLakeSqlClient
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from filelock import FileLock, Timeout

from sources.intercom.wire import keep_secret

from ..errors import Busy, Misconfigured, NothingToRead, Unreachable, WarehouseError, plain_errors
from ..folder import AT_ONCE, LockRequest, plain_path
from ..messages import Step
from .duckdb import STORAGE_VERSION, DuckDB, batches
from .format import NotedTable, refuse_newer
from .interface import RAW, Ask, Destination, Options, PublishedMart, Reader
from .postgres import Postgres, with_session
from .published_copy import publish_all, replaced, rewrite_file

SECTION = "destination.ducklake.credentials"
CATALOG = "DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG"
STORAGE = "DESTINATION__DUCKLAKE__CREDENTIALS__STORAGE__BUCKET_URL"
CORRECT = f"Correct {CATALOG} and {STORAGE} (docs/destinations.md)."
FILES = "files"
"""The folder of Parquet files beside a catalogue in the data folder."""
EXTENSIONS = {
    "duckdb": ("ducklake",),
    "postgres": ("ducklake", "postgres_scanner"),
    "postgresql": ("ducklake", "postgres_scanner"),
}
"""DuckDB's extensions that a lake needs, by the kind of its catalogue."""
INSTALL = (
    "Install duckdb==1.5.5 with duckdb-extension-ducklake==1.5.5 and duckdb-extension-postgres-scanner==1.5.5, or use "
    "locks/ducklake.lock (docs/destinations.md)."
)
UNREACHABLE = ("Failed to attach DuckLake", "DuckLake MetaData", "Unable to connect to Postgres", "Postgres query")
"""In DuckDB's messages about a catalogue's server."""
INLINED = ("data_inlining_row_limit", "0")
"""DuckLake's option for how many rows it keeps in its catalogue: none, for numbers lose their last digit there."""
READERS_KEEP, KEEP_NOTHING = "interval 1 day", "interval 0 second"
"""How long what was replaced stays readable: a query that started before goes on in it."""
FEW, NONE = 0.25, 0.0
"""A file is rewritten when a larger share of its rows is deleted."""
MAINTENANCE = (
    "call ducklake_flush_inlined_data('{lake}')",
    "call ducklake_rewrite_data_files('{lake}', delete_threshold => {share})",
    "call ducklake_merge_adjacent_files('{lake}')",
    "call ducklake_expire_snapshots('{lake}', older_than => now() - {age})",
    "call ducklake_cleanup_old_files('{lake}', older_than => now() - {age})",
    "call ducklake_delete_orphaned_files('{lake}', older_than => now() - {age})",
)
MAINTAINED = NotedTable(
    "_maintained",
    "When files of the lake were last merged.",
    {"loads": "bigint"},
    {"loads": "How many loads there had been."},
)


class _Catalog(ABC):
    """The database in which DuckLake notes which files make up a table."""

    place: str
    """What runs write to."""
    address: str
    """What readers open."""
    read: ConnectionStringCredentials
    """The same for dlt."""

    @property
    @abstractmethod
    def exists(self) -> bool: ...

    @property
    @abstractmethod
    def is_published(self) -> bool: ...

    @abstractmethod
    def locked(self, request: LockRequest) -> AbstractContextManager[None]:
        """Keeps runs of other data folders out."""

    @abstractmethod
    def publish(self) -> None: ...

    @abstractmethod
    def rewrite(self) -> None:
        """Leaves no deleted value in the catalogue's files."""

    @abstractmethod
    def explain(self, error: BaseException) -> WarehouseError | None: ...


class _Server(_Catalog):
    """A catalogue in a schema of a PostgreSQL database."""

    def __init__(self, credentials: ConnectionStringCredentials, schema: str) -> None:
        for secret in (credentials.password or "", quote(credentials.password or "")):  # as it is, and in an address
            keep_secret(secret)
        address = with_session(PostgresCredentials(credentials.to_native_representation()))
        self._server, self._schema, self.read = Postgres(address, variable=CATALOG), schema, credentials
        self.place = self.address = f"{self._server.place}, schema {schema}"

    @property
    def exists(self) -> bool:
        return self._server.has_schema(self._schema)

    is_published = exists

    def locked(self, request: LockRequest) -> AbstractContextManager[None]:
        return self._server.held(request)

    def publish(self) -> None:
        """Readers see the lake itself."""

    def rewrite(self) -> None:
        self._server.rewrite_schema(self._schema)

    def explain(self, error: BaseException) -> WarehouseError | None:
        return self._server.explain(error)


class _File(_Catalog):
    """A catalogue in a DuckDB file. One process at a time can open it, so that readers get a copy."""

    def __init__(self, file: Path) -> None:
        self._file, self._published = file, file.with_name(f"published.{file.name}")
        self.read = ConnectionStringCredentials({"drivername": "duckdb", "database": str(self._published)})
        self.place, self.address = str(self._file), str(self._published)

    @property
    def exists(self) -> bool:
        return self._file.exists()

    @property
    def is_published(self) -> bool:
        return self._published.exists()

    @contextmanager
    def locked(self, request: LockRequest) -> Iterator[None]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(f"{self._file}.lock", mode=0o600)
        request.retry_while_busy(partial(self._acquire, lock))
        try:
            yield
        finally:
            lock.release()

    def _acquire(self, lock: FileLock) -> None:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise Busy(
                f"A run with another data folder holds {self.place}.",
                "Run the command again when it is done, or let it wait for that: --wait 10m.",
            ) from None

    def publish(self) -> None:
        publish_all(self.place, self._file, self._published)

    def rewrite(self) -> None:
        with replaced(self._file) as copy:
            rewrite_file(self.place, copy, storage_version=STORAGE_VERSION)

    def explain(self, error: BaseException) -> WarehouseError | None:
        if "Could not set lock on file" not in str(error):
            return None
        return Busy(
            f"Another program has {self._file} open.",
            f"Close it there and run the command again; to query, open {self._published.name} beside it, which never "
            "blocks a sync.",
        )


class DuckLake(Destination):
    """A DuckLake.

    `maintain_every`: after how many loads files are merged, and replaced ones deleted. `wait_for_readers`: the least
    time that a run waits for programs that have a catalogue's file open.
    """

    variables = MappingProxyType(
        {
            CATALOG: "DuckLake's catalogue: `postgresql://user:password@host:5432/database`, or `duckdb:////a/file`. "
            "Without it, a file in the data folder.",
            STORAGE: "DuckLake's Parquet files: a folder, or `s3://bucket/path`. Without it, a folder in the data "
            "folder.",
        }
    )
    dialect = replace(DuckDB.dialect, comments=frozenset(("table", "view", "table column")), analyzes=False)

    def __init__(
        self,
        folder: Path,
        credentials: DuckLakeCredentials,
        *,
        maintain_every: int = 10,
        wait_for_readers: timedelta = AT_ONCE,
    ) -> None:
        self._credentials, self._name = credentials, credentials.ducklake_name
        self._maintain_every, self.wait_for_readers = maintain_every, wait_for_readers
        self._catalog = _catalog_of(credentials)
        self.files = (home_of(folder),)
        self._is_moved_with_folder = Path(credentials.storage_url) == home_of(folder) / FILES
        self.place, self.address = self._catalog.place, self._catalog.address
        self.subfolder = re.sub(r"[^\w.-]", "_", f"lake {self.place}")

    @classmethod
    def configured(cls, options: Options) -> Self:
        credentials = configured_credentials(options.folder)
        check_extensions(credentials)
        waits = timedelta(seconds=options.wait_for_readers)
        return cls(options.folder, credentials, maintain_every=options.maintain_lake_every, wait_for_readers=waits)

    @property
    def exists(self) -> bool:
        return self._catalog.exists

    def dlt_destination(self) -> DltDestination[Any, Any]:
        return dlt.destinations.ducklake(credentials=self._credentials, override_data_path=self._is_moved_with_folder)

    @contextmanager
    def held(self, request: LockRequest) -> Iterator[None]:
        with self._catalog.locked(request):
            request.retry_while_busy(self._create, self.wait_for_readers)
            yield

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        if not self._catalog.is_published:
            raise NothingToRead(f"Nothing was published yet. The first sync that succeeds creates {self.address}.")
        try:
            with self._connected(self._attached_to_read) as client:
                client.native_connection.execute("begin")
                yield Reader(_asking(client), partial(batches, client.native_connection))
        except (duckdb.CatalogException, duckdb.BinderException):
            raise NothingToRead(
                f"The marts in {self.address} are missing, or another release built them. Run intercom-warehouse "
                "models, or sync, to build them."
            ) from None

    def publish(self, marts: Iterable[PublishedMart], say: Callable[[str], None]) -> None:
        """Merges files where that is due, and gives readers a new copy of a catalogue's file."""
        with self._connected() as client:
            loads = self._loads(client)
            noted = MAINTAINED.rows(client.execute_sql, self.dialect, RAW)
            if loads - max((row[0] for row in noted), default=0) >= self._maintain_every:
                say(Step(f"Merging files of {self.place}", "maintain"))
                self._maintain(client, READERS_KEEP, FEW)
                self._note_maintained(client, loads)
        self._catalog.publish()

    def rewrite(self, tables: Collection[str]) -> None:
        """Rewrites each file that has deleted rows, and deletes at once what was replaced. Its readers may fail.

        The catalogue keeps the smallest and largest values of tables that were emptied. So those that loads pass
        through are dropped; the next load creates them.
        """
        with self._connected() as client:
            client.execute_sql(f"drop schema if exists {RAW}_staging cascade")
            self._maintain(client, KEEP_NOTHING, NONE)
        self._catalog.rewrite()

    def explain(self, error: BaseException) -> WarehouseError | None:
        """Repeats no message of DuckDB's: one about the catalogue can quote its password."""
        if explained := self._catalog.explain(error):
            return explained
        if isinstance(error, MissingDependencyException):
            return Misconfigured(f"A package for {STORAGE} is missing: {' '.join(str(error).split())}")
        if not isinstance(error, duckdb.Error):
            return None
        if "DATA_PATH" in str(error):
            return Misconfigured(f"The files of the lake in {self.place} are elsewhere. Correct {STORAGE}.")
        if isinstance(error, duckdb.HTTPException) or any(sign in str(error) for sign in UNREACHABLE):
            return Unreachable(
                f"The lake in {self.place} cannot be reached. The marts are as they were. Try again later, or correct "
                f"{CATALOG} and {STORAGE}."
            )
        return None

    def _create(self) -> None:
        """Creates the catalogue if it is missing, and refuses that of a newer release."""
        with self._connected() as client:
            refuse_newer(_asking(client), self.dialect, self.place)
            options = _asking(client)(f"select option_name, value from ducklake_options('{self._name}')")  # noqa: S608 (our own name)
            if INLINED not in options:
                client.execute_sql(f"call {self._name}.set_option('{INLINED[0]}', {INLINED[1]})")

    def _loads(self, client: DuckLakeSqlClient) -> int:
        ((loads,),) = client.execute_sql(f"select count(*) from {RAW}._dlt_loads") or ()  # noqa: S608 (a constant)
        return int(loads)

    def _note_maintained(self, client: DuckLakeSqlClient, loads: int) -> None:
        MAINTAINED.create(client, self.dialect, RAW)
        MAINTAINED.clear(client, self.dialect, RAW)
        MAINTAINED.add(client, self.dialect, RAW, [(loads,)])

    def _maintain(self, client: DuckLakeSqlClient, age: str, share: float) -> None:
        for call in MAINTENANCE:
            client.execute_sql(call.format(lake=self._name, age=age, share=share))

    @property
    def _attached_to_read(self) -> str:
        """How readers attach the lake."""
        attached = DuckLakeSqlClient.build_attach_statement(
            ducklake_name=self._name,
            metadata_schema=self._credentials.metadata_schema,
            catalog=self._catalog.read,
            storage_url=self._credentials.storage_url,
            override_data_path=self._is_moved_with_folder,
        )
        return f"{attached.removesuffix(')')}, READ_ONLY)"

    @contextmanager
    def _connected(self, attached: str | None = None) -> Iterator[DuckLakeSqlClient]:
        """A connection as dlt opens it, with the secrets of an object store."""
        capabilities = self.dlt_destination().capabilities()
        client = DuckLakeSqlClient(
            RAW, f"{RAW}_staging", self._credentials, capabilities, override_data_path=self._is_moved_with_folder
        )
        client._attach_statement = attached or client.attach_statement
        with plain_errors(self.explain), client:
            yield client


def home_of(folder: Path) -> Path:
    """Where a lake is in a data folder."""
    return folder / "lake"


def configured_credentials(folder: Path) -> DuckLakeCredentials:
    """The credentials in dlt's configuration; without any, a lake in the data folder.

    Raises:
        Misconfigured: something is missing or cannot be understood. The message repeats none of it.
    """
    home = plain_path(folder) / home_of(folder).name
    catalog = dlt.secrets.get(f"{SECTION}.catalog", str) or f"duckdb:///{home / 'catalog.ducklake'}"
    storage = dlt.secrets.get(f"{SECTION}.storage.bucket_url", str) or str(home / FILES)
    try:
        credentials = DuckLakeCredentials(catalog=catalog, storage=storage)
        credentials = resolve_configuration(credentials, sections=tuple(SECTION.split(".")[:2]))
    except MissingDependencyException as error:
        raise Misconfigured(f"A package for {STORAGE} is missing: {' '.join(str(error).split())}") from None
    except (ConfigurationException, ValueError):
        raise Misconfigured(f"DuckLake's credentials cannot be understood. {CORRECT}") from None
    if credentials.catalog.drivername not in EXTENSIONS or not credentials.catalog.database:
        raise Misconfigured(f"DuckLake's catalogue has to be in PostgreSQL or in a DuckDB file. {CORRECT}")
    credentials.extensions = [_extension(name) for name in EXTENSIONS[credentials.catalog.drivername]]
    return credentials


def check_extensions(credentials: DuckLakeCredentials) -> None:
    """Raises Misconfigured where this DuckDB has no such extension."""
    with duckdb.connect() as connection:
        for extension in credentials.extensions or ():
            try:
                connection.execute(f"load {extension}")
            except duckdb.Error:
                raise Misconfigured(
                    f"DuckDB {duckdb.__version__} lacks an extension that the destination ducklake needs: {extension}. "
                    f"Nothing was written. {INSTALL}"
                ) from None


def _extension(name: str) -> str:
    """An extension for `load`: the file of its Python package where that is installed, else one that DuckDB has."""
    package = find_spec(f"duckdb_extension_{name}")
    folders = package.submodule_search_locations if package else None
    file = Path(next(iter(folders or ()), ""), "extensions", f"v{duckdb.__version__}", f"{name}.duckdb_extension")
    return f"'{file}'" if file.exists() else name


def _catalog_of(credentials: DuckLakeCredentials) -> _Catalog:
    if credentials.catalog.drivername == "duckdb":
        return _File(Path(credentials.catalog.database or ""))
    return _Server(credentials.catalog, credentials.metadata_schema or credentials.ducklake_name)


def _asking(client: DuckLakeSqlClient) -> Ask:
    return lambda query: client.native_connection.execute(query).fetchall()
