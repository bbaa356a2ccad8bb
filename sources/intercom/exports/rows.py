"""Rows of a downloaded export: CSV, alone or in gzip or zip, read without holding the file in memory."""

import csv
import gzip
import io
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Raw

from ..lists import Key
from ..wire import clean

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
MOST_LAYERS = 2
"""A file in gzip may be sent in gzip."""
LONGEST_FIELD = 10_000_000
DAMAGED = (EOFError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, csv.Error)
"""How a file that is not whole fails."""


Named = Callable[[Sequence[str]], list[str]]
"""The names of a file's columns, by those of its first line."""


def csv_rows(file: Path, named: Named = list) -> Iterator[Mapping[str, str]]:
    """The rows of all CSV files in a download, by the names of their columns.

    Raises:
        DAMAGED: the file is not whole, or is no CSV.
    """
    csv.field_size_limit(LONGEST_FIELD)
    with file.open("rb") as source:
        if source.read(len(ZIP)) == ZIP:
            with zipfile.ZipFile(file) as archive:
                for name in sorted(archive.namelist()):
                    with archive.open(name) as member:
                        yield from _rows(member, named)
            return
        source.seek(0)
        yield from _rows(_unpacked(source, MOST_LAYERS), named)


def _unpacked(source: IO[bytes], layers: int) -> IO[bytes]:
    is_packed = source.read(len(GZIP)) == GZIP
    source.seek(0)
    if not (is_packed and layers):
        return source
    return _unpacked(io.BufferedReader(gzip.GzipFile(fileobj=source, mode="rb")), layers - 1)


def _rows(source: IO[bytes], named: Named) -> Iterator[Mapping[str, str]]:
    with io.TextIOWrapper(source, encoding="utf-8-sig", errors="replace", newline="") as text:
        rows = csv.DictReader(text, restval="")
        rows.fieldnames = named(rows.fieldnames or ())
        for row in rows:
            yield {name: value for name, value in row.items() if name is not None}


def fields_of_row(row: Mapping[str, str], kept_empty: Collection[str]) -> dict[str, Raw]:
    """The values as JSON, without empty ones, which stand for null but in the columns to keep."""
    kept = {name: value for name, value in row.items() if value or name in kept_empty}
    return msgspec.json.decode(clean(msgspec.json.encode(kept)), type=dict[str, Raw])


class SeenKeys:
    """The keys that have come, in a file: there may be too many of them for memory."""

    def __init__(self, file: Path) -> None:
        file.unlink(missing_ok=True)
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._connection.execute("pragma journal_mode = off")
        self._connection.execute("pragma synchronous = off")
        self._connection.execute("create table seen (key text primary key, times integer) without rowid")
        self._connection.execute("begin")

    def is_new(self, key: Key) -> bool:
        """Whether a key comes for the first time."""
        return self.times(key) == 1

    def times(self, key: Key) -> int:
        """How often a key has come, this time included."""
        add = "insert into seen values (?, 1) on conflict do update set times = times + 1 returning times"
        ((times,),) = self._connection.execute(add, [msgspec.json.encode(key)]).fetchall()
        return int(times)

    def close(self) -> None:
        """Ends the use of the file."""
        self._connection.close()
