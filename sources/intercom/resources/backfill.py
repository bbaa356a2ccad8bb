"""The source of one chunk of a backfill."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import dlt
import pyarrow as pa

from ..readings import ChunkReading
from ..tables import CONTACTS_KEY
from .contacts import JSON_COLUMNS
from .dispositions import UPSERT, empty_tables


@dlt.source(name="intercom", max_table_nesting=0, root_key=False)
def intercom_backfill(reading: ChunkReading, absent: Iterable[str]) -> Iterable[Any]:
    """A chunk of a backfill, into the same table as a sync's contacts. The sync's cursor does not move.

    `absent`: raw tables that do not exist yet; they are created, since models read them.
    """
    return (*empty_tables(absent), chunk_contacts(reading))


@dlt.resource(name="contacts", primary_key=CONTACTS_KEY, write_disposition=UPSERT, columns=JSON_COLUMNS)
async def chunk_contacts(reading: ChunkReading) -> AsyncIterator[pa.Table]:
    """The chunk's contacts. The backfill's progress is in the same package."""
    async for table in reading.contacts():
        yield table
    reading.note(dlt.current.source_state())
