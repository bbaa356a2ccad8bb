"""Which contacts a run reads: all, those that changed, or none."""

import asyncio

from ..api import JSON, UNKNOWN, Intercom
from ..memberships import WorkspaceSnapshot
from ..search import count, everyone, updated_after
from .inputs import RunInputs


async def contacts_query(client: Intercom, snapshot: WorkspaceSnapshot, inputs: RunInputs) -> JSON | None:
    """The search that finds the contacts to read; null if none changed."""
    cursor, options = inputs.saved.cursor, inputs.options
    if options.full or cursor is None or await asyncio.to_thread(_came_short, snapshot, inputs):
        return everyone()
    query = updated_after(cursor, options.version, options.app.timezone)
    return None if await _has_nothing_new(client, query, snapshot, inputs) else query


def _came_short(snapshot: WorkspaceSnapshot, inputs: RunInputs) -> bool:
    """Whether a first load has left contacts out: by the smaller of Intercom's counts, before and after it;
    true if one of them is unknown."""
    counted = inputs.saved.first_load
    if counted is not None and UNKNOWN in (counted, snapshot.contacts):
        return True
    return counted is not None and inputs.tables.contact_count() < min(counted, snapshot.contacts)


async def _has_nothing_new(client: Intercom, query: JSON, snapshot: WorkspaceSnapshot, inputs: RunInputs) -> bool:
    """Whether the search would find only what the last run has read.

    No contact was updated since, and the search counts as many contacts as are loaded. If one disappeared and another
    one appeared late, it is not lost: the cursor stays, so all are read as soon as any contact is updated.
    """
    cursor, began_at, mark = inputs.saved.cursor, inputs.saved.began_at, snapshot.mark
    if cursor is None or began_at is None or mark is None or not inputs.options.version.exact_times:
        return False
    if mark != cursor + inputs.options.lag or mark >= began_at:
        return False
    return await count(client, query) == await asyncio.to_thread(inputs.tables.updated_after, cursor)
