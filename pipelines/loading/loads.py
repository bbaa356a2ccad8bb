"""The rows of single loads in the raw tables: how many there are, and how they are deleted."""

import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import dlt
from dlt.destinations.sql_client import SqlClientBase

from sources.intercom.catalog import RESOURCES
from sources.intercom.tables import LIST_TABLES

from ..destinations import Dialect, columns, parameters, statement
from ..folder import pending_folders
from .recovery import set_aside

READ = frozenset(one.table for one in RESOURCES if one.follows and one.nested)
"""Tables that note which nested rows were read. A dropped load may lack those rows, so its notes go with it."""
KEPT = frozenset(("contacts", *LIST_TABLES)) - READ
"""The tables whose rows stay: each is a record as Intercom sent it, no matter which load wrote it."""


def drop_pending(pipeline: dlt.Pipeline, dialect: Dialect) -> None:
    """Drops a pipeline's pending packages, and its working folder with them. Create the pipeline again.

    Rows of the packages that had arrived are deleted first, so that a kill in between leaves the packages pending.
    """
    folder = Path(pipeline.working_dir)
    with pipeline.sql_client() as client:
        delete_loads(client, dialect, [package.name for package in pending_folders(folder)])
    shutil.rmtree(set_aside(folder))


def loaded_rows(client: SqlClientBase[Any], dialect: Dialect, load_ids: Collection[str]) -> dict[str, int]:
    """Rows of these loads in the raw tables, by table."""
    counts = dict[str, int]()
    for source in _loaded_tables(client, dialect) if load_ids else ():
        if source.schema == client.dataset_name and not source.table.startswith("_dlt"):
            rows = client.execute_sql(_of_loads("select count(*)", source, dialect, load_ids), *load_ids)
            counts[source.table] = rows[0][0] if rows else 0
    return {table: rows for table, rows in sorted(counts.items()) if rows}


def delete_loads(client: SqlClientBase[Any], dialect: Dialect, load_ids: Collection[str]) -> None:
    """Deletes the rows of these loads, staged ones and dlt's own included, except contacts, in one transaction."""
    with client.begin_transaction():
        delete_rows(client, dialect, load_ids, kept=KEPT)


def delete_rows(
    client: SqlClientBase[Any], dialect: Dialect, load_ids: Collection[str], *, kept: Collection[str]
) -> None:
    """Deletes the rows of these loads, staged ones and dlt's own included. Raw tables in `kept` keep theirs."""
    for source in _loaded_tables(client, dialect) if load_ids else ():
        if source.schema != client.dataset_name or source.table not in kept:
            client.execute_sql(_of_loads("delete", source, dialect, load_ids), *load_ids)


class _LoadedTable(NamedTuple):
    """A table whose rows have a load id, in this column."""

    schema: str
    table: str
    column: str


def _loaded_tables(client: SqlClientBase[Any], dialect: Dialect) -> Iterator[_LoadedTable]:
    for schema in (client.dataset_name, client.staging_dataset_name):
        for table, column, _ in columns(client.execute_sql, dialect, schema):
            if column == "_dlt_load_id" or (table, column) == ("_dlt_loads", "load_id"):
                yield _LoadedTable(schema, table, column)


def _of_loads(action: str, source: _LoadedTable, dialect: Dialect, load_ids: Collection[str]) -> str:
    template = f"{action} from {{schema}}.{{table}} where {{column}} in ({parameters(len(load_ids))})"
    return statement(dialect, template, **source._asdict())
