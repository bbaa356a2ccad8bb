"""Scans of company segments: what a reading of the companies proves about each segment.

All companies are a sweep of all their segments, and changed companies a cursor read. Joins are seen. A company that is
not seen in its segment any more has left only if Intercom says so when asked again, or if it is deleted.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from ..api import Intercom, Segment
from ..lists import DoneList, NestedRows
from ..memberships import RunOptions, Scan, SegmentVersion
from ..readings import RunInputs
from ..tables import COMPANY_MEMBERSHIP_CHANGES, COMPANY_SEGMENT_SCANS, changes_table, rows_table
from .loaded import LoadedCompanySegments
from .witness import Testimony, ask_again, segments_of

NESTED = "company_segments"
SAMPLED = 5
COMPANY = "company"
"""The `person_type` of a segment of companies: Intercom names none."""


@dataclass
class Sighted:
    """What companies that were read say of their segments.

    Args:
        companies: by segment, those seen in it.
        definitions: by segment: name, and when it was created and last edited, in epoch seconds.
        whole: companies whose segments came completely.
    """

    companies: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    definitions: dict[str, tuple[str | None, int | None, int]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)


def sighted_in(nested: Mapping[str, NestedRows]) -> Sighted:
    """Of the definitions of one segment the newest counts."""
    found = Sighted()
    for company_id, rows in nested.items():
        if rows.is_whole:
            found.whole.add(company_id)
        for _, segment_id, name, created_at, updated_at in (row.values for row in rows.rows):
            found.companies[segment_id].add(company_id)
            known, sent = found.definitions.get(segment_id), updated_at or 0
            if known is None or sent > known[2]:
                found.definitions[segment_id] = (name, created_at, sent)
    return found


@dataclass(frozen=True)
class CompanyScans:
    """The scans of one run, with companies in the place of contacts.

    Args:
        versions: new rows of `segments`, without workspace and run.
    """

    scans: tuple[Scan, ...] = ()
    versions: tuple[dict[str, Any], ...] = ()


async def company_scans(client: Intercom, inputs: RunInputs, done: DoneList) -> CompanyScans:
    """A scan of each company segment that is known, or seen now; none where Intercom refuses the companies."""
    if done.read.status in ("refused", "not_offered"):
        return CompanyScans()
    scanning, privacy = await asyncio.to_thread(_Scanning, inputs, done), inputs.fields.privacy
    scanning.add(await segments_of(client, privacy, scanning.sample()))
    testimony = await ask_again(client, privacy, scanning.suspects(), scanning.sizes())
    emptied = {key: await client.segment(key) for key in scanning.emptied(testimony)}
    scanning.define(one.definition for one in emptied.values() if one.definition)
    deleted, now = {key for key, one in emptied.items() if one.exists is False}, inputs.options.clock()
    scans = tuple(scanning.scan(key, testimony, now, is_deleted=key in deleted) for key in scanning.segments)
    return CompanyScans(scans, tuple(scanning.new_versions(now)))


class _Scanning:
    """The segments of one reading of companies, beside what the log has of them."""

    def __init__(self, inputs: RunInputs, done: DoneList) -> None:
        loaded = LoadedCompanySegments(inputs.tables)
        self._guard, self._read = inputs.options.guard, done.read
        self._sighted = sighted_in(done.nested[NESTED])
        self._remembered, self._versions, self._members = loaded.segments(), loaded.versions(), loaded.members()
        self._deleted = set[str]()
        if self._members and done.parents and self._read.problem is None:
            self._deleted = loaded.companies() - done.parents.ids
        self._is_doubtful = False

    @property
    def segments(self) -> list[str]:
        """All that are known and not deleted, or that were seen now."""
        alive = {key for key, one in self._remembered.items() if one.how != "deleted"}
        return sorted(alive | self._sighted.companies.keys())

    def sample(self) -> list[str]:
        """Some companies to be asked, where none of all shows a segment: they may be sent without them."""
        is_silent = self._read.how == "whole" and not self._sighted.companies
        return sorted(self._sighted.whole)[:SAMPLED] if is_silent else []

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Adds pairs (company, segment) that companies should have shown. What they do not show then proves nothing."""
        for company_id, segment_id in pairs:
            self._sighted.companies[segment_id].add(company_id)
            self._sighted.definitions.setdefault(segment_id, (None, None, 0))
            self._is_doubtful = True

    def define(self, segments: Iterable[Segment]) -> None:
        """Adds the definitions of segments that no company shows: an edit may be why."""
        for one in segments:
            self._sighted.definitions[one.id] = (one.name or None, one.created_at, one.updated_at)

    def _known(self, segment_id: str) -> set[str]:
        return self._members.get(segment_id, set())

    def _seen(self, segment_id: str) -> set[str]:
        return self._sighted.companies.get(segment_id, set())

    def _removed(self, segment_id: str) -> set[str]:
        return (self._known(segment_id) & self._deleted) - self._seen(segment_id)

    def _left(self, segment_id: str, testimony: Testimony) -> set[str]:
        return testimony.left.get(segment_id, set()) | self._removed(segment_id)

    def suspects(self) -> dict[str, set[str]]:
        """By segment the companies that were in it, and whose segments now came completely without it."""
        return {key: lost for key in self.segments if (lost := self._suspects_of(key))}

    def _suspects_of(self, segment_id: str) -> set[str]:
        return (self._known(segment_id) - self._seen(segment_id) - self._deleted) & self._sighted.whole

    def sizes(self) -> dict[str, int]:
        """How many companies each segment shows."""
        return {key: len(seen) for key, seen in self._sighted.companies.items()}

    def emptied(self, testimony: Testimony) -> list[str]:
        """Segments in which no company is left."""
        known = {key: self._known(key) for key in self.segments if not self._seen(key)}
        return [key for key, there in known.items() if there and self._left(key, testimony) == there]

    def scan(self, segment_id: str, testimony: Testimony, now: datetime, *, is_deleted: bool) -> Scan:
        """The scan of a segment, ended now."""
        known, seen, left = self._known(segment_id), self._seen(segment_id), self._left(segment_id, testimony)
        if segment_id not in testimony.unclear:
            seen = seen | (self._suspects_of(segment_id) - left)  # by the second witness
        scan = Scan(segment_id, self._read.started_at, now, len(known), fetched=len(seen))
        scan.joins, scan.leaves, scan.removed = seen - known, left, self._removed(segment_id)
        is_whole = self._read.how == "whole"
        if not is_whole:
            scan.how, scan.status = "cursor", "unconfirmed"
        is_cut = self._is_doubtful or (is_whole and not known <= seen | left)
        if self._read.problem or segment_id in testimony.unclear or is_cut:
            scan.mark_incomplete("does_not_add_up")
        elif is_deleted:
            scan.how, scan.status = "deleted", "complete"
        elif self._is_collapse(scan):
            scan.mark_incomplete("shrunk")
        return scan

    def _is_collapse(self, scan: Scan) -> bool:
        before, lost = self._remembered.get(scan.segment_id), len(scan.leaves - scan.removed)
        return self._guard.rejects_leaves(scan.known, lost, edited=self._is_edited(scan.segment_id), before=before)

    def _is_edited(self, segment_id: str) -> bool:
        version, definition = self._versions.get(segment_id), self._sighted.definitions.get(segment_id)
        return bool(version and definition and definition[2] > version.updated_at)

    def new_versions(self, now: datetime) -> Iterable[dict[str, Any]]:
        """Definitions that are not loaded yet. What a list of segments has is a segment of contacts, and stays that."""
        for segment_id, (name, created_at, updated_at) in self._sighted.definitions.items():
            known = self._versions.get(segment_id)
            if known is None or (known.person_type == COMPANY and updated_at > known.updated_at):
                yield {"segment_id": segment_id, **asdict(SegmentVersion(updated_at, name, COMPANY, created_at, now))}


def company_changes_of(scans: Iterable[Scan], options: RunOptions) -> pa.Table:
    """The rows of `company_membership_changes` that scans found."""
    changes = [change for scan in scans for change in scan.changes()]
    tables = [
        changes_table(ids, shared | options.stamp, COMPANY_MEMBERSHIP_CHANGES, "company_id")
        for ids, shared in changes
        if ids
    ]
    return pa.concat_tables(tables) if tables else COMPANY_MEMBERSHIP_CHANGES.empty_table()


def company_scans_of(scans: Iterable[Scan], options: RunOptions) -> pa.Table:
    """The rows of `company_segment_scans`."""
    rows = [scan.row() | options.stamp for scan in scans]
    named = [{name: row[name] for name in COMPANY_SEGMENT_SCANS.names} for row in rows]
    return rows_table(COMPANY_SEGMENT_SCANS, named)
