"""Generates a history of any size: the raw tables that years of runs would leave, created by DuckDB without Intercom.

Every value follows from hashes of numbers, so one size always has the same history.
"""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from pipelines.commands.repair import RawLog
from pipelines.destinations import MARTS, RAW, Warehouse
from pipelines.loading import Mentions, pseudonym
from pipelines.models import Place, rewriting, touching_contact, touching_loads
from sources.intercom.tables import BESIDE_CONTACTS, CONTACTS

from . import statements

WORKSPACE, PIPELINE = "w", "benchmark"
STATES = (
    "create table _dlt_pipeline_state "
    "(version bigint, pipeline_name text, state text, version_hash text, _dlt_id text, _dlt_load_id text)"
)
"""dlt's table. No run has written a state."""


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
        connection.execute(STATES)
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
    """Loads what was held back, and an edit of a segment of middle size."""
    with warehouse.held(), duckdb.connect(str(warehouse.file)) as connection:
        for name in BESIDE_CONTACTS:
            connection.execute(f"insert into {RAW}.{name} by name from held.{name}")
        connection.execute(f"use {RAW}")
        connection.execute(statements.EDIT)
        connection.execute("drop schema held cascade")


def forget_contact(warehouse: Warehouse) -> None:
    """Replaces a contact that has left some segments, as `forget` does."""
    place = Place(RAW, MARTS, warehouse.dialect)
    with warehouse.held(), warehouse.pipeline(PIPELINE).sql_client() as client:
        left = f"select min(contact_id) from {RAW}.membership_changes where not is_member"  # noqa: S608
        ((contact,),) = client.execute_sql(left) or ()
        substitute = pseudonym()
        touching = touching_contact(place, WORKSPACE, (contact, substitute))
        with client.begin_transaction(), rewriting(client, place, touching):
            Mentions(client, warehouse.dialect, WORKSPACE, contact).replace(substitute, PIPELINE)


def remove_run(warehouse: Warehouse) -> None:
    """Removes what one run in the middle of the history has loaded, as `repair` does."""
    place = Place(RAW, MARTS, warehouse.dialect)
    with warehouse.held(), warehouse.pipeline(PIPELINE).sql_client() as client:
        log = RawLog(client, warehouse.dialect)
        runs = log.runs(WORKSPACE)
        run = runs[len(runs) // 2]
        with client.begin_transaction(), rewriting(client, place, touching_loads(place, run.load_ids)):
            log.remove([run], workspace_id=WORKSPACE, pipeline_name=PIPELINE)
            log.remove_doubled(log.doubled())
            log.recount_scans()


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
