"""The warehouse on this host: its files, its lock, the pipelines that load it, its published copy."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt
import duckdb
from filelock import FileLock, Timeout

from .errors import Busy, Misconfigured, first_line, plain_errors

RAW = "intercom_raw"
MARTS = "intercom"
STORAGE_VERSION = "v1.5.0"
"""DuckDB's file format that today's clients open; 2.0 would write its own, which 1.5 cannot read."""


class Warehouse:
    """Everything below one data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "warehouse.duckdb"
        self.published = folder / "published.duckdb"
        self.journal = folder / "runs.jsonl"
        self._demo_mark = folder / "DEMO"

    def prepare(self) -> None:
        """Makes the folder where there is none.

        Raises:
            Misconfigured: it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            writable = os.access(self.folder, os.W_OK | os.X_OK)
        except OSError:
            writable = False
        if not writable:
            raise Misconfigured(
                f"The data folder {self.folder} cannot be written. Make it writable for this user, or set "
                "WAREHOUSE__DATA_DIR to a folder that is."
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """The warehouse, ours alone on this host.

        Raises:
            Misconfigured: the folder cannot be written.
            Busy: another process holds the warehouse.
        """
        self.prepare()
        try:
            with FileLock(self.folder / "lock", timeout=0, mode=0o600):
                self._prepare_file()
                yield
        except Timeout:
            raise Busy(
                f"Another run holds the warehouse in {self.folder}. Wait until it is done, then run the command again."
            ) from None

    def pipeline(self, name: str) -> dlt.Pipeline:
        """The dlt pipeline of one workspace. Its working folder lies in the data folder, whoever runs it from where."""
        return dlt.pipeline(
            pipeline_name=name,
            pipelines_dir=str(self.folder / "pipelines"),
            destination=dlt.destinations.duckdb(str(self.file)),
            dataset_name=RAW,
        )

    @property
    def is_demo(self) -> bool:
        """Whether the folder holds made-up data, which a real workspace's must not be mixed with."""
        return self._demo_mark.exists()

    def mark_as_demo(self) -> None:
        """Notes that what follows is made up."""
        self._demo_mark.write_text(
            "Made by `intercom-warehouse demo`: delete this folder before the first real sync.\n"
        )

    def clear(self) -> None:
        """Deletes the warehouse, all that belongs to it included."""
        self.prepare()
        for file in (self.file, self.file.with_suffix(".duckdb.wal"), self.published, self.journal):
            file.unlink(missing_ok=True)
        shutil.rmtree(self.folder / "pipelines", ignore_errors=True)

    def publish(self) -> None:
        """Copies the warehouse for its readers, in one step: who has the old copy open keeps it."""
        with duckdb.connect(str(self.file)) as connection:
            connection.execute("checkpoint")
        copy = self.published.with_suffix(".next")
        shutil.copyfile(self.file, copy)
        copy.replace(self.published)

    def _prepare_file(self) -> None:
        try:
            with plain_errors(self.file):
                if self.file.exists():
                    duckdb.connect(str(self.file)).close()
                else:
                    duckdb.connect(str(self.file), config={"storage_compatibility_version": STORAGE_VERSION}).close()
        except duckdb.Error as error:
            raise Misconfigured(
                f"The warehouse {self.file} cannot be opened: {first_line(error)} Nothing was written. Restore it "
                "from a backup or from published.duckdb, or set WAREHOUSE__DATA_DIR to another folder."
            ) from None
