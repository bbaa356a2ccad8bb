"""How rows come into the raw tables: merged by key, and into tables that may have none yet.

A table whose rows never change needs an insert only. Models read all raw tables, so all have to exist; once they do, no
rows are no work.
"""

from collections.abc import Iterable
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ContextDefaultCannotBeCreated
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.extract import DltResource, DltSource

from ..api import SetupError
from ..tables import BESIDE_CONTACTS

# Any: dlt types the argument of transformers as plain strings
UPSERT: Any = {"disposition": "merge", "strategy": "upsert"}
INSERT_ONLY: Any = {"disposition": "merge", "strategy": "insert-only"}
DELETE_INSERT: Any = {"disposition": "merge", "strategy": "delete-insert"}
"""For destinations without the other two: the same rows, since a key's row is either new or the newest."""


def merge_as_destination_can(source: DltSource, pipeline: dlt.Pipeline) -> None:
    """Chooses the merge strategy that the destination has, for all tables of the source.

    Raises:
        SetupError: it has none, or its tables cannot be read back. Rows would be appended again in every run.
    """
    strategies = _merge_strategies()
    if not strategies or not _can_be_read(pipeline):
        raise SetupError(
            f"The destination {pipeline.destination.destination_name} cannot hold what this source loads: its tables "
            "are merged by key and read back by the next run. Nothing was written. Use a SQL destination of dlt, such "
            "as duckdb or postgres."
        )
    if "insert-only" not in strategies or "upsert" not in strategies:
        for resource in source.resources.values():
            resource.apply_hints(write_disposition=DELETE_INSERT)


def _merge_strategies() -> tuple[str, ...]:
    try:
        capabilities = Container()[DestinationCapabilitiesContext]
    except ContextDefaultCannotBeCreated:
        return ()
    strategies = capabilities.supported_merge_strategies or ()
    if capabilities.merge_strategies_selector:
        strategies = capabilities.merge_strategies_selector(strategies, table_schema={"name": "contacts"})
    return tuple(strategies)


def _can_be_read(pipeline: dlt.Pipeline) -> bool:
    try:
        pipeline.sql_client()
    except SqlClientNotAvailable:
        return False
    return True


@dlt.source(name="intercom", max_table_nesting=0, root_key=False)
def intercom_empty_tables(names: Iterable[str]) -> Iterable[Any]:
    """The named tables."""
    return empty_tables(names)


def is_needed(name: str, rows: pa.Table) -> bool:
    """Whether rows of a table are to be loaded: if there are any, or to create the table or a column of it.

    Each table costs dlt a job.
    """
    known = dlt.current.source_schema().tables.get(name, {}).get("columns", {})
    return bool(rows.num_rows) or not known.keys() >= set(rows.column_names)


def empty_tables(names: Iterable[str]) -> tuple[DltResource, ...]:
    """A resource for each of the named tables."""
    return tuple(dlt.resource([BESIDE_CONTACTS[name].empty_table()], name=name) for name in names)
