"""`abort-pending`: drops pending packages, so that the next sync starts after the last loaded run.

Rows of them that had arrived are deleted first, in one transaction. Then one rename removes the pipeline's working
folder: its packages, its state with their cursor, and the parts of a first load. dlt restores state and schema from the
warehouse, as it does on a new host. A kill in between leaves the packages pending. dlt's own `abort_packages` resets
the state in a second step, after the packages are deleted: a kill in between would leave a cursor past lost rows. It
also keeps the failed files, and needs packages that can be read.
"""

import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase

from ..errors import ExitCode, Misconfigured
from ..loading import PendingPackage, part_store_of, pending_packages, set_aside
from ..runs import Job, bound_workspace

COMMAND = "abort-pending"
KEPT = "contacts"
"""The only table whose rows stay: each is a contact as Intercom sent it, no matter which load wrote it."""


@dataclass(frozen=True)
class Waiting:
    """What is pending: packages, and parts of a first load that are in no package yet.

    `arrived`: rows of the packages that are in the warehouse already, by table.
    """

    packages: tuple[PendingPackage, ...]
    shelved_parts: int
    shelved_rows: int
    arrived: dict[str, int]

    @property
    def is_nothing(self) -> bool:
        return not self.packages and not self.shelved_parts


@dataclass(frozen=True)
class Aborted:
    """What was pending, and whether it was dropped. `deleted`: arrived rows that were deleted, by table."""

    run_id: str
    exit_code: ExitCode
    waiting: Waiting
    is_dropped: bool
    deleted: dict[str, int]


@dataclass(kw_only=True)
class Abort(Job):
    """Drops the pending packages of one workspace, without a call to Intercom.

    `confirm` is shown what is pending, and decides whether to drop it.
    """

    confirm: Callable[[Waiting], bool]

    def run(self) -> Aborted:
        """Finds what is pending, confirms, and drops it.

        Raises:
            WarehouseError: all that was pending still is.
        """
        if not self.warehouse.is_used:
            raise Misconfigured(f"There is no warehouse in {self.warehouse.place} yet, so no package is pending.")
        with self._recorded(COMMAND) as (run, pipeline):
            run.workspace_id = bound_workspace(pipeline)
            waiting = waiting_for(pipeline)
            is_dropped = not waiting.is_nothing and self.confirm(waiting)
            deleted = self._drop(pipeline, waiting) if is_dropped else {}
            return Aborted(run.run_id, ExitCode.DONE, waiting, is_dropped, deleted)

    def _drop(self, pipeline: dlt.Pipeline, waiting: Waiting) -> dict[str, int]:
        with pipeline.sql_client() as client:
            delete_arrived(client, [package.load_id for package in waiting.packages])
        shutil.rmtree(set_aside(Path(pipeline.working_dir)))
        self.warehouse.pipeline(self.workspace).sync_destination()
        return {table: rows for table, rows in waiting.arrived.items() if table != KEPT}


def waiting_for(pipeline: dlt.Pipeline) -> Waiting:
    """What is pending in a pipeline."""
    packages = pending_packages(Path(pipeline.working_dir))
    parts = [part for part in part_store_of(pipeline).parts if not part.is_loaded]
    with pipeline.sql_client() as client:
        counted = arrived(client, [package.load_id for package in packages])
    return Waiting(tuple(packages), len(parts), sum(part.rows for part in parts), counted)


def arrived(client: SqlClientBase[Any], load_ids: Collection[str]) -> dict[str, int]:
    """Rows of these loads in the raw tables, by table."""
    counts = dict[str, int]()
    for schema, table in _loaded_tables(client) if load_ids else ():
        if schema == client.dataset_name and not table.startswith("_dlt"):
            rows = client.execute_sql(f"select count(*) {_of_loads(client, schema, table, load_ids)}", *load_ids)
            counts[table] = rows[0][0] if rows else 0
    return {table: rows for table, rows in sorted(counts.items()) if rows}


def delete_arrived(client: SqlClientBase[Any], load_ids: Collection[str]) -> None:
    """Deletes the rows of these loads, staged ones and dlt's own included, except contacts, in one transaction."""
    with client.begin_transaction():
        for schema, table in _loaded_tables(client) if load_ids else ():
            if (schema, table) != (client.dataset_name, KEPT):
                client.execute_sql(f"delete {_of_loads(client, schema, table, load_ids)}", *load_ids)


def _loaded_tables(client: SqlClientBase[Any]) -> Iterator[tuple[str, str]]:
    """Schema and name of each table whose rows have a load id."""
    rows = client.execute_sql(
        "select table_schema, table_name from information_schema.columns where table_catalog = current_database() "
        "and table_schema in (%s, %s) and (column_name = '_dlt_load_id' or table_name = '_dlt_loads' and column_name = "
        "'load_id')",
        client.dataset_name,
        client.staging_dataset_name,
    )
    return ((row[0], row[1]) for row in rows or ())


def _of_loads(client: SqlClientBase[Any], schema: str, table: str, load_ids: Collection[str]) -> str:
    name = client.capabilities.escape_identifier
    column = "load_id" if table == "_dlt_loads" else "_dlt_load_id"
    return f"from {name(schema)}.{name(table)} where {name(column)} in ({', '.join(['%s'] * len(load_ids))})"
