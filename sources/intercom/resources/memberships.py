"""The dlt resources around memberships: segments, scans, changes, activities, removals."""

from collections.abc import AsyncIterator
from typing import Any

import dlt
import pyarrow as pa
from msgspec import structs

from ..memberships import RunOptions, Scan, changes_of, scans_of
from ..readings import Reading
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
from .contacts import INSERT_ONLY, UPSERT


@dlt.resource(primary_key=SEGMENTS_KEY, write_disposition=INSERT_ONLY)
async def segments(reading: Reading) -> AsyncIterator[pa.Table]:
    """One row per version of a segment's definition.

    The cursor on `updated_at` is one per segment: with a single one for all, a segment that a short list hid at first
    would be older than the cursor when it appears, and never be written.
    """
    # binds the pipeline's name to this workspace
    dlt.current.source_state()["workspace_id"] = reading.options.workspace_id
    yield _stamped(reading.options, SEGMENTS, await reading.new_versions())


@dlt.resource(primary_key=CONTACT_ACTIVITIES_KEY, write_disposition=INSERT_ONLY)
async def contact_activities(reading: Reading) -> AsyncIterator[pa.Table]:
    """One row per event of the activity feed: contacts made, merged, deleted."""
    async for page in reading.activities():
        rows = _stamped(reading.options, CONTACT_ACTIVITIES, [structs.asdict(activity) for activity in page])
        yield reading.fields.privacy.redacted(rows)
    dlt.current.source_state()["feed"] = reading.feed_cursor


@dlt.resource(selected=False)
async def scans(reading: Reading) -> AsyncIterator[list[Scan]]:
    """What each look at a segment found; the two tables below are made of it."""
    async for batch in reading.scans():
        yield batch


@dlt.transformer(primary_key=MEMBERSHIP_CHANGES_KEY, write_disposition=INSERT_ONLY)
def membership_changes(batch: list[Scan], options: RunOptions) -> pa.Table:
    """One row per contact seen to enter or to have left a segment: a log, never rewritten."""
    return changes_of(batch, options)


@dlt.transformer(primary_key=SEGMENT_SCANS_KEY, write_disposition=UPSERT)
def segment_scans(batch: list[Scan], options: RunOptions) -> pa.Table:
    """One row per run and segment: how it was looked at, when, and whether that counts as an observation."""
    return scans_of(batch, options)


@dlt.resource(primary_key=CONTACT_REMOVALS_KEY, write_disposition=INSERT_ONLY)
async def contact_removals(reading: Reading) -> AsyncIterator[pa.Table]:
    """One row per contact found gone, or found again (`active`): a log, since archiving can be undone."""
    async for rows in reading.contact_removals():
        yield _stamped(reading.options, CONTACT_REMOVALS, rows)
    if reading.scanning:
        state = dlt.current.source_state()
        state["unaccounted"], state["asked_until"] = reading.scanning.unaccounted, reading.scanning.asked_until


def _stamped(options: RunOptions, schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    return rows_table(schema, [row | options.stamp for row in rows])
