"""The dlt source for Intercom: segments, contacts, and which contact is in which segment."""

from collections.abc import Iterable
from typing import Any

import dlt
from dlt.common.typing import TSecretStrValue

from .readings import Reading
from .resources import (
    HighWaterMark,
    Readings,
    contact_activities,
    contact_removals,
    contacts,
    membership_changes,
    own_reading,
    scans,
    segment_scans,
    segments,
)
from .settings import IntercomSettings

__all__ = ["intercom"]

NO_FILTER = 2**53
"""A lag in seconds that reaches behind every contact: dlt then filters none."""


@dlt.source(name="intercom", max_table_nesting=0)
def intercom(
    access_token: TSecretStrValue = dlt.secrets.value,
    region: str = IntercomSettings.region,
    api_version: str = IntercomSettings.api_version,
    base_url: str | None = None,
    rate_limit_share: float = IntercomSettings.rate_limit_share,
    overlap: int = IntercomSettings.overlap,
    max_shrink: float = IntercomSettings.max_shrink,
    sweep_every: float = IntercomSettings.sweep_every,
    sweep_budget: int = IntercomSettings.sweep_budget,
    include_segments: list[str] | None = None,
    exclude_segments: list[str] | None = None,
    exclude_columns: list[str] | None = None,
    hash_columns: list[str] | None = None,
    hash_key: TSecretStrValue | None = None,
    full: bool = False,
    accept_shrink: bool = False,
    reading: Reading | None = None,
) -> Iterable[Any]:
    """Segments, contacts, and which contact is in which segment: what changed since the last run.

    Works in any dlt pipeline with a SQL destination that merges by key and can be read back: a run compares Intercom
    with the tables that the pipeline has loaded. Cursors are in dlt's state. Resources: `segments`, `contacts`,
    `contact_activities`, `membership_changes`, `segment_scans`, `contact_removals`. The last three are read with all
    the others; the first three can be selected alone.

    Only the command `intercom-warehouse` adds the run journal, the lock, marts with their checks, the published copy,
    and a first load that a kill does not start over.

    Args:
        access_token: an access token of the workspace, from Intercom's Developer Hub.
        region: us, eu or au.
        api_version: Preview, or a number from 2.7 on.
        base_url: replaces the region's address.
        rate_limit_share: the share of the workspace's quota that a run may use, from 0 to 1.
        overlap: seconds before the last run's mark that are read again.
        max_shrink: a segment that loses more than this share at once changes only if the next run finds the same.
        sweep_every: hours after which a segment is read whole again.
        sweep_budget: calls that a run may spend to read segments whole before they are due.
        include_segments: ids or names; only these are read. Null: all.
        exclude_segments: ids or names that are not read.
        exclude_columns: columns of contacts that are not loaded.
        hash_columns: columns of contacts of which a hash is loaded.
        hash_key: the secret of these hashes, at least 16 characters.
        full: read every contact and segment, not only what changed.
        accept_shrink: believe a collapse of a segment at once.
        reading: replaces all of the above by a reading that is already prepared.

    Raises:
        SetupError: a value that cannot work; during extraction, a selection, destination, workspace or clock that
            cannot.
    """
    settings = IntercomSettings(
        access_token=access_token,
        region=region,
        api_version=api_version,
        base_url=base_url,
        rate_limit_share=rate_limit_share,
        overlap=overlap,
        max_shrink=max_shrink,
        sweep_every=sweep_every,
        sweep_budget=sweep_budget,
        include_segments=include_segments,
        exclude_segments=exclude_segments,
        exclude_columns=exclude_columns,
        hash_columns=hash_columns,
        hash_key=hash_key,
    )
    settings.on_resolved()
    readings = Readings(lambda: reading or own_reading(settings, full=full, accept_shrink=accept_shrink))
    cursor = dlt.sources.incremental[int](
        "updated_at",
        range_start="open",
        lag=NO_FILTER if full else None,
        on_cursor_value_missing="include",
    )
    scanned = scans(readings)
    return (
        contacts(readings, updated_at=cursor).add_step(HighWaterMark(readings)),
        segments(readings),
        contact_activities(readings),
        scanned | membership_changes(readings=readings),
        scanned | segment_scans(readings=readings),
        contact_removals(readings),
    )
