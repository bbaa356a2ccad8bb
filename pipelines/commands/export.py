"""`export`: the marts as files, Parquet or CSV, for tools that open neither database; the raw tables for `models`."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ..choices import FileFormat
from ..destinations import Reader, Warehouse
from ..errors import Misconfigured
from ..folder import LockRequest, in_one_step
from ..lake import RunFolders, raw_tables, write_parquet, write_raw
from ..models import list_marts, load_marts

FORMULA = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
"""How a cell begins that a spreadsheet would compute. An apostrophe before it makes it text."""
BYTE_ORDER_MARK = "\ufeff".encode()
"""Without it, Excel takes UTF-8 for the encoding of its own country."""


class ExportedFile(msgspec.Struct, frozen=True):
    """A file, or a raw table's folder, and what is in it."""

    mart: str
    file: str
    rows: int
    megabytes: float


class Exported(msgspec.Struct, frozen=True):
    """The files that were written, all of the same sync."""

    files: tuple[ExportedFile, ...]


def marts() -> list[str]:
    return [model.name for model in load_marts()]


@dataclass(frozen=True)
class Export:
    """Writes published marts into a folder, one file each. Needs no token, takes no lock, and changes no table.

    `select`: only these marts. `track`: wraps their names, to show progress.
    """

    warehouse: Warehouse
    folder: Path
    file_format: FileFormat = FileFormat.PARQUET
    select: Collection[str] | None = None
    track: Callable[[Sequence[str]], Iterable[str]] = iter

    def run(self) -> Exported:
        """Writes the files. Each replaces an older one in one step; others in the folder stay.

        Raises:
            Misconfigured: there is no such mart, or the folder cannot be written.
            NothingToRead: nothing is published.
        """
        chosen, optional = self._chosen(), {mart.name for mart in list_marts()}
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.warehouse.reading() as reader:
                present = [mart for mart in chosen if self.select or mart not in optional or _is_there(mart, reader)]
                return Exported(tuple(self._write(mart, reader) for mart in self.track(present)))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise Misconfigured(f"{self.folder} cannot be written: {reason}. Choose another folder.") from None

    def _chosen(self) -> list[str]:
        unknown = set(self.select or ()) - set(marts())
        if unknown:
            raise Misconfigured(f"There is no mart {min(unknown)}. The marts are {', '.join(marts())}.")
        return sorted(set(self.select)) if self.select else marts()

    def _write(self, mart: str, reader: Reader) -> ExportedFile:
        file = self.folder / f"{mart}.{self.file_format}"
        batches = reader.batches(f"select * from intercom.{mart}")  # noqa: S608  # one of our own names
        write = _write_csv if self.file_format == FileFormat.CSV else write_parquet
        with in_one_step(file) as beside:
            rows = write(beside, batches)
        return ExportedFile(mart, str(file), rows, round(file.stat().st_size / 1e6, 1))


@dataclass(frozen=True)
class RawExport:
    """Writes the raw tables of one snapshot into a new run's folder, for an engine that builds the marts elsewhere.

    `kept`: how many runs stay.
    """

    warehouse: Warehouse
    folder: Path
    kept: int
    track: Callable[[Sequence[str]], Iterable[str]] = iter

    def run(self) -> Exported:
        """Readers see the new run when all tables are written.

        Raises:
            NothingToRead: nothing is published, or without raw tables.
            Busy: another export writes into the folder.
        """
        runs = RunFolders(self.folder, self.kept)
        with self.warehouse.reading() as reader:
            tables = raw_tables(reader)
            with runs.new_run(LockRequest("export")) as run:
                files = tuple(self._write(table, reader, run) for table in self.track(tables))
                runs.point_to(run)
        return Exported(files)

    def _write(self, table: str, reader: Reader, run: Path) -> ExportedFile:
        rows = write_raw(reader, table, run)
        megabytes = sum(file.stat().st_size for file in (run / table).iterdir()) / 1e6
        return ExportedFile(table, str(run / table), rows, round(megabytes, 1))


def _is_there(mart: str, reader: Reader) -> bool:
    """Whether the list of a mart was ever read."""
    query = "select 1 from information_schema.tables where table_schema = 'intercom' and table_name = '{}'"
    return bool(reader(query.format(mart)))


def _write_csv(file: Path, batches: Iterator[pa.RecordBatch]) -> int:
    first = next(batches)
    rows = 0
    with file.open("wb") as written:
        written.write(BYTE_ORDER_MARK)
        with pyarrow.csv.CSVWriter(written, first.schema) as writer:
            for batch in chain([first], batches):
                writer.write_batch(guarded(batch))
                rows += batch.num_rows
    return rows


def guarded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with an apostrophe before each text that a spreadsheet would compute."""
    columns = [_guarded(column) if pa.types.is_string(column.type) else column for column in batch.columns]
    return pa.record_batch(columns, schema=batch.schema)


def _guarded(column: Any) -> Any:
    is_formula = pc.match_substring_regex(column, FORMULA)
    return pc.if_else(is_formula, pc.binary_join_element_wise("'", column, ""), column)
