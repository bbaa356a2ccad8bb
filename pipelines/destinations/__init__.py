"""The databases that a warehouse can live in."""

from .duckdb import MARTS, RAW, Ask, Warehouse
from .format import TABLE, note_release
from .postgres import PostgresWarehouse
from .published_copy import PublishedMart
from .swaps import drop_replaced, exchanged

__all__ = [
    "MARTS",
    "RAW",
    "TABLE",
    "Ask",
    "PostgresWarehouse",
    "PublishedMart",
    "Warehouse",
    "drop_replaced",
    "exchanged",
    "note_release",
]
