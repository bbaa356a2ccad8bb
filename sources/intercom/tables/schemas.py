"""Arrow schemas and keys of the raw tables."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa

from ..wire import Whole

TEXT, INTEGER, NUMBER, BOOLEAN = pa.string(), pa.int64(), pa.float64(), pa.bool_()
TIMESTAMP = pa.timestamp("us", tz="UTC")


def arrow_type(annotation: Any) -> pa.DataType:
    if annotation in (int | None, int, Whole | None):
        return INTEGER
    return BOOLEAN if annotation == bool | None else TEXT


def table_schema(columns: dict[str, pa.DataType], *, key: tuple[str, ...]) -> pa.Schema:
    """A schema whose key is never null: dlt compares that with its own hints."""
    return pa.schema([pa.field(name, kind, nullable=name not in key) for name, kind in columns.items()])


WORKSPACES_KEY = ("workspace_id",)
WORKSPACES = table_schema(
    {"workspace_id": TEXT, "name": TEXT, "region": TEXT, "timezone": TEXT},
    key=WORKSPACES_KEY,
)

DATA_ATTRIBUTES_KEY = ("workspace_id", "model", "full_name")
DATA_ATTRIBUTES = table_schema(
    {
        "workspace_id": TEXT,
        "model": TEXT,
        "full_name": TEXT,
        "name": TEXT,
        "label": TEXT,
        "description": TEXT,
        "data_type": TEXT,
        "options": TEXT,
        "custom": BOOLEAN,
        "archived": BOOLEAN,
        "api_writable": BOOLEAN,
        "ui_writable": BOOLEAN,
        "messenger_writable": BOOLEAN,
        "id": INTEGER,
        "admin_id": TEXT,
        "created_at": INTEGER,
        "updated_at": INTEGER,
    },
    key=DATA_ATTRIBUTES_KEY,
)

SEGMENTS_KEY = ("workspace_id", "segment_id", "updated_at")
SEGMENTS = table_schema(
    {
        "workspace_id": TEXT,
        "segment_id": TEXT,
        "name": TEXT,
        "person_type": TEXT,
        "created_at": INTEGER,
        "updated_at": INTEGER,
        "observed_at": TIMESTAMP,
        "run_id": TEXT,
    },
    key=SEGMENTS_KEY,
)


def _changes_key(group: str, member: str) -> tuple[str, ...]:
    return ("workspace_id", group, member, "observed_at")


def _changes(group: str, member: str) -> pa.Schema:
    """A log of who joined or left what: the columns of its group, and of its member."""
    columns = {"workspace_id": TEXT, group: TEXT, member: TEXT, "is_member": BOOLEAN, "observed_at": TIMESTAMP}
    return table_schema({**columns, "seen_by": TEXT, "run_id": TEXT}, key=_changes_key(group, member))


MEMBERSHIP_CHANGES_KEY = _changes_key("segment_id", "contact_id")
MEMBERSHIP_CHANGES = _changes("segment_id", "contact_id")
COMPANY_MEMBERSHIP_CHANGES_KEY = _changes_key("segment_id", "company_id")
COMPANY_MEMBERSHIP_CHANGES = _changes("segment_id", "company_id")
CONTACT_TAG_CHANGES_KEY = _changes_key("tag_id", "contact_id")
CONTACT_TAG_CHANGES = _changes("tag_id", "contact_id")

SEGMENT_SCANS_KEY = ("workspace_id", "run_id", "segment_id")
SEGMENT_SCANS = table_schema(
    {
        "workspace_id": TEXT,
        "segment_id": TEXT,
        "run_id": TEXT,
        "how": TEXT,
        "status": TEXT,
        "problem": TEXT,
        "started_at": TIMESTAMP,
        "observed_at": TIMESTAMP,
        "count": INTEGER,
        "total_count": INTEGER,
        "fetched": INTEGER,
        "members": INTEGER,
    },
    key=SEGMENT_SCANS_KEY,
)

COMPANY_SEGMENT_SCANS_KEY = SEGMENT_SCANS_KEY
COMPANY_SEGMENT_SCANS = table_schema(
    {
        "workspace_id": TEXT,
        "segment_id": TEXT,
        "run_id": TEXT,
        "how": TEXT,
        "status": TEXT,
        "problem": TEXT,
        "started_at": TIMESTAMP,
        "observed_at": TIMESTAMP,
        "fetched": INTEGER,
        "members": INTEGER,
    },
    key=COMPANY_SEGMENT_SCANS_KEY,
)

CONTACT_TAG_SCANS_KEY = ("workspace_id", "run_id", "tag_id")
CONTACT_TAG_SCANS = table_schema(
    {
        "workspace_id": TEXT,
        "tag_id": TEXT,
        "run_id": TEXT,
        "tag_name": TEXT,
        "how": TEXT,
        "status": TEXT,
        "problem": TEXT,
        "started_at": TIMESTAMP,
        "observed_at": TIMESTAMP,
        "total_count": INTEGER,
        "fetched": INTEGER,
        "members": INTEGER,
    },
    key=CONTACT_TAG_SCANS_KEY,
)

CONTACT_REMOVALS_KEY = ("workspace_id", "contact_id", "status", "observed_at")
CONTACT_REMOVALS = table_schema(
    {
        "workspace_id": TEXT,
        "contact_id": TEXT,
        "status": TEXT,
        "observed_at": TIMESTAMP,
        "happened_at": INTEGER,
        "merged_into_contact_id": TEXT,
        "run_id": TEXT,
    },
    key=CONTACT_REMOVALS_KEY,
)

CONTACT_ATTRIBUTE_CHANGES_KEY = ("workspace_id", "contact_id", "attribute", "observed_at")
CONTACT_ATTRIBUTE_CHANGES = table_schema(
    {
        "workspace_id": TEXT,
        "contact_id": TEXT,
        "attribute": TEXT,
        "value": TEXT,
        "observed_at": TIMESTAMP,
        "observed_after": TIMESTAMP,
        "run_id": TEXT,
    },
    key=CONTACT_ATTRIBUTE_CHANGES_KEY,
)

CONTACT_ACTIVITIES_KEY = ("workspace_id", "id")
CONTACT_ACTIVITIES = table_schema(
    {
        "workspace_id": TEXT,
        "id": TEXT,
        "event_type": TEXT,
        "contact_id": TEXT,
        "external_id": TEXT,
        "role": TEXT,
        "merge_source_id": TEXT,
        "merge_target_id": TEXT,
        "failure_reason": TEXT,
        "created_at": INTEGER,
        "run_id": TEXT,
    },
    key=CONTACT_ACTIVITIES_KEY,
)

LIST_READS_KEY = ("workspace_id", "table_name", "run_id")
LIST_READS = table_schema(
    {
        "workspace_id": TEXT,
        "table_name": TEXT,
        "run_id": TEXT,
        "how": TEXT,
        "status": TEXT,
        "problem": TEXT,
        "started_at": TIMESTAMP,
        "observed_at": TIMESTAMP,
        "calls": INTEGER,
        "fetched": INTEGER,
        "total_count": INTEGER,
        "changed": INTEGER,
        "deleted": INTEGER,
        "cursor": INTEGER,
    },
    key=LIST_READS_KEY,
)

RUNS_KEY = ("workspace_id", "run_id")
RUNS = table_schema(
    {
        "workspace_id": TEXT,
        "run_id": TEXT,
        "pipeline_name": TEXT,
        "command": TEXT,
        "started_at": TIMESTAMP,
        "ended_at": TIMESTAMP,
        "outcome": TEXT,
        "exit_code": INTEGER,
        "api_calls": INTEGER,
        "problem": TEXT,
    },
    key=RUNS_KEY,
)

OWN_TABLES: Mapping[str, pa.Schema] = {
    "workspaces": WORKSPACES,
    "data_attributes": DATA_ATTRIBUTES,
    "segments": SEGMENTS,
    "membership_changes": MEMBERSHIP_CHANGES,
    "segment_scans": SEGMENT_SCANS,
    "contact_tag_changes": CONTACT_TAG_CHANGES,
    "contact_tag_scans": CONTACT_TAG_SCANS,
    "company_membership_changes": COMPANY_MEMBERSHIP_CHANGES,
    "company_segment_scans": COMPANY_SEGMENT_SCANS,
    "contact_attribute_changes": CONTACT_ATTRIBUTE_CHANGES,
    "contact_activities": CONTACT_ACTIVITIES,
    "contact_removals": CONTACT_REMOVALS,
    "list_reads": LIST_READS,
    "runs": RUNS,
}
"""Raw tables beside `contacts` that no list of the catalogue fills, by name."""


def rows_table(schema: pa.Schema, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows as a table; a column that a row leaves out is null."""
    return pa.Table.from_pylist(list(rows), schema=schema)


def changes_table(
    ids: Collection[str],
    shared: Mapping[str, Any],
    schema: pa.Schema = MEMBERSHIP_CHANGES,
    id_column: str = "contact_id",
) -> pa.Table:
    """Rows of a log that differ only in their contact, or company: row by row takes ten times longer."""
    columns = {
        field.name: pa.repeat(pa.scalar(shared[field.name], field.type), len(ids))
        for field in schema
        if field.name in shared
    }
    return pa.table({**columns, id_column: sorted(ids)}, schema=schema)
