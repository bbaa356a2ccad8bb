"""The warehouse on this host: its files, its lock, the pipelines that load it, its published copy."""

import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.destination import Destination, DestinationCapabilitiesContext
from dlt.common.normalizers.naming import NamingConvention

from ..errors import Busy, Misconfigured, NothingToRead, WarehouseError, first_line, plain_errors
from ..folder import AT_ONCE, Lock, LockRequest, narrow, owner_only
from ..messages import Step
from .format import refuse_newer
from .published_copy import (
    PublishedMart,
    check_closed,
    drop_successor,
    log_of,
    publish_all,
    publish_marts,
    replaced,
    write_anew,
)

RAW = "intercom_raw"
MARTS = "intercom"
Ask = Callable[[str], list[tuple[Any, ...]]]
"""Answers a query with its rows."""
STORAGE_VERSION = "v1.5.0"
"""DuckDB's file format that today's clients open; 2.0 would write its own, which 1.5 cannot read."""
WHO_HAS_IT_OPEN = re.compile(r"lock is held(?: in (?P<program>.+?))? \(PID (?P<pid>\d+)\)")
"""How DuckDB names the process that keeps it from opening a file, where it can."""


class Warehouse:
    """Everything below one data folder: the run journal, the lock, dlt's working folder, and a DuckDB file.

    `wait_for_readers` is how long a run waits, at least, for programs that have the DuckDB file open. With
    `publish_raw` the published copy holds the loaded tables too, not the marts alone.
    """

    def __init__(self, folder: Path, *, wait_for_readers: timedelta = AT_ONCE, publish_raw: bool = True) -> None:
        self.folder = folder
        self.publish_raw = publish_raw
        self.wait_for_readers = wait_for_readers
        self.file = folder / "warehouse.duckdb"
        self.published = folder / "published.duckdb"
        self.journal = folder / "runs.jsonl"
        self._spilled = folder / "warehouse.duckdb.tmp"
        self._demo_mark = folder / "DEMO"
        self._rewrite_mark = folder / "REWRITE"
        self._held: duckdb.DuckDBPyConnection

    @property
    def address(self) -> str:
        """Where readers query."""
        return str(self.published)

    @property
    def place(self) -> str:
        """What a run writes to."""
        return str(self.file)

    @property
    def exists(self) -> bool:
        """Whether anything was ever loaded."""
        return self.file.exists()

    def prepare(self) -> None:
        """Makes the folder where there is none.

        Raises:
            Misconfigured: it cannot be written.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            writable = os.access(self.folder, os.W_OK | os.X_OK)
        except OSError:
            writable = False
        if not writable:
            raise Misconfigured(
                f"The data folder {self.folder} cannot be written. Make it writable for this user, or set "
                "WAREHOUSE__DATA_DIR to a folder that is."
            )

    @contextmanager
    def held(self, request: LockRequest | None = None) -> Iterator[None]:
        """The warehouse, the claim's alone on this host; nobody in particular's without one.

        Whatever is written meanwhile is for its owner only.

        Raises:
            Misconfigured: the folder cannot be written, the database not opened, or a newer release wrote it.
            Unreachable: the database's server is not there.
            Busy: another process holds the warehouse, for longer than the claim waits.
        """
        self.prepare()
        request = request or LockRequest()
        with owner_only(), Lock(self.folder).held(request):
            narrow(self._files())
            with self._opened(request):
                yield

    def pipeline(self, name: str) -> dlt.Pipeline:
        """The dlt pipeline of one workspace. Its working folder lies in the data folder, whoever runs it from where."""
        return dlt.pipeline(
            pipeline_name=name,
            pipelines_dir=str(self._working_folder),
            destination=answering_once(self._destination()),
            dataset_name=RAW,
        )

    def working_folder(self, name: str) -> Path:
        """Where dlt keeps the state of a pipeline, and what it has not loaded yet; it need not be there."""
        return self._working_folder / name

    @contextmanager
    def reading(self) -> Iterator[Ask]:
        """What readers see, all of one moment. Waits for nobody, and nobody waits for it.

        Raises:
            NothingToRead: nothing was published yet, or it cannot be read by this release.
        """
        if not self.published.exists():
            raise NothingToRead(f"Nothing was published yet: {self.published} comes with the first sync that succeeds.")
        try:
            with duckdb.connect(str(self.published), read_only=True) as connection:
                yield lambda query: connection.execute(query).fetchall()
        except (duckdb.CatalogException, duckdb.BinderException):
            raise NothingToRead(
                f"{self.published} was made by another release. The next sync makes it anew, and so does "
                "intercom-warehouse models."
            ) from None
        except duckdb.Error as error:
            raise NothingToRead(
                f"{self.published} cannot be read: {first_line(error)} The next sync makes it anew."
            ) from None

    @property
    def published_at(self) -> datetime | None:
        """When readers last got a new state; null where that is not known."""
        return datetime.fromtimestamp(self.published.stat().st_mtime, UTC) if self.published.exists() else None

    @property
    def is_demo(self) -> bool:
        """Whether the folder holds made-up data, which a real workspace's must not be mixed with."""
        return self._demo_mark.exists()

    @property
    def is_used(self) -> bool:
        """Whether anything was ever loaded with this folder, wherever it went."""
        return self.exists or self._working_folder.exists()

    def mark_as_demo(self) -> None:
        """Notes that what follows is made up."""
        self._demo_mark.write_text(
            "Made by `intercom-warehouse demo`: delete this folder before the first real sync.\n"
        )

    def clear(self) -> None:
        """Deletes the warehouse, all that belongs to it included."""
        self.prepare()
        for file in (self.file, log_of(self.file), self.published, self.journal, self._rewrite_mark):
            file.unlink(missing_ok=True)
        for folder in (self._working_folder, self._spilled):
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, marts: Iterable[PublishedMart], say: Callable[[str], None]) -> None:
        """Copies the warehouse for its readers, in one step: who has the old copy open keeps it."""
        say(Step(f"Publishing {self.published.name}", "publish"))
        if self.publish_raw:
            publish_all(self.file, self.published)
        else:
            publish_marts(self.file, self.published, marts, marts=MARTS, storage_version=STORAGE_VERSION)

    @property
    def is_rewrite_due(self) -> bool:
        """Whether somebody was to be forgotten, and a kill came in between."""
        return self._rewrite_mark.exists()

    def note_rewrite_due(self) -> None:
        """Notes, lest a kill be the end of it, that somebody is being forgotten."""
        self._rewrite_mark.write_text("`intercom-warehouse forget` has not come to its end: run it again.\n")

    def note_rewritten(self) -> None:
        """Takes the note away."""
        self._rewrite_mark.unlink()

    def rewrite(self, tables: Collection[str]) -> None:
        """Leaves nothing in the files of `tables` of what was deleted or changed: DuckDB's is one, and written anew.

        To be called by whoever holds the warehouse. A kill leaves either the old file or the new one.
        """
        with replaced(self.file) as copy:
            write_anew(self.file, copy, storage_version=STORAGE_VERSION)
            self._held.close()
            check_closed(self.file)
        self._held = self._connect()

    def explain(self, error: BaseException) -> WarehouseError | None:
        """What can be done about an error of the database; None where nothing is known of it."""
        if "Could not set lock on file" not in str(error):
            return None
        named = WHO_HAS_IT_OPEN.search(str(error))
        program = Path(named["program"]).name if named and named["program"] else "Another program"
        process = f" (process {named['pid']})" if named else ""
        return Busy(
            f"{program}{process} has {self.file} open.",
            f"Close it there and run the command again; to query, open {self.published.name} beside it, which never "
            "blocks a sync.",
        )

    @property
    def _working_folder(self) -> Path:
        return self.folder / "pipelines"

    def _destination(self) -> Destination[Any, Any]:
        return dlt.destinations.duckdb(str(self.file))

    @contextmanager
    def _opened(self, request: LockRequest) -> Iterator[None]:
        """The database, kept open: whoever closed it last would write all of it out, once for every step of a run.

        So nobody else can open it before the block's end, and readers have to be waited for here alone.
        """
        self._held = request.patiently(self._connect, self.wait_for_readers)
        try:
            yield
        finally:
            self._held.close()

    def _files(self) -> Iterator[Path]:
        """What of ours is there; others may keep things in the folder, too."""
        marks = (self._demo_mark, self._rewrite_mark)
        files = (self.file, log_of(self.file), self.published, self.journal, self.folder / "lock", *marks)
        folder = self.folder / "pipelines"
        yield from (path for path in (*files, folder, *folder.rglob("*")) if path.exists())

    def _connect(self) -> duckdb.DuckDBPyConnection:
        try:
            with plain_errors(self.explain):
                if not self.file.exists():
                    duckdb.connect(str(self.file), config={"storage_compatibility_version": STORAGE_VERSION}).close()
                connection = duckdb.connect(str(self.file))
                bound(connection)
            # where DuckDB puts what exceeds its memory, and a file that was to replace this one: a kill leaves them
            shutil.rmtree(self._spilled, ignore_errors=True)
            refuse_newer(connection, raw=RAW, place=self.place)
            drop_successor(self.file)
        except duckdb.Error as error:
            raise Misconfigured(
                f"The warehouse {self.file} cannot be opened: {first_line(error)} Nothing was written. Restore it "
                "from a backup or from published.duckdb, or set WAREHOUSE__DATA_DIR to another folder."
            ) from None
        return connection


def bound(connection: duckdb.DuckDBPyConnection) -> None:
    """Sets what dlt sets, too, whenever it opens the database: how much memory may be used, first of all."""
    for name, value in dict(dlt.config.get("destination.duckdb.credentials.global_config", dict) or {}).items():
        connection.execute(f"set global {name} = '{value}'")


def answering_once(destination: Destination[Any, Any]) -> Destination[Any, Any]:
    """The destination, which from now on works out only once what it is capable of.

    dlt asks it a dozen times a run, and each time it looks through all configuration: a seventh of a small run's time.
    """
    work_out = destination.capabilities
    answers = dict[type, DestinationCapabilitiesContext]()

    def capabilities(config: Any = None, naming: NamingConvention | None = None) -> DestinationCapabilitiesContext:
        if config is not None:
            return work_out(config, naming)
        if (kind := type(naming)) not in answers:
            answers[kind] = work_out(None, naming)
        return deepcopy(answers[kind])  # dlt writes into what it is answered

    destination.capabilities = capabilities  # type: ignore[method-assign]
    return destination
