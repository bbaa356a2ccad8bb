"""What an engine is that builds marts from Parquet files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..destinations import Dialect


class StatementFailed(Exception):
    """The engine cannot run a statement. The message holds no values of rows."""


class Engine(Protocol):
    """All methods raise StatementFailed. `query` and `select` are in the engine's dialect."""

    dialect: Dialect

    def create_schema(self, schema: str) -> None: ...

    def show(self, schema: str, name: str, folder: Path) -> None:
        """Makes a table of the Parquet files in a folder."""

    def write(self, schema: str, name: str, select: str, folder: Path) -> None:
        """Writes a query's rows as Parquet files into a folder that is not there yet, and makes it a table."""

    def create_view(self, schema: str, name: str, select: str) -> None: ...

    def first(self, query: str) -> Mapping[str, Any] | None:
        """A query's first row, by column; null where it has none."""
