"""Reads the log of one contact: its changes with the scans that saw them, and its removals."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .rows import WorkspaceRows, record
from .story import Evidence, KnownRemoval, KnownScan, SeenHow, Sightings

CHANGES = """
select distinct changes.segment_id, coalesce(scans.observed_at, changes.observed_at) as observed_at,
    changes.is_member, changes.seen_by, changes.run_id as seen_in,
    scans.run_id, scans.how, scans.status, scans.problem, scans.started_at, scans.observed_at as scanned_at,
    scans.count, scans.fetched, scans.members
from intercom_raw.membership_changes as changes
left join intercom_raw.segment_scans as scans
    on changes.workspace_id = scans.workspace_id and changes.segment_id = scans.segment_id
    and changes.run_id = scans.run_id
where changes.workspace_id = {workspace} and changes.contact_id = {contact}
order by segment_id, observed_at
"""
NEWEST_SCANS = """
select distinct scans.segment_id, scans.run_id, scans.how, scans.status, scans.problem, scans.started_at,
    scans.observed_at, scans.count, scans.fetched, scans.members
from intercom_raw.segment_scans as scans
join (
    select segment_id, max(observed_at) as observed_at from intercom_raw.segment_scans
    where workspace_id = {workspace} and segment_id in ({segments}) group by segment_id
) as newest
    on scans.segment_id = newest.segment_id and scans.observed_at = newest.observed_at
where scans.workspace_id = {workspace}
"""
SIGHTINGS = """
select spells.segment_id, spells.spell_number,
    cast(sum(case when scans.status = 'complete' then 1 else 0 end) as bigint) as complete,
    max(case when scans.status = 'complete' then scans.observed_at end) as last_complete_at,
    cast(sum(case when scans.status = 'confirmed' then 1 else 0 end) as bigint) as confirmed,
    cast(sum(case when scans.status in ('complete', 'confirmed') then 0 else 1 end) as bigint) as others
from intercom.segment_memberships as spells
join (
    select distinct workspace_id, segment_id, run_id, status, observed_at from intercom_raw.segment_scans
    where workspace_id = {workspace}
) as scans
    on spells.workspace_id = scans.workspace_id and spells.segment_id = scans.segment_id
    and scans.observed_at > spells.entered_at and (spells.left_at is null or scans.observed_at < spells.left_at)
where spells.workspace_id = {workspace} and spells.contact_id = {contact}
group by spells.segment_id, spells.spell_number
"""
REMOVALS = """
select distinct contact_id, status, observed_at, happened_at, merged_into_contact_id, run_id
from intercom_raw.contact_removals
where workspace_id = {workspace} and (contact_id = {contact} or merged_into_contact_id = {contact})
order by observed_at, contact_id
"""
REPORTED = """
select distinct case when event_type = 'contact.merged' then merge_source_id else contact_id end as contact_id,
    case when event_type = 'contact.merged' then 'merged' else 'deleted' end as status
from intercom_raw.contact_activities
where workspace_id = {workspace} and event_type in ('contact.merged', 'contact.deleted')
    and ({contact} in (contact_id, merge_source_id, merge_target_id))
"""
SEEN_HOW: Mapping[tuple[str, bool], SeenHow] = {
    ("sweep", True): "page",
    ("cursor", True): "page",
    ("sweep", False): "lookup",
    ("cursor", False): "lookup",
    ("per_contact", True): "contact",
    ("per_contact", False): "contact",
    ("deleted", False): "segment",
    ("removal", False): "removal",
}
"""By `seen_by` and `is_member`. Only known members are looked up by id, so a new one was on a page."""

Change = tuple[str, datetime, bool]
"""A segment, when the scan of a change was over, and whether the contact was a member then."""


@dataclass(frozen=True)
class ContactLog:
    """What the raw tables have of one contact."""

    evidence: Mapping[Change, Evidence]
    sightings: Mapping[tuple[str, int], Sightings]
    removals: tuple[KnownRemoval, ...]
    absorbed: tuple[KnownRemoval, ...]


NO_LOG = ContactLog({}, defaultdict(), (), ())


def read_log(rows: WorkspaceRows, contact_id: str) -> ContactLog:
    removals = _removals(rows, contact_id)
    return ContactLog(
        evidence={row[:3]: _evidence(*row) for row in rows.tuples(CHANGES, contact=contact_id)},
        sightings={
            (segment_id, number): Sightings(*counts)
            for segment_id, number, *counts in rows.tuples(SIGHTINGS, contact=contact_id)
        },
        removals=tuple(one for one in removals if one.contact_id == contact_id),
        absorbed=tuple(one for one in removals if one.contact_id != contact_id),
    )


def newest_scans(rows: WorkspaceRows, segment_ids: Collection[str]) -> dict[str, KnownScan]:
    """By segment."""
    return {segment_id: KnownScan(*scan) for segment_id, *scan in rows.tuples(NEWEST_SCANS, segments=segment_ids)}


def _evidence(_: str, observed_at: datetime, is_member: bool, seen_by: str, seen_in: str, *scan: Any) -> Evidence:
    found = KnownScan(*scan) if scan[0] is not None else None
    return Evidence(seen_by, SEEN_HOW.get((seen_by, is_member)), observed_at, seen_in, found)


def _removals(rows: WorkspaceRows, contact_id: str) -> list[KnownRemoval]:
    reported = set(rows.tuples(REPORTED, contact=contact_id))
    return [
        record(KnownRemoval, [*row[:3], _second(row[3]), *row[4:]], is_reported=(row[0], row[1]) in reported)
        for row in rows.tuples(REMOVALS, contact=contact_id)
    ]


def _second(epoch: int | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
