"""DuckDB: a file in the data folder, and beside it the copy that readers open."""

import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import dlt
import duckdb
from dlt.common.destination import Destination as DltDestination

from ..errors import Busy, Misconfigured, NothingToRead, WarehouseError, first_line, plain_errors
from ..folder import AT_ONCE, LockRequest
from ..messages import Step
from .format import refuse_newer
from .interface import MARTS, RAW, Ask, Destination, Dialect, Options, PublishedMart
from .published_copy import check_closed, drop_successor, log_of, publish_all, publish_marts, replaced, rewrite_file

STORAGE_VERSION = "v1.5.0"
"""The file format that today's clients open. DuckDB 2.0 would write its own, which 1.5 cannot read."""
OPENED_BY = re.compile(r"lock is held(?: in (?P<program>.+?))? \(PID (?P<pid>\d+)\)")
"""How DuckDB names the process that has the file open, where it can."""


class DuckDB(Destination):
    """A DuckDB file.

    `wait_for_readers` is the least time that a run waits for programs that have the file open. With `publish_raw` the
    published copy holds the raw tables too.
    """

    dialect = Dialect(
        "duckdb",
        swap="replace",
        text_types=frozenset(("VARCHAR", "JSON")),
        load_fingerprint="sum(hash({load_id}))",
    )

    def __init__(self, folder: Path, *, wait_for_readers: timedelta = AT_ONCE, publish_raw: bool = True) -> None:
        self.file = folder / "warehouse.duckdb"
        self.published = folder / "published.duckdb"
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
        return dlt.destinations.duckdb(str(self.file))

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
    def reading(self) -> Iterator[Ask]:
        if not self.published.exists():
            raise NothingToRead(f"Nothing was published yet. The first sync that succeeds creates {self.published}.")
        try:
            with duckdb.connect(str(self.published), read_only=True) as connection:
                yield lambda query: connection.execute(query).fetchall()
        except (duckdb.CatalogException, duckdb.BinderException):
            raise NothingToRead(
                f"{self.published} was published by another release. Run intercom-warehouse models, or sync, to "
                "replace it."
            ) from None
        except duckdb.Error as error:
            raise NothingToRead(
                f"{self.published} cannot be read: {first_line(error)} The next sync replaces it."
            ) from None

    @property
    def way_back(self) -> str:
        """The published copy only serves where it holds the raw tables."""
        try:
            with duckdb.connect(str(self.published), read_only=True) as copy:
                schemas = copy.execute("select schema_name from information_schema.schemata").fetchall()
        except duckdb.Error:
            schemas = []
        if (RAW,) in schemas:
            return f"Copy {self.published.name} to {self.file.name} beside it, then run the command again."
        return f"Restore {self.file.name} from a backup of the data folder, then run the command again."

    @property
    def published_at(self) -> datetime | None:
        return datetime.fromtimestamp(self.published.stat().st_mtime, UTC) if self.published.exists() else None

    def publish(self, marts: Iterable[PublishedMart], say: Callable[[str], None]) -> None:
        """Copies the file, in one step for readers: those that have the old copy open keep it."""
        say(Step(f"Publishing {self.published.name}", "publish"))
        if self.publish_raw:
            publish_all(self.file, self.published)
        else:
            publish_marts(self.file, self.published, marts, schema=MARTS, storage_version=STORAGE_VERSION)

    def rewrite(self, tables: Collection[str]) -> None:
        """Rewrites all tables: they share a file. A kill leaves either the old file or the new one."""
        with replaced(self.file) as copy:
            rewrite_file(self.file, copy, storage_version=STORAGE_VERSION)
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
                if not self.file.exists():
                    duckdb.connect(str(self.file), config={"storage_compatibility_version": STORAGE_VERSION}).close()
                connection = duckdb.connect(str(self.file))
                set_limits(connection)
            refuse_newer(lambda query: connection.execute(query).fetchall(), self.dialect, self.place)
            # a kill leaves these two: what exceeded DuckDB's memory, and a file that was to replace this one
            shutil.rmtree(self._spilled, ignore_errors=True)
            drop_successor(self.file)
        except duckdb.Error as error:
            raise Misconfigured(
                f"The warehouse {self.file} cannot be opened: {first_line(error)} Nothing was written. Restore it "
                "from a backup or from published.duckdb, or set WAREHOUSE__DATA_DIR to another folder."
            ) from None
        return connection


def set_limits(connection: duckdb.DuckDBPyConnection) -> None:
    """Sets the memory limit, and all else that dlt sets whenever it opens the database."""
    for name, value in dict(dlt.config.get("destination.duckdb.credentials.global_config", dict) or {}).items():
        connection.execute(f"set global {name} = '{value}'")
