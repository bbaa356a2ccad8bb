"""Arrow schemas and keys of the raw tables."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa

_TEXT, _WHOLE, _TRUTH, _MOMENT = pa.string(), pa.int64(), pa.bool_(), pa.timestamp("us", tz="UTC")


def _arrow_type(annotation: Any) -> pa.DataType:
    if annotation in (int | None, int):
        return _WHOLE
    return _TRUTH if annotation == bool | None else _TEXT


def _schema(columns: dict[str, pa.DataType], *, key: tuple[str, ...]) -> pa.Schema:
    """An Arrow schema whose key is never null: dlt compares that with its own hints."""
    return pa.schema([pa.field(name, kind, nullable=name not in key) for name, kind in columns.items()])


SEGMENTS_KEY = ("workspace_id", "segment_id", "updated_at")
SEGMENTS = _schema(
    {
        "workspace_id": _TEXT,
        "segment_id": _TEXT,
        "name": _TEXT,
        "person_type": _TEXT,
        "created_at": _WHOLE,
        "updated_at": _WHOLE,
        "observed_at": _MOMENT,
        "run_id": _TEXT,
    },
    key=SEGMENTS_KEY,
)

MEMBERSHIP_CHANGES_KEY = ("workspace_id", "segment_id", "contact_id", "observed_at")
MEMBERSHIP_CHANGES = _schema(
    {
        "workspace_id": _TEXT,
        "segment_id": _TEXT,
        "contact_id": _TEXT,
        "is_member": _TRUTH,
        "observed_at": _MOMENT,
        "seen_by": _TEXT,
        "run_id": _TEXT,
    },
    key=MEMBERSHIP_CHANGES_KEY,
)

SEGMENT_SCANS_KEY = ("workspace_id", "run_id", "segment_id")
SEGMENT_SCANS = _schema(
    {
        "workspace_id": _TEXT,
        "segment_id": _TEXT,
        "run_id": _TEXT,
        "how": _TEXT,
        "status": _TEXT,
        "problem": _TEXT,
        "started_at": _MOMENT,
        "observed_at": _MOMENT,
        "count": _WHOLE,
        "total_count": _WHOLE,
        "fetched": _WHOLE,
        "members": _WHOLE,
    },
    key=SEGMENT_SCANS_KEY,
)

CONTACT_REMOVALS_KEY = ("workspace_id", "contact_id", "status", "observed_at")
CONTACT_REMOVALS = _schema(
    {
        "workspace_id": _TEXT,
        "contact_id": _TEXT,
        "status": _TEXT,
        "observed_at": _MOMENT,
        "happened_at": _WHOLE,
        "merged_into_contact_id": _TEXT,
        "run_id": _TEXT,
    },
    key=CONTACT_REMOVALS_KEY,
)

CONTACT_ACTIVITIES_KEY = ("workspace_id", "id")
CONTACT_ACTIVITIES = _schema(
    {
        "workspace_id": _TEXT,
        "id": _TEXT,
        "event_type": _TEXT,
        "contact_id": _TEXT,
        "external_id": _TEXT,
        "role": _TEXT,
        "merge_source_id": _TEXT,
        "merge_target_id": _TEXT,
        "failure_reason": _TEXT,
        "created_at": _WHOLE,
        "run_id": _TEXT,
    },
    key=CONTACT_ACTIVITIES_KEY,
)

RUNS_KEY = ("workspace_id", "run_id")
RUNS = _schema(
    {
        "workspace_id": _TEXT,
        "run_id": _TEXT,
        "pipeline_name": _TEXT,
        "command": _TEXT,
        "started_at": _MOMENT,
        "ended_at": _MOMENT,
        "outcome": _TEXT,
        "exit_code": _WHOLE,
        "api_calls": _WHOLE,
        "problem": _TEXT,
    },
    key=RUNS_KEY,
)


def rows_table(schema: pa.Schema, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows as a table of one of the schemas above; a column that a row leaves out is null."""
    return pa.Table.from_pylist(list(rows), schema=schema)


def changes_table(contact_ids: Collection[str], shared: Mapping[str, Any]) -> pa.Table:
    """Rows of `membership_changes` that differ in their contact only: one by one they would take ten times longer."""
    columns = {
        field.name: pa.repeat(pa.scalar(shared[field.name], field.type), len(contact_ids))
        for field in MEMBERSHIP_CHANGES
        if field.name in shared
    }
    return pa.table({**columns, "contact_id": sorted(contact_ids)}, schema=MEMBERSHIP_CHANGES)
