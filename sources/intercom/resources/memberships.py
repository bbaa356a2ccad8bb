"""The dlt resources around memberships: segments, scans, changes, activities, removals."""

from collections.abc import AsyncIterator
from typing import Any

import dlt
import pyarrow as pa
from msgspec import structs

from ..memberships import RunOptions, Scan, changes_of, scans_of
from ..tables import (
    CONTACT_ACTIVITIES,
    CONTACT_ACTIVITIES_KEY,
    CONTACT_REMOVALS,
    CONTACT_REMOVALS_KEY,
    MEMBERSHIP_CHANGES_KEY,
    SEGMENT_SCANS_KEY,
    SEGMENTS,
    SEGMENTS_KEY,
    rows_table,
)
from .dispositions import INSERT_ONLY, UPSERT, is_needed
from .extraction import Readings


@dlt.resource(primary_key=SEGMENTS_KEY, write_disposition=UPSERT)
async def segments(readings: Readings) -> AsyncIterator[pa.Table]:
    """One row per version of a segment's definition.

    The cursor on `updated_at` is one per segment: with a single one for all, a segment that a short list hid at first
    would be older than the cursor when it appears, and never be written.
    """
    reading = readings.current()
    versions = await reading.new_versions()
    dlt.current.source_state()["workspace_id"] = reading.options.workspace_id
    rows = _stamped(reading.options, SEGMENTS, versions)
    if is_needed("segments", rows):
        yield rows


@dlt.resource(primary_key=CONTACT_ACTIVITIES_KEY, write_disposition=INSERT_ONLY)
async def contact_activities(readings: Readings) -> AsyncIterator[pa.Table]:
    """One row per event of the activity feed: contacts created, merged, deleted."""
    reading = readings.current()
    async for page in reading.activities():
        rows = _stamped(reading.options, CONTACT_ACTIVITIES, [structs.asdict(activity) for activity in page])
        if is_needed("contact_activities", rows):
            yield reading.inputs.fields.privacy.redacted(rows)
    state = dlt.current.source_state()
    state["workspace_id"], state["feed"] = reading.options.workspace_id, reading.feed_cursor


@dlt.resource(selected=False)
async def scans(readings: Readings) -> AsyncIterator[list[Scan]]:
    """The scans that the next two tables are made of."""
    async for batch in readings.current().scans():
        yield batch


@dlt.transformer(primary_key=MEMBERSHIP_CHANGES_KEY, write_disposition=INSERT_ONLY)
def membership_changes(batch: list[Scan], readings: Readings) -> pa.Table | None:
    """One row per contact found to have joined or left a segment: a log, never rewritten."""
    rows = changes_of(batch, readings.current().options)
    return rows if is_needed("membership_changes", rows) else None


@dlt.transformer(primary_key=SEGMENT_SCANS_KEY, write_disposition=UPSERT)
def segment_scans(batch: list[Scan], readings: Readings) -> pa.Table:
    """One row per run and segment: how and when it was scanned, and whether the scan counts as an observation."""
    return scans_of(batch, readings.current().options)


@dlt.resource(primary_key=CONTACT_REMOVALS_KEY, write_disposition=INSERT_ONLY)
async def contact_removals(readings: Readings) -> AsyncIterator[pa.Table]:
    """One row per contact found removed, or active again: a log, since archiving can be undone."""
    reading = readings.current()
    async for found in reading.contact_removals():
        rows = _stamped(reading.options, CONTACT_REMOVALS, found)
        if is_needed("contact_removals", rows):
            yield rows
    if reading.scanning:
        state = dlt.current.source_state()
        state["unaccounted"], state["asked_until"] = reading.scanning.unaccounted, reading.scanning.asked_until


def _stamped(options: RunOptions, schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    return rows_table(schema, [row | options.stamp for row in rows])
