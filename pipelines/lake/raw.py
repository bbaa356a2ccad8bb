"""The raw tables as Parquet files: written from a warehouse, described for a build."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..destinations import RAW, Reader
from ..errors import NothingToRead
from ..models.definitions import Attribute, Owner

DLTS_OWN = "_dlt_"
"""How the names of dlt's own tables begin: its state and its loads."""
FILE = "rows.parquet"
TABLES = f"select table_name from information_schema.tables where table_schema = '{RAW}' order by table_name"  # noqa: S608 (a constant)


def raw_tables(reader: Reader) -> list[str]:
    """The names of all raw tables but dlt's own.

    Raises:
        NothingToRead: readers see no raw tables.
    """
    names = [name for (name,) in reader(TABLES) if not name.startswith(DLTS_OWN)]
    if not names:
        raise NothingToRead(
            "The published copy holds no raw tables. Set publish_raw = true in .dlt/config.toml, run "
            "intercom-warehouse models, then run this command again."
        )
    return names


def write_raw(reader: Reader, table: str, run: Path) -> int:
    """Writes a raw table into a folder of its name. Returns its number of rows."""
    folder = run / table
    folder.mkdir()
    return write_parquet(folder / FILE, reader.batches(f'select * from {RAW}."{table}"'))  # noqa: S608 (our own names)


def write_parquet(file: Path, batches: Iterator[pa.RecordBatch]) -> int:
    """Returns the number of rows. There is at least one batch."""
    first = next(batches)
    rows = 0
    with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
        for batch in chain([first], batches):
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def columns_of(raw: Path) -> dict[str, frozenset[str]]:
    """The columns of each table in a run's folder."""
    return {folder.name: frozenset(pq.read_schema(folder / FILE).names) for folder in sorted(raw.iterdir())}


def attributes_of(raw: Path, owner: Owner) -> tuple[Attribute, ...]:
    """The columns of custom attributes as the warehouse has noted them, by name."""
    file = raw / owner.columns.name / FILE
    if not file.exists():
        return ()
    rows = pq.read_table(file).select(list(owner.columns.types)).to_pylist()
    return tuple(sorted((Attribute(*row.values()) for row in rows), key=lambda one: one.column))
