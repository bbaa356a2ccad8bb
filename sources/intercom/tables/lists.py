"""The raw tables of the catalogue, and the table that says how each list was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa

from ..catalog import EMBEDDED, RESOURCES, Resource, Table
from .schemas import BOOLEAN, INTEGER, NUMBER, OWN_TABLES, TEXT, TIMESTAMP, table_schema

KINDS: Mapping[str, pa.DataType] = {
    "text": TEXT,
    "integer": INTEGER,
    "number": NUMBER,
    "boolean": BOOLEAN,
    "time": INTEGER,
    "json": TEXT,
}
NOTED = {"content_hash": TEXT, "is_deleted": BOOLEAN, "observed_at": TIMESTAMP, "run_id": TEXT}
"""What is noted of each row: a hash of what Intercom sent, whether a complete list no longer has it, and since when."""


How = Literal["whole", "changes", "recent", "by_parent"]
Status = Literal["complete", "partial", "incomplete", "refused", "not_offered"]


@dataclass(frozen=True)
class ListRead:
    """How one list was read in one run: a row of `list_reads`, without workspace and run.

    Args:
        how: `whole`, `changes` (what a search found since the cursor, or of parents that changed), `recent` (changes,
            and all that was created lately), or `by_parent`.
        status: `complete`; `partial`: what a budget allowed, and the next runs read the rest; `incomplete`: rows count,
            but none is marked as deleted; `refused` by Intercom; or `not_offered`: the configured version of its API
            does not have it, or a setting that it needs is empty.
        calls: answered calls.
        fetched: distinct records.
        total_count: as Intercom counts them, null where it does not.
        changed, deleted: rows that were written, nested ones included.
        cursor: from where the next run has to search for changes; epoch seconds.
    """

    table_name: str
    how: How
    status: Status
    problem: str | None
    started_at: datetime
    observed_at: datetime
    calls: int = 0
    fetched: int = 0
    total_count: int | None = None
    changed: int = 0
    deleted: int = 0
    cursor: int | None = None


@dataclass(frozen=True)
class PlannedList:
    """A list that a run would read.

    Args:
        calls: as many as its newest reading took, or as its first page lets expect; null where only a reading shows it.
        records: as Intercom counts them, null where it does not.
    """

    table_name: str
    calls: int | None
    records: int | None = None
    megabytes: float = 0.0


def key_of(table: Table, resource: Resource) -> tuple[str, ...]:
    """The key of a table behind the workspace's id. Nested rows have that of their record before their own."""
    before = resource.parent_columns if table is resource else (*resource.parent_columns, resource.id_column)
    return (*before, *table.key)


def _schema(table: Table, resource: Resource) -> pa.Schema:
    key = ("workspace_id", *key_of(table, resource))
    columns = {name: KINDS[column.kind] for name, column in table.columns.items()}
    extra = {"_extra": TEXT} if table.has_extra else {}
    return table_schema(dict.fromkeys(key, TEXT) | columns | extra | NOTED, key=key)


LIST_KEYS: Mapping[str, tuple[str, ...]] = {
    table.table: ("workspace_id", *key_of(table, resource)) for resource in RESOURCES for table in resource.tables
}
LIST_TABLES: Mapping[str, pa.Schema] = {
    table.table: _schema(table, resource) for resource in RESOURCES for table in resource.tables
}
"""The raw tables of the catalogue, by name. Each is created by the first run that reads its list."""
BESIDE_CONTACTS: Mapping[str, pa.Schema] = {**OWN_TABLES, **{name: LIST_TABLES[name] for name in sorted(EMBEDDED)}}
"""The raw tables that each warehouse has beside `contacts`, by name: models read them."""
