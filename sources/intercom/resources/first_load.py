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
    CONTACT_ACTIVITIES,
    CONTACT_REMOVALS,
    CONTACTS_KEY,
    MEMBERSHIP_CHANGES_KEY,
    RUNS,
    SEGMENT_SCANS_KEY,
    SEGMENTS_KEY,
)
from .contacts import JSON_COLUMNS
from .dispositions import INSERT_ONLY, UPSERT


class Loadable(Protocol):
    """A part of a first load, as it was kept."""

    stage: FirstLoadState

    def table(self, name: str) -> pa.Table | None:
        """The rows of one table; null where there are none."""


@dlt.source(name="intercom", max_table_nesting=0)
def intercom_first_load(parts: Iterable[Loadable]) -> Iterable[Any]:
    """Parts of a first load. The first ones bring the tables that they leave empty: models read all."""
    empty = {"contact_activities": CONTACT_ACTIVITIES, "contact_removals": CONTACT_REMOVALS, "runs": RUNS}
    if "first_load" in dlt.current.source_state():
        empty = {}
    return (
        *(dlt.resource([schema.empty_table()], name=name) for name, schema in empty.items()),
        kept_contacts(parts),
        kept("segments", parts, SEGMENTS_KEY, INSERT_ONLY),
        kept("membership_changes", parts, MEMBERSHIP_CHANGES_KEY, INSERT_ONLY),
        kept("segment_scans", parts, SEGMENT_SCANS_KEY, UPSERT),
    )


@dlt.resource(name="contacts", primary_key=CONTACTS_KEY, write_disposition=UPSERT, columns=JSON_COLUMNS)
def kept_contacts(parts: Iterable[Loadable]) -> Iterator[pa.Table]:
    """The parts' contacts, each once: windows share their edges. How far the load has come is kept with them."""
    state, seen = dlt.current.source_state(), set[str]()

    def unseen() -> Iterator[pa.Table | None]:
        for part in parts:
            state["workspace_id"] = part.stage.workspace_id
            state["first_load"] = asdict(replace(part.stage, sweeps={}, fields=None))
            state["contact_fields"] = part.stage.fields
            table = part.table("contacts")
            yield None if table is None else _unseen(table, seen)

    yield from gathered(unseen())


def kept(name: str, parts: Iterable[Loadable], key: tuple[str, ...], disposition: Any) -> DltResource:
    """The parts' rows of another table."""
    rows = gathered(part.table(name) for part in parts)
    return dlt.resource(rows, name=name, primary_key=key, write_disposition=disposition)


def gathered(tables: Iterable[pa.Table | None]) -> Iterator[pa.Table]:
    """The same rows in fewer tables: whatever dlt does with a table costs it as much as some hundred rows."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting += [table] if table is not None else []
        if sum(table.num_rows for table in waiting) >= ROWS_A_TABLE:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _unseen(contacts: pa.Table, seen: set[str]) -> pa.Table:
    new = []
    for contact_id in contacts["id"].to_pylist():
        new.append(contact_id not in seen)
        seen.add(contact_id)
    return contacts.filter(pa.array(new, pa.bool_()))
