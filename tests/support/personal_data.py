"""Finds texts in every file below a folder, in any format and compression."""

import base64
import gzip
import re
import shutil
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sources.intercom.settings import IntercomSettings
from sources.intercom.tables.privacy import COLUMNS, NESTED

PACKED = re.compile(rb"eJ[\w+/-]{30,}={0,2}")
"""zlib's first two bytes in base64, and what follows: how dlt keeps a pipeline's state."""
CANARY = "canary-7e1d"
NOT_TEXT = re.compile(r".*_at$|has_.*|.*_spam$|unsubscribed_.*|enabled_.*|owner_id$|_extra$")


def found_in(folder: Path, words: Collection[str]) -> dict[str, set[str]]:
    """Files that hold any of the texts, by path below the folder, with the texts."""
    files = (path for path in folder.rglob("*") if path.is_file())
    found = {str(path.relative_to(folder)): _found(path, words) for path in files}
    return {path: held for path, held in found.items() if held}


def _found(path: Path, words: Collection[str]) -> set[str]:
    read = list(forms(path))
    return {word for word in words if any(word.encode() in form for form in read)}


def forms(path: Path) -> Iterator[bytes]:
    """A file as it is, and as a reader of its format sees it."""
    for form in (path.read_bytes(), *_read(path)):
        yield form
        for packed in PACKED.findall(form):
            yield _unpacked(packed)


def _read(path: Path) -> Iterator[bytes]:
    start = path.read_bytes()[:16]
    if start.startswith(b"\x1f\x8b"):
        yield gzip.decompress(path.read_bytes())
    if start.startswith(b"PAR1"):
        yield _text(pq.read_table(path).to_pylist())
    if start.startswith(b"ARROW1"):
        with pa.ipc.open_file(path) as reader:
            yield _text(reader.read_all().to_pylist())
    if start[8:12] == b"DUCK":
        yield from map(_text, rows_of(path).values())


def _text(rows: Any) -> bytes:
    return repr(rows).encode()


def _unpacked(text: bytes) -> bytes:
    try:
        return zlib.decompress(base64.b64decode(text + b"=="))
    except (ValueError, zlib.error):
        return b""


def rows_of(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all tables of a DuckDB file, read from a copy, since another process may have it open."""
    with TemporaryDirectory() as folder:
        for part in file.parent.glob(f"{file.name}*"):
            if part.is_file():
                shutil.copy(part, folder)
        with duckdb.connect(f"{folder}/{file.name}") as connection:
            names = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
            return {
                f"{schema}.{table}": connection.execute(f'select * from "{schema}"."{table}"').fetchall()
                for schema, table in names
            }


def personal() -> dict[str, Any]:
    """A canary in every field of a contact that can hold text, one that Intercom does not document included."""
    texts = [name for name in COLUMNS if name not in NESTED and not NOT_TEXT.match(name)]
    lists = [name for name in NESTED if name not in ("custom_attributes", "location", "_extra")]
    return {
        **{name: f"{CANARY}-{name}" for name in texts},
        **{name: {"type": "list", "data": [{"name": f"{CANARY}-{name}"}]} for name in lists},
        "email": f"{CANARY}-email@example.com",
        "location": {"city": f"{CANARY}-location"},
        "custom_attributes": {"birthplace": f"{CANARY}-custom_attributes"},
        "nickname": f"{CANARY}-_extra",
    }


def canaries() -> set[str]:
    """One for each column that holds text of a contact."""
    return {f"{CANARY}-{name}" for name in COLUMNS if name == "_extra" or not NOT_TEXT.match(name)}


def hide_all(settings: IntercomSettings) -> None:
    """Leaves every second of those columns out, and hashes the others."""
    settings.exclude_columns, settings.hash_columns = hidden()
    settings.hash_key = "a key for this test only, of no use elsewhere"


def hidden() -> tuple[list[str], list[str]]:
    """Columns to leave out, and columns to hash: together all that hold text of a contact."""
    names = sorted(name.removeprefix(f"{CANARY}-") for name in canaries())
    return names[::2], names[1::2]
