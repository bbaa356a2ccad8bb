"""The dlt source for Intercom: what is loaded, under which key and cursor.

Every table carries `workspace_id`, first in its key, so that several workspaces share a warehouse. The resources of one
run share one `Reading`; who is in which segment comes from sweeping each segment (see `memberships`).
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any, ClassVar

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.extract.items import SupportsPipe
from dlt.extract.items_transform import MapItem
from dlt.extract.state import resource_state

from .memberships import Scan
from .reading import Reading
from .records import (
    CONTACT_REMOVALS,
    CONTACT_REMOVALS_KEY,
    CONTACTS_KEY,
    MEMBERSHIP_CHANGES,
    MEMBERSHIP_CHANGES_KEY,
    NESTED_CONTACT_FIELDS,
    SEGMENT_SCANS,
    SEGMENT_SCANS_KEY,
    SEGMENTS,
    SEGMENTS_KEY,
    rows_table,
)

# Any: dlt's annotations of transformers know only the plain words
UPSERT: Any = {"disposition": "merge", "strategy": "upsert"}
INSERT_ONLY: Any = {"disposition": "merge", "strategy": "insert-only"}
JSON_COLUMNS: TTableSchemaColumns = {name: {"data_type": "json"} for name in (*NESTED_CONTACT_FIELDS, "_extra")}
EVERYTHING = 2**53
"""A lag in seconds that reaches behind every contact: dlt then filters none."""


@dlt.source(name="intercom", max_table_nesting=0)
def intercom(reading: Reading, *, overlap: int) -> Iterable[Any]:
    """Segments, contacts, and which contact is in which segment.

    Args:
        reading: what is read, and what is remembered from earlier runs.
        overlap: seconds to read again before the last run's high-water mark, for contacts that search found late.
    """
    cursor = dlt.sources.incremental[int](
        "updated_at",
        range_start="open",
        lag=EVERYTHING if reading.full else None,
        on_cursor_value_missing="include",
    )
    scanned = scans(reading)
    return (
        contacts(reading, updated_at=cursor).add_step(HighWaterMark(reading, overlap)),
        segments(reading),
        scanned | membership_changes(reading),
        scanned | segment_scans(reading),
        contact_removals(reading),
    )


@dlt.resource(primary_key=CONTACTS_KEY, write_disposition=UPSERT, columns=JSON_COLUMNS)
async def contacts(reading: Reading, updated_at: dlt.sources.incremental[int]) -> AsyncIterator[pa.Table]:
    """One row per contact, as Intercom last sent it; incremental on `updated_at`."""
    async for table in reading.contacts(updated_at.last_value):
        yield table
    dlt.current.source_state()["contact_fields"] = reading.fields.known()


class HighWaterMark(MapItem):
    """Moves dlt's cursor back from the greatest `updated_at` read to the mark taken before reading, less the overlap.

    A contact edited after its page was read would otherwise be lost behind a greater time from a later page.
    """

    placement_affinity: ClassVar[float] = 1.2  # behind dlt's own incremental step, which has 1

    def __init__(self, reading: Reading, overlap: int) -> None:
        super().__init__(self._move_back)
        self._reading = reading
        self._overlap = overlap + reading.version.overlap
        self._before: int | None = None

    def bind(self, pipe: SupportsPipe) -> "HighWaterMark":
        """Remembers the cursor of the last run: it never moves backwards."""
        self._state = resource_state(pipe.name)
        self._before = self._cursor().get("last_value")
        return self

    def _cursor(self) -> dict[str, Any]:
        cursor: dict[str, Any] = self._state.setdefault("incremental", {}).setdefault("updated_at", {})
        return cursor

    def _move_back(self, table: pa.Table) -> pa.Table:
        mark, read_to = self._reading.high_water_mark, self._cursor().get("last_value")
        if mark is not None and read_to is not None:
            moved_back = min(read_to, mark - self._overlap)
            self._cursor()["last_value"] = moved_back if self._before is None else max(self._before, moved_back)
        return table


@dlt.resource(primary_key=SEGMENTS_KEY, write_disposition=INSERT_ONLY)
async def segments(reading: Reading) -> AsyncIterator[pa.Table]:
    """One row per version of a segment's definition.

    The cursor on `updated_at` is one per segment: with a single one for all, a segment that a short list hid at first
    would be older than the cursor when it appears, and never be written.
    """
    dlt.current.source_state()["workspace_id"] = reading.workspace_id  # binds the pipeline's name to this workspace
    yield _stamped(reading, SEGMENTS, await reading.new_versions())


@dlt.resource(selected=False)
async def scans(reading: Reading) -> AsyncIterator[list[Scan]]:
    """What each look at a segment found; the two tables below are made of it."""
    async for batch in reading.scans():
        yield batch


@dlt.transformer(primary_key=MEMBERSHIP_CHANGES_KEY, write_disposition=INSERT_ONLY)
def membership_changes(batch: list[Scan], reading: Reading) -> pa.Table:
    """One row per contact seen to enter or to have left a segment: a log, never rewritten."""
    return _stamped(reading, MEMBERSHIP_CHANGES, [change for scan in batch for change in scan.changes()])


@dlt.transformer(primary_key=SEGMENT_SCANS_KEY, write_disposition=UPSERT)
def segment_scans(batch: list[Scan], reading: Reading) -> pa.Table:
    """One row per run and segment: how it was looked at, when, and whether that counts as an observation."""
    return _stamped(reading, SEGMENT_SCANS, [scan.row() for scan in batch])


@dlt.resource(primary_key=CONTACT_REMOVALS_KEY, write_disposition=INSERT_ONLY)
async def contact_removals(reading: Reading) -> AsyncIterator[pa.Table]:
    """One row per contact found gone, or found again (`active`): a log, since archiving can be undone."""
    async for rows in reading.contact_removals():
        yield _stamped(reading, CONTACT_REMOVALS, rows)


def _stamped(reading: Reading, schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    stamp = {"workspace_id": reading.workspace_id, "run_id": reading.run_id}
    return rows_table(schema, [{**stamp, **row} for row in rows])
