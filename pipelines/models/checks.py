"""Runs the checks; every row that a check returns is a fault."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from ..errors import ModelsFailed
from .files import NEXT_STEP, Check, Place, Severity, select_of


@dataclass(frozen=True)
class Fault:
    """A check that did not hold: how many rows it returned, and one of them. Ids and numbers, no personal data."""

    check: str
    severity: Severity
    rows: int
    example: Mapping[str, Any]

    def __str__(self) -> str:
        example = ", ".join(f"{column}={value}" for column, value in self.example.items())
        return f"{self.check} (rows: {self.rows}; one of them: {example})"


def _faults(client: SqlClientBase[Any], checks: Iterable[Check], place: Place) -> Iterator[Fault]:
    for check in checks:
        faults = select_of(check, place)
        rows = f"select count(*) over (), faults.* from ({faults}) as faults limit 1"  # noqa: S608 (our own files)
        try:
            with client.execute_query(rows) as cursor:
                names = [column[0] for column in cursor.description or ()]
                row = cursor.fetchone()
        except DatabaseException as error:
            raise ModelsFailed(f"The check {check.name} could not be run: {_words(error)} {NEXT_STEP}") from error
        if row:
            yield Fault(check.name, check.severity, row[0], dict(zip(names[1:], row[1:], strict=True)))


def _words(error: DatabaseException) -> str:
    """What the database said, without DuckDB's excerpt of the statement and on one line."""
    return " ".join(str(error).partition("LINE 1:")[0].split())
