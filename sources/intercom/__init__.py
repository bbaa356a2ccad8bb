"""The dlt source for Intercom: what is loaded, under which key and cursor.

Every table carries `workspace_id`, first in its key, so that several workspaces share a warehouse. The resources of one
run share one `Reading`; who is in which segment comes from sweeping segments and from reading who changed (see
`memberships` and `plan`). What a large first load reads is kept on disk at once (see `first_load`).
"""

from collections.abc import Iterable
from typing import Any

import dlt

from .readings import ChunkReading, Reading
from .resources import (
    INSERT_ONLY,
    UPSERT,
    HighWaterMark,
    Loadable,
    chunk_contacts,
    contact_activities,
    contact_removals,
    contacts,
    kept,
    kept_contacts,
    membership_changes,
    scans,
    segment_scans,
    segments,
)
from .tables import (
    CONTACT_ACTIVITIES,
    CONTACT_REMOVALS,
    MEMBERSHIP_CHANGES,
    MEMBERSHIP_CHANGES_KEY,
    RUNS,
    SEGMENT_SCANS,
    SEGMENT_SCANS_KEY,
    SEGMENTS,
    SEGMENTS_KEY,
)

BESIDE_CONTACTS = {
    "segments": SEGMENTS,
    "membership_changes": MEMBERSHIP_CHANGES,
    "segment_scans": SEGMENT_SCANS,
    "contact_activities": CONTACT_ACTIVITIES,
    "contact_removals": CONTACT_REMOVALS,
    "runs": RUNS,
}
"""All other tables, as models read them."""
NO_FILTER = 2**53
"""A lag in seconds that reaches behind every contact: dlt then filters none."""


@dlt.source(name="intercom", max_table_nesting=0)
def intercom(reading: Reading) -> Iterable[Any]:
    """Segments, contacts, and which contact is in which segment: what changed since the last run.

    Args:
        reading: what is read, and what is remembered from earlier runs.
    """
    cursor = dlt.sources.incremental[int](
        "updated_at",
        range_start="open",
        lag=NO_FILTER if reading.options.full else None,
        on_cursor_value_missing="include",
    )
    scanned = scans(reading)
    return (
        contacts(reading, updated_at=cursor).add_step(HighWaterMark(reading)),
        segments(reading),
        contact_activities(reading),
        scanned | membership_changes(options=reading.options),
        scanned | segment_scans(options=reading.options),
        contact_removals(reading),
    )


@dlt.source(name="intercom", max_table_nesting=0)
def intercom_first_load(parts: Iterable[Loadable]) -> Iterable[Any]:
    """Parts of a first load, already read. The first ones bring tables that they leave empty: models read all."""
    empty = {"contact_activities": CONTACT_ACTIVITIES, "contact_removals": CONTACT_REMOVALS, "runs": RUNS}
    if "first_load" in dlt.current.source_state():
        empty = {}
    return (
        *(dlt.resource([schema.empty_table()], name=name) for name, schema in empty.items()),
        kept_contacts(parts),
        kept("segments", parts, SEGMENTS_KEY, INSERT_ONLY),
        kept("membership_changes", parts, MEMBERSHIP_CHANGES_KEY, INSERT_ONLY),
        kept("segment_scans", parts, SEGMENT_SCANS_KEY, UPSERT),
    )


@dlt.source(name="intercom", max_table_nesting=0)
def intercom_backfill(reading: ChunkReading, absent: Iterable[str]) -> Iterable[Any]:
    """A chunk of a backfill, into the same table as a sync's contacts; the sync's cursor stays where it is.

    Args:
        absent: tables that nothing was ever loaded into: they are made, since models read them.
    """
    rowless = (dlt.resource([BESIDE_CONTACTS[name].empty_table()], name=name) for name in absent)
    return (*rowless, chunk_contacts(reading))
