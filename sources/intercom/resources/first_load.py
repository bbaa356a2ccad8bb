"""The source of a first load, in parts that are already read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from itertools import chain
from typing import Any, Protocol

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from ..readings import FirstLoadState
from ..search import ROWS_A_TABLE
from ..tables import (
    BESIDE_CONTACTS,
    CONTACT_ATTRIBUTE_CHANGES_KEY,
    CONTACTS_KEY,
    DATA_ATTRIBUTES_KEY,
    MEMBERSHIP_CHANGES_KEY,
    SEGMENT_SCANS_KEY,
    SEGMENTS_KEY,
    WORKSPACES_KEY,
)
from .contacts import JSON_COLUMNS
from .dispositions import INSERT_ONLY, UPSERT, empty_tables
from .state import ATTRIBUTES_READ_AT

PART_TABLES: Mapping[str, tuple[tuple[str, ...], Any]] = {
    "workspaces": (WORKSPACES_KEY, UPSERT),
    "data_attributes": (DATA_ATTRIBUTES_KEY, UPSERT),
    "segments": (SEGMENTS_KEY, UPSERT),
    "contact_attribute_changes": (CONTACT_ATTRIBUTE_CHANGES_KEY, INSERT_ONLY),
    "membership_changes": (MEMBERSHIP_CHANGES_KEY, INSERT_ONLY),
    "segment_scans": (SEGMENT_SCANS_KEY, UPSERT),
}
"""Tables that parts have rows of, beside contacts: their keys, and how their rows are merged."""


class ReadPart(Protocol):
    """A part of a first load that is read and not loaded."""

    stage: FirstLoadState

    def table(self, name: str) -> pa.Table | None:
        """The rows of one table; null where there are none."""


@dlt.source(name="intercom", max_table_nesting=0, root_key=False)
def intercom_first_load(parts: Iterable[ReadPart]) -> Iterable[Any]:
    """Parts of a first load. The first package also creates the tables that stay empty, since models read all."""
    is_first = "first_load" not in dlt.current.source_state()
    return (
        part_contacts(parts),
        *(part_rows(name, parts, *merged, is_first=is_first) for name, merged in PART_TABLES.items()),
        *empty_tables(BESIDE_CONTACTS.keys() - PART_TABLES.keys() if is_first else ()),
    )


@dlt.resource(name="contacts", primary_key=CONTACTS_KEY, write_disposition=UPSERT, columns=JSON_COLUMNS)
def part_contacts(parts: Iterable[ReadPart]) -> Iterator[pa.Table]:
    """The parts' contacts, each once: windows share their edges. The load's progress is in the same package."""
    state, seen = dlt.current.source_state(), set[Any]()

    def unseen() -> Iterator[pa.Table | None]:
        for part in parts:
            state["workspace_id"] = part.stage.workspace_id
            state["first_load"] = asdict(replace(part.stage, sweeps={}, fields=None))
            state["contact_fields"] = part.stage.fields
            state[ATTRIBUTES_READ_AT] = {"contact": part.stage.began_at}
            table = part.table("contacts")
            yield table and _unseen(table, seen, "id")

    yield from larger_tables(unseen())


def part_rows(
    name: str, parts: Iterable[ReadPart], key: tuple[str, ...], disposition: Any, *, is_first: bool
) -> DltResource:
    """The parts' rows of a table other than contacts. The first package creates the table if there are none."""
    created = [BESIDE_CONTACTS[name].empty_table()] if is_first else []
    tables = (part.table(name) for part in parts)
    if name == "contact_attribute_changes":
        seen = set[Any]()
        tables = (table and _unseen(table, seen, "contact_id", "attribute") for table in tables)
    rows = chain(larger_tables(chain(created, tables)))  # no generator: dlt would search all modules for its own
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


def _unseen(rows: pa.Table, seen: set[Any], *key: str) -> pa.Table:
    new = []
    for row in zip(*(rows[name].to_pylist() for name in key), strict=True):
        new.append(row not in seen)
        seen.add(row)
    return rows.filter(pa.array(new, pa.bool_()))
