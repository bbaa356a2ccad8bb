"""The dlt resources about the workspace itself: its name and place, and the attributes that it has defined."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dlt
import pyarrow as pa

from ..readings import NO_ATTRIBUTES, Reading, RunInputs
from ..tables import (
    BESIDE_CONTACTS,
    DATA_ATTRIBUTES_KEY,
    WORKSPACES_KEY,
    attribute_rows,
    rows_table,
    workspace_row,
)
from .dispositions import UPSERT, is_needed
from .extraction import Readings
from .state import ATTRIBUTES_READ_AT


@dlt.resource(primary_key=WORKSPACES_KEY, write_disposition=UPSERT)
async def workspaces(readings: Readings) -> AsyncIterator[pa.Table]:
    """One row: the workspace that the token belongs to."""
    async with readings.current() as (_, inputs):
        app = inputs.options.app
    dlt.current.source_state()["workspace_id"] = app.id_code
    rows = await _changed(inputs, "workspaces", [workspace_row(app)])
    if is_needed("workspaces", rows):
        yield rows


@dlt.resource(primary_key=DATA_ATTRIBUTES_KEY, write_disposition=UPSERT)
async def data_attributes(readings: Readings, models: Sequence[str]) -> AsyncIterator[pa.Table]:
    """One row per attribute of each model, built-in and archived ones included. A row is never deleted.

    A list is read with contacts that changed, and else once in `sweep_every`.

    Args:
        models: `contact`, and `company` where companies are read.
    """
    reading, state = readings.current(), dlt.current.source_state()
    async with reading as (client, inputs):
        due = [model for model in models if await _is_due(reading, state.get(ATTRIBUTES_READ_AT, {}).get(model))]
        answers = [await client.data_attributes(model) for model in due]
    if not due:
        return
    if None in answers:
        reading.remarks.append(NO_ATTRIBUTES)
    now = int(inputs.options.began_at.timestamp())
    state["workspace_id"] = inputs.options.workspace_id
    state[ATTRIBUTES_READ_AT] = state.get(ATTRIBUTES_READ_AT, {}) | dict.fromkeys(due, now)
    listed = [one for answer in answers for one in answer or ()]
    rows = await _changed(inputs, "data_attributes", attribute_rows(inputs.options.app, listed))
    if is_needed("data_attributes", rows):
        yield rows


async def _is_due(reading: Reading, read_at: int | None) -> bool:
    """Whether the list can have changed in a way that matters: new attributes come with the contacts that have them."""
    options, is_selected = reading.options, "contacts" in reading.inputs.selected
    age = None if read_at is None else options.began_at - datetime.fromtimestamp(read_at, UTC)
    if options.full or not is_selected or age is None or not timedelta() <= age <= options.limits.sweep_every:
        return True
    await reading.contacts_finished.wait()
    return reading.contacts_read > 0


async def _changed(inputs: RunInputs, table: str, listed: list[dict[str, Any]]) -> pa.Table:
    """The rows that are not loaded as they are."""
    schema = BESIDE_CONTACTS[table]
    loaded = await asyncio.to_thread(inputs.tables.rows, table, schema.names)
    new = rows_table(schema, listed)
    return new.filter(pa.array([row not in loaded for row in zip(*new.to_pydict().values(), strict=True)], pa.bool_()))
