"""Generates a history of any size: the raw tables that years of runs would leave, created by DuckDB without Intercom.

Every value follows from hashes of numbers, so one size always has the same history.
"""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from pipelines.destinations import MARTS, RAW, Warehouse
from sources.intercom.tables import BESIDE_CONTACTS, CONTACTS

from . import statements


@dataclass(frozen=True)
class HistorySize:
    """The approximate number of spells, and a scan of every segment each day."""

    spells: int
    segments: int
    days: int

    @property
    def contacts(self) -> int:
        """Every contact has about five spells."""
        return self.spells // 5


def write(warehouse: Warehouse, size: HistorySize) -> None:
    """Writes the raw tables into a new warehouse."""
    with warehouse.held(), duckdb.connect(str(warehouse.file)) as connection:
        connection.execute(f"create schema {RAW}")
        connection.execute(f"use {RAW}")
        for name, schema in {"contacts": CONTACTS, **BESIDE_CONTACTS}.items():
            _create(connection, name, schema)
        for name in ("contacts", "segments", "days"):
            connection.execute(f"set variable {name} = {getattr(size, name)}")
        for sql in statements.ALL:
            connection.execute(sql)


def hold_back_last_day(warehouse: Warehouse) -> None:
    """Moves what the last run loaded out of the raw tables."""
    with warehouse.held(), duckdb.connect(str(warehouse.file)) as connection:
        connection.execute("create schema held")
        ((load_id,),) = connection.execute(f"select max(_dlt_load_id) from {RAW}.segment_scans").fetchall()  # noqa: S608
        for name in BESIDE_CONTACTS:
            connection.execute(f"create table held.{name} as from {RAW}.{name} where _dlt_load_id = ?", [load_id])
            connection.execute(f"delete from {RAW}.{name} where _dlt_load_id = ?", [load_id])  # noqa: S608


def load_last_day(warehouse: Warehouse) -> None:
    """Loads what was held back."""
    with warehouse.held(), duckdb.connect(str(warehouse.file)) as connection:
        for name in BESIDE_CONTACTS:
            connection.execute(f"insert into {RAW}.{name} by name from held.{name}")
        connection.execute("drop schema held cascade")


def fingerprints(warehouse: Warehouse) -> dict[str, str]:
    """What all marts, and all that they are built from, contain."""
    with duckdb.connect(str(warehouse.file), read_only=True) as connection:
        names = connection.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name in (?, ?) "
            "and not starts_with(table_name, '_')",
            [MARTS, f"{MARTS}_build"],
        ).fetchall()
        return {name: str(connection.execute(_FINGERPRINT.format(schema, name)).fetchone()) for schema, name in names}


_FINGERPRINT = "select count(*), sum(hash(every)) from {}.{} as every"


def _create(connection: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema) -> None:
    connection.register("no_rows", schema.empty_table())
    connection.execute(f"create table {name} as select *, null::text as _dlt_load_id from no_rows")  # noqa: S608
    connection.unregister("no_rows")
