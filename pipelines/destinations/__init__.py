"""The databases that a warehouse can live in: a file each, and a line each in `DESTINATIONS`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import Misconfigured
from .format import FORMAT, LIBRARIES, RELEASE, NotedTable, note_release
from .interface import (
    BUILD,
    MARTS,
    RAW,
    TOOLS,
    Ask,
    AttributeSql,
    Destination,
    Dialect,
    Kind,
    Options,
    PublishedMart,
    Reader,
)
from .sql import (
    WRITTEN_IN,
    Column,
    Query,
    Relations,
    all_relations,
    columns,
    descriptions,
    identifier,
    parameters,
    relations,
    statement,
    texts,
)
from .swaps import SWAPS, MartsSwap
from .warehouse import Warehouse

if TYPE_CHECKING:
    import dlt

DESTINATIONS: Mapping[str, str] = {
    "duckdb": "duckdb.DuckDB",
    "ducklake": "ducklake.DuckLake",
    "postgres": "postgres.Postgres",
}
"""Module and class by dlt's name. Only what is configured is imported: a driver takes its time, or is not installed."""

__all__ = [
    "BUILD",
    "DESTINATIONS",
    "FORMAT",
    "LIBRARIES",
    "MARTS",
    "RAW",
    "RELEASE",
    "SWAPS",
    "TOOLS",
    "WRITTEN_IN",
    "Ask",
    "AttributeSql",
    "Column",
    "Destination",
    "Dialect",
    "Kind",
    "MartsSwap",
    "NotedTable",
    "Options",
    "PublishedMart",
    "Query",
    "Reader",
    "Relations",
    "Warehouse",
    "all_relations",
    "columns",
    "configured_warehouse",
    "descriptions",
    "destination_named",
    "dialect_of",
    "identifier",
    "note_release",
    "parameters",
    "relations",
    "statement",
    "texts",
]


def destination_named(name: str) -> type[Destination]:
    """Raises Misconfigured, with the list of what there is, for an unknown name."""
    if name not in DESTINATIONS:
        raise Misconfigured(
            f"The destination {name!r} is not supported. Set WAREHOUSE__DESTINATION to {' or '.join(DESTINATIONS)}. "
            "docs/destinations.md says what is known of others."
        )
    module, _, attribute = DESTINATIONS[name].partition(".")
    found: type[Destination] = getattr(import_module(f".{module}", __name__), attribute)
    return found


def configured_warehouse(options: Options) -> Warehouse:
    """Raises Misconfigured where destination or data folder cannot be used, or a setting of them is missing."""
    destination = destination_named(options.destination).configured(options)
    compare = timedelta(days=options.compare_builds_every)
    warehouse = Warehouse(options.folder, destination, options.day_timezone, compare, options.compatibility)
    warehouse.data_folder.check()
    return warehouse


def dialect_of(pipeline: dlt.Pipeline) -> Dialect:
    """The dialect of what a pipeline loads into."""
    return destination_named(pipeline.destination.destination_name).dialect
