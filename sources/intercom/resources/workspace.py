"""The dlt resources about the workspace itself: its name and place, and the attributes that it has defined."""

from collections.abc import AsyncIterator

import dlt
import pyarrow as pa

from ..readings import NO_ATTRIBUTES
from ..tables import (
    DATA_ATTRIBUTES,
    DATA_ATTRIBUTES_KEY,
    WORKSPACES,
    WORKSPACES_KEY,
    attribute_rows,
    rows_table,
    workspace_row,
)
from .dispositions import UPSERT
from .extraction import Readings


@dlt.resource(primary_key=WORKSPACES_KEY, write_disposition=UPSERT)
async def workspaces(readings: Readings) -> AsyncIterator[pa.Table]:
    """One row: the workspace that the token belongs to."""
    async with readings.current() as (_, inputs):
        app = inputs.options.app
    dlt.current.source_state()["workspace_id"] = app.id_code
    yield rows_table(WORKSPACES, [workspace_row(app)])


@dlt.resource(primary_key=DATA_ATTRIBUTES_KEY, write_disposition=UPSERT)
async def data_attributes(readings: Readings) -> AsyncIterator[pa.Table]:
    """One row per attribute of contacts, built-in and archived ones included. A row is never deleted."""
    reading = readings.current()
    async with reading as (client, inputs):
        listed, app = await client.data_attributes("contact"), inputs.options.app
    if listed is None:
        reading.remarks.append(NO_ATTRIBUTES)
    dlt.current.source_state()["workspace_id"] = app.id_code
    yield rows_table(DATA_ATTRIBUTES, attribute_rows(app, listed or ()))
