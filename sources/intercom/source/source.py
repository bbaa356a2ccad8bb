"""The dlt source: its arguments, and the resources that it gives dlt."""

from collections.abc import Collection, Iterable
from dataclasses import fields
from typing import Any

import dlt
from dlt.common.typing import TSecretStrValue

from ..catalog import COMPANIES, RESOURCES, Resource, chosen
from ..readings import Reading
from ..resources import (
    HighWaterMark,
    Readings,
    contact_activities,
    contact_attribute_changes,
    contact_removals,
    contacts,
    data_attributes,
    list_resources,
    membership_changes,
    own_reading,
    scans,
    segment_scans,
    segments,
    workspaces,
)
from ..settings import IntercomSettings

NO_FILTER = 2**53
"""A lag in seconds that reaches behind every contact: dlt then filters none."""


@dlt.source(name="intercom", section="intercom", max_table_nesting=0, root_key=False)
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
    parts_budget: int = IntercomSettings.parts_budget,
    events_budget: int = IntercomSettings.events_budget,
    export_wait: float = IntercomSettings.export_wait,
    include_segments: list[str] | None = None,
    exclude_segments: list[str] | None = None,
    exclude_columns: list[str] | None = None,
    hash_columns: list[str] | None = None,
    hash_key: TSecretStrValue | None = None,
    track_attributes: list[str] | None = None,
    keep_bodies_for: str = IntercomSettings.keep_bodies_for,
    resources: list[str] | None = None,
    custom_objects: list[str] | None = None,
    client_id: str = IntercomSettings.client_id,
    full: bool = False,
    accept_shrink: bool = False,
    reading: Reading | None = None,
) -> Iterable[Any]:
    """Segments, contacts, and which contact is in which segment: what changed since the last run.

    Works in any dlt pipeline whose SQL destination merges by key and can be read back: a run compares Intercom with
    the tables that the pipeline has loaded. `membership_changes`, `segment_scans` and `contact_removals` are read with
    `segments`, `contacts` and `contact_activities`; every other resource can be selected alone. Only the command
    `intercom-warehouse` adds the run journal, the lock, marts with their checks, the published copy, and a first load
    whose progress survives a kill.

    Args: `.dlt/config.toml` and docs/settings.md give the reason for each default, and these units: `overlap` in
        seconds, `sweep_every` in hours, `export_wait` in minutes, the budgets in calls, the shares from 0 to 1.
        resources: lists to read beside contacts and segments: names of tables, `default`, or `all`.
        full: read every contact and segment, not only what changed.
        accept_shrink: record a collapse of a segment at once.
        reading: a reading that is already prepared, in place of all settings. No other lists can then be selected.

    Raises:
        SetupError: a value that cannot work; during extraction also a selection, destination, workspace or clock.
    """
    given = locals()
    settings = IntercomSettings(**{field.name: given[field.name] for field in fields(IntercomSettings)})
    settings.on_resolved()
    readings = Readings(lambda: reading or own_reading(settings, full=full, accept_shrink=accept_shrink))
    lists = settings.resources or ()
    offered = RESOURCES if reading is None else chosen(lists)
    return _resources(readings, lists, offered, full=full)


def _resources(
    readings: Readings, lists: Collection[str], offered: Collection[Resource], *, full: bool
) -> Iterable[Any]:
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
        contact_attribute_changes(readings),
        data_attributes(readings, ("contact", "company") if COMPANIES in chosen(lists) else ("contact",)),
        workspaces(readings),
        *list_resources(readings, lists, offered),
    )
