"""Generates a history of any size: the raw tables that years of runs would leave, created by DuckDB without Intercom.

Every value follows from hashes of numbers, so one size always has the same history.
"""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from pipelines.destinations import RAW, Warehouse
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


def _create(connection: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema) -> None:
    connection.register("no_rows", schema.empty_table())
    connection.execute(f"create table {name} as select *, null::text as _dlt_load_id from no_rows")  # noqa: S608
    connection.unregister("no_rows")
