"""The dlt resource `contacts`, and its cursor."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.extract.items import SupportsPipe
from dlt.extract.items_transform import MapItem
from dlt.extract.state import resource_state

from ..tables import CONTACT_ATTRIBUTE_CHANGES_KEY, CONTACTS_KEY, NESTED_CONTACT_FIELDS
from .dispositions import INSERT_ONLY, UPSERT, is_needed
from .extraction import Readings
from .state import MEMBERSHIPS_READ_TO

JSON_COLUMNS: TTableSchemaColumns = {name: {"data_type": "json"} for name in (*NESTED_CONTACT_FIELDS, "_extra")}


@dlt.resource(primary_key=CONTACTS_KEY, write_disposition=UPSERT, columns=JSON_COLUMNS)
async def contacts(readings: Readings, updated_at: dlt.sources.incremental[int]) -> AsyncIterator[pa.Table]:
    """One row per contact, as Intercom last sent it; incremental on `updated_at`."""
    reading = readings.current()
    async for table in reading.contacts():
        yield table
    state = dlt.current.source_state()
    state["workspace_id"] = reading.options.workspace_id
    state["contact_fields"] = reading.inputs.fields.known()
    state.pop("first_load", None)
    state["odd_fields"] = sorted(reading.inputs.fields.odd)
    if reading.inputs.reads_memberships:
        is_settled = reading.inputs.read_again_from is None
        state["began_at"] = reading.snapshot.began_at if reading.snapshot and is_settled else None
        state.pop(MEMBERSHIPS_READ_TO, None)
    else:
        state.setdefault(MEMBERSHIPS_READ_TO, reading.inputs.saved.cursor)


@dlt.resource(primary_key=CONTACT_ATTRIBUTE_CHANGES_KEY, write_disposition=INSERT_ONLY)
async def contact_attribute_changes(readings: Readings) -> AsyncIterator[pa.Table]:
    """One row per contact and tracked attribute found with another value than before: a log, never rewritten."""
    reading = readings.current()
    async with reading as (_, inputs):
        await reading.contacts_finished.wait()
        changes = await asyncio.to_thread(inputs.attribute_changes)
    if is_needed("contact_attribute_changes", changes):
        yield changes


class HighWaterMark(MapItem):
    """Moves dlt's cursor back from the greatest `updated_at` read to the mark taken before reading, less the overlap.

    A contact edited after its page was read would otherwise be lost behind a greater time from a later page.
    """

    placement_affinity: ClassVar[float] = 1.2  # behind dlt's own incremental step, which has 1

    def __init__(self, readings: Readings) -> None:
        super().__init__(self._move_back)
        self._readings = readings

    def bind(self, pipe: SupportsPipe) -> "HighWaterMark":
        """Notes where dlt keeps the cursor, and where the last run left it."""
        self._state = resource_state(pipe.name)
        self._before: int | None = self._cursor.get("last_value")
        return self

    @property
    def _cursor(self) -> dict[str, Any]:
        cursor: dict[str, Any] = self._state.setdefault("incremental", {}).setdefault("updated_at", {})
        return cursor

    def _move_back(self, table: pa.Table) -> pa.Table | None:
        """The cursor never moves to before where the last run left it, except to read odd fields again.

        A first load left it elsewhere. A table that need not be loaded ends here.
        """
        reading = self._readings.current()
        saved, cursor = reading.inputs.saved, self._cursor
        before = saved.cursor if self._before is None else self._before
        mark, read_to = reading.mark, cursor.get("last_value") or before
        if reading.contacts_missing or reading.is_mark_unknown:  # the next run has to read all of it again
            cursor["last_value"] = before if saved.first_load is None else None
        elif mark is not None and read_to is not None:
            moved_back = min(read_to, mark - reading.options.lag)
            cursor["last_value"] = moved_back if before is None else max(before, moved_back)
        again = reading.inputs.read_again_from
        if again is not None and cursor.get("last_value") is not None:
            cursor["last_value"] = min(cursor["last_value"], again - 1)
        return table if is_needed("contacts", table) else None
