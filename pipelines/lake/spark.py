"""Spark: a cluster, or a session on this computer, that builds marts from Parquet files."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..destinations import MARTS, AttributeSql, Dialect, identifier
from .spark_session import Session, connected

ATTRIBUTE = "try_element_at(from_json(custom_attributes, 'map<string,string>'), {key})"
AS_SENT = "try_element_at(from_json(custom_attributes, 'map<string,variant>'), {key})"
ATTRIBUTES = AttributeSql(
    key=str,
    columns={
        "text": ATTRIBUTE,
        "boolean": f"case when {ATTRIBUTE} in ('true', 'false') then cast({ATTRIBUTE} as boolean) end",
        "bigint": f"try_cast({ATTRIBUTE} as bigint)",
        "double": f"try_cast({ATTRIBUTE} as double)",
        "timestamp": f"timestamp_seconds(try_cast({ATTRIBUTE} as bigint))",
        # a text with its quotes; all else as it was sent, where to_json would sort the keys
        "json": f"case when schema_of_variant({AS_SENT}) = 'STRING' then to_json({AS_SENT}) else {ATTRIBUTE} end",
    },
)
"""Of what the warehouse has noted: it searches for new attributes, and exports what it finds."""


class Spark:
    """An engine of `build_marts`. `files`: the folder for Spark's local files."""

    dialect = Dialect(
        "spark",
        swap="repoint",
        text_types=frozenset(("string",)),
        comments=frozenset(),
        analyzes=False,
        list_ids="explode(from_json({column}, 'struct<data: array<struct<id: string>>>').data.id)",
        attributes=ATTRIBUTES,
    )

    def __init__(self, session: Session, files: Path) -> None:
        self._session, self._files = session, files
        self._schemas = list[str]()

    def create_schema(self, schema: str) -> None:
        self._session.collect(f"create schema {self._name(schema)} location {_text(self._files / schema)}")
        self._schemas.append(schema)

    def show(self, schema: str, name: str, folder: Path) -> None:
        self._session.collect(f"create table {self._name(schema, name)} using parquet location {_text(folder)}")

    def write(self, schema: str, name: str, select: str, folder: Path) -> None:
        table = f"{self._name(schema, name)} using parquet location {_text(folder)}"
        self._session.collect(f"create table {table} as {select}")

    def create_view(self, schema: str, name: str, select: str) -> None:
        self._session.collect(f"create view {self._name(schema, name)} as {select}")

    def first(self, query: str) -> Mapping[str, Any] | None:
        rows = self._session.collect(query)
        return rows[0].asDict() if rows else None

    @property
    def has_catalog(self) -> bool:
        """Whether others find tables by name: without a metastore, the catalog ends with the session."""
        return bool(self._session.spark.conf.get("spark.sql.catalogImplementation") == "hive")

    def repoint(self, marts: Iterable[str], run: Path) -> None:
        """Makes the views in the schema of the marts show this run, one after another."""
        location = _text(run.parent / "_schema")  # nothing is stored there, but Spark wants a place
        self._session.collect(f"create schema if not exists {self._name(MARTS)} location {location}")
        for mart in marts:
            rows = f"select * from parquet.{identifier(self.dialect, str(run / mart))}"  # noqa: S608 (a path)
            self._session.collect(f"create or replace view {self._name(MARTS, mart)} as {rows}")

    def drop_schemas(self) -> None:
        """Drops what a build has created; the files stay."""
        for schema in self._schemas:
            self._session.collect(f"drop schema if exists {self._name(schema)} cascade")

    def _name(self, *names: str) -> str:
        return ".".join(identifier(self.dialect, name) for name in names)


@contextmanager
def spark_at(address: str, log: Path, files: Path) -> Iterator[Spark]:
    """The engine at an address. As `connected`; what a build has created in a catalog is dropped at the end."""
    with connected(address, log, files) as session:
        engine = Spark(session, files)
        try:
            yield engine
        finally:
            if session.is_alive and engine.has_catalog:
                engine.drop_schemas()


def _text(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
