"""Runs the checks. Every row that a check returns is a fault."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from ..destinations import NotedTable, Query
from ..errors import ModelsFailed
from .definitions import NEXT_STEP, Check, Place, Severity, select_of

WARNINGS = NotedTable(
    "_warnings",
    "Checks that warned when the marts were built: they are reported until what they read changes.",
    {"check_name": "text", "fault_count": "bigint", "example": "text"},
    {
        "check_name": "The sentence that does not hold.",
        "fault_count": "How many rows the check returned.",
        "example": "One of them, as JSON: ids and numbers.",
    },
)
FAULTS = "select count(*) over (), faults.* from {faults} as faults limit 1"


@dataclass(frozen=True)
class Fault:
    """A check that does not hold: how many rows it returned, and one of them. Ids and numbers, no personal data."""

    check: str
    severity: Severity
    rows: int
    example: Mapping[str, Any]

    def __str__(self) -> str:
        example = ", ".join(f"{column}={value}" for column, value in self.example.items())
        return f"{self.check} (rows: {self.rows}; one of them: {example})"


def run_checks(client: SqlClientBase[Any], checks: Iterable[Check], place: Place) -> Iterator[Fault]:
    """The faults, as they are found.

    Raises:
        ModelsFailed: a check cannot be run.
    """
    for check in checks:
        query = fault_query(check, place)
        try:
            with client.execute_query(query) as cursor:
                names = [column[0] for column in cursor.description or ()]
                row = cursor.fetchone()
        except DatabaseException as error:
            raise ModelsFailed(f"The check {check.name} could not be run: {message_of(error)} {NEXT_STEP}") from error
        if row:
            yield Fault(check.name, check.severity, row[0], dict(zip(names[1:], row[1:], strict=True)))


def read_warnings(client: SqlClientBase[Any], place: Place, present: Collection[str]) -> list[Fault]:
    """The faults that were noted with the last build."""
    rows = WARNINGS.rows(client.execute_sql, place.dialect, place.build, present)
    return [Fault(check, "warn", count, json.loads(example)) for check, count, example in rows]


def write_warnings(client: SqlClientBase[Any], place: Place, faults: Iterable[Fault]) -> None:
    """Notes the faults. To be called in the transaction that builds the marts."""
    notes = [(fault.check, fault.rows, json.dumps(dict(fault.example), default=str)) for fault in faults]
    WARNINGS.create(client, place.dialect, place.build)
    WARNINGS.clear(client, place.dialect, place.build)
    if notes:
        WARNINGS.add(client, place.dialect, place.build, notes)


def fault_query(check: Check, place: Place) -> str:
    """A query for how many rows a check returns, and one of them; no row if there are none."""
    return place.statement(FAULTS, faults=Query(select_of(check, place)))


def message_of(error: DatabaseException) -> str:
    """The database's message on one line, without DuckDB's excerpt of the statement."""
    return " ".join(str(error).partition("LINE 1:")[0].split())
