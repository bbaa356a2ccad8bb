"""The source of a first load, in parts that are already read."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any, Protocol

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from ..readings import FirstLoadState
from ..search import ROWS_A_TABLE
from ..tables import (
    CONTACTS_KEY,
    DATA_ATTRIBUTES_KEY,
    MEMBERSHIP_CHANGES_KEY,
    SEGMENT_SCANS_KEY,
    SEGMENTS_KEY,
    WORKSPACES_KEY,
)
from .contacts import JSON_COLUMNS
from .dispositions import INSERT_ONLY, UPSERT
from .empty import empty_tables


class ReadPart(Protocol):
    """A part of a first load that is read and not loaded."""

    stage: FirstLoadState

    def table(self, name: str) -> pa.Table | None:
        """The rows of one table; null where there are none."""


@dlt.source(name="intercom", max_table_nesting=0)
def intercom_first_load(parts: Iterable[ReadPart]) -> Iterable[Any]:
    """Parts of a first load. The first package also creates the tables that stay empty, since models read all."""
    empty = () if "first_load" in dlt.current.source_state() else ("contact_activities", "contact_removals", "runs")
    return (
        *empty_tables(empty),
        part_rows("workspaces", parts, WORKSPACES_KEY, UPSERT),
        part_rows("data_attributes", parts, DATA_ATTRIBUTES_KEY, UPSERT),
        part_contacts(parts),
        part_rows("segments", parts, SEGMENTS_KEY, UPSERT),
        part_rows("membership_changes", parts, MEMBERSHIP_CHANGES_KEY, INSERT_ONLY),
        part_rows("segment_scans", parts, SEGMENT_SCANS_KEY, UPSERT),
    )


@dlt.resource(name="contacts", primary_key=CONTACTS_KEY, write_disposition=UPSERT, columns=JSON_COLUMNS)
def part_contacts(parts: Iterable[ReadPart]) -> Iterator[pa.Table]:
    """The parts' contacts, each once: windows share their edges. The load's progress is in the same package."""
    state, seen = dlt.current.source_state(), set[str]()

    def unseen() -> Iterator[pa.Table | None]:
        for part in parts:
            state["workspace_id"] = part.stage.workspace_id
            state["first_load"] = asdict(replace(part.stage, sweeps={}, fields=None))
            state["contact_fields"] = part.stage.fields
            table = part.table("contacts")
            yield None if table is None else _unseen(table, seen)

    yield from larger_tables(unseen())


def part_rows(name: str, parts: Iterable[ReadPart], key: tuple[str, ...], disposition: Any) -> DltResource:
    """The parts' rows of a table other than contacts."""
    rows = larger_tables(part.table(name) for part in parts)
    return dlt.resource(rows, name=name, primary_key=key, write_disposition=disposition)


def larger_tables(tables: Iterable[pa.Table | None]) -> Iterator[pa.Table]:
    """The same rows in fewer tables: each table costs dlt as much as some hundred rows."""
    smaller: list[pa.Table] = []
    for table in tables:
        smaller += [table] if table is not None else []
        if sum(table.num_rows for table in smaller) >= ROWS_A_TABLE:
            yield pa.concat_tables(smaller)
            smaller = []
    if smaller:
        yield pa.concat_tables(smaller)


def _unseen(contacts: pa.Table, seen: set[str]) -> pa.Table:
    new = []
    for contact_id in contacts["id"].to_pylist():
        new.append(contact_id not in seen)
        seen.add(contact_id)
    return contacts.filter(pa.array(new, pa.bool_()))
