"""Scans one segment, and decides what counts as evidence.

One sighting proves presence; absence is verified by id before it is recorded. So a short page, a page that comes twice
or a contact that moves between two reads can delay a join, but cannot record a leave that did not happen.
"""

import asyncio
import math
from dataclasses import dataclass

from ..api import JSON, Intercom, QueryRefused, Segment
from ..search import SEGMENT, Lookup, MemberRead, Sighting, count, look_up, members_of
from .evidence import Clock, Guard, Scan
from .plan import RememberedSegment, is_suspect


class Counts:
    """Intercom's counts of all segments, read again on demand."""

    def __init__(self, client: Intercom) -> None:
        self._client = client
        self._lock = asyncio.Lock()
        self._requested_at = -math.inf
        self._counts: dict[str, int | None] = {}

    async def newer_than(self, loop_time: float) -> dict[str, int | None]:
        """Counts requested after a time of the event loop's clock; callers that wait together share one call."""
        async with self._lock:
            if self._requested_at <= loop_time:
                self._requested_at = asyncio.get_running_loop().time()
                self._counts = {segment.id: segment.count for segment in await self._client.segments()}
            return self._counts


@dataclass(frozen=True)
class Scanner:
    """Reads segments, whole or only what changed, and compares them with what is known.

    Args:
        witness: a contact known to exist. Where a segment shows no member that could serve as control, it proves that
            lookups by id work at all.
        field: what search finds members by. With another one than that of segments, they are those of another group.
    """

    client: Intercom
    clock: Clock
    guard: Guard
    witness: str | None
    counts: Counts
    field: str = SEGMENT

    async def sweep(
        self, segment: Segment, before: RememberedSegment | None, known: set[str], read: MemberRead
    ) -> Scan:
        """Reads all members: ⌈members/150⌉ calls, and one for every 149 known members not seen.

        Where the answers do not add up, the segment is read once more. After that it is `incomplete`: sightings count,
        and no leave is recorded.
        """
        scan = self.begin(segment, len(known))
        try:
            present, adds_up = await self._read(scan, members_of(segment.id, field=self.field), known, read)
        except (QueryRefused, BaseExceptionGroup) as error:
            return self._refused(scan, error)
        scan.joins = present - known if known else present  # of a large segment a copy would take some 60 MB
        scan.leaves = known - present
        self._judge(scan, segment, before, adds_up=adds_up)
        await self._count_again(scan, before)
        return scan

    async def _count_again(self, scan: Scan, before: RememberedSegment | None) -> None:
        """Reads Intercom's count once more where a sweep found other members than it said.

        A count that stood still is Intercom's own way of counting, and is later compared with itself. One that moved,
        because contacts came or left in between, is of use only if it agrees now.
        """
        if scan.status != "complete" or scan.count is None or scan.count == scan.members:
            return
        if before and not is_suspect(scan.count, before, scan.members):
            return
        counted = (await self.counts.newer_than(asyncio.get_running_loop().time())).get(scan.segment_id)
        if counted != scan.count:
            scan.count = counted if counted == scan.members else None

    async def read_changed(
        self,
        segment: Segment,
        before: RememberedSegment,
        read: MemberRead,
        *,
        since: JSON,
        known: set[str],
        changed: set[str],
    ) -> Scan:
        """A cursor read: the members that changed. Known members that changed but are not seen are looked up by id.

        Args:
            since: the query for contacts that changed, which finds a few more.
            known: members known among all contacts that `since` can find. The caller takes back joins of others.
        """
        scan = self.begin(segment, before.members, how="cursor")
        expected = known & changed
        try:
            present, adds_up = await self._read(scan, members_of(segment.id, among=since), expected, read)
        except (QueryRefused, BaseExceptionGroup) as error:
            return self._refused(scan, error)
        scan.sighted, scan.joins, scan.leaves = present, present - known, expected - present
        scan.total_count = None  # it counts changed contacts, not the segment
        self._judge(scan, segment, before, adds_up=adds_up)
        return scan

    def _refused(self, scan: Scan, error: BaseException) -> Scan:
        """The scan of a segment that search refuses, as it does where the segment was just deleted.

        Raises:
            BaseException: the error is another one.
        """
        others = error.split(QueryRefused)[1] if isinstance(error, BaseExceptionGroup) else None
        if others:
            raise error
        scan.mark_incomplete("refused")
        scan.total_count, scan.observed_at = None, self.clock()
        return scan

    def begin(self, segment: Segment, known: int, *, how: str = "sweep") -> Scan:
        """A scan that starts now. Until it has read something it is just the row that every segment has."""
        now, status = self.clock(), "complete" if how == "sweep" else "confirmed"
        return Scan(segment.id, now, now, known, how, status, count=segment.count)

    def excluded(self, segment_id: str, before: RememberedSegment | None) -> Scan:
        """The row of a segment that is not observed; its known members stay."""
        scan = self.begin(Segment(id=segment_id), before.members if before else 0, how="none")
        scan.status = "excluded"
        return scan

    def _judge(self, scan: Scan, segment: Segment, before: RememberedSegment | None, *, adds_up: bool) -> None:
        if adds_up:
            self.reject_collapse(scan, segment, before)
        else:
            scan.mark_incomplete("does_not_add_up")
        scan.observed_at = self.clock()

    def reject_collapse(self, scan: Scan, segment: Segment, before: RememberedSegment | None) -> None:
        """Marks the scan incomplete if it has more leaves than the guard allows at once."""
        if self.collapses(scan, segment, before):
            scan.mark_incomplete("shrunk")
            scan.joins = set()

    def collapses(self, scan: Scan, segment: Segment, before: RememberedSegment | None) -> bool:
        """Whether the scan has more leaves than the guard allows at once."""
        edited = before is not None and before.is_edited(segment)
        return self.guard.rejects_leaves(scan.known, len(scan.leaves), edited=edited, before=before)

    async def has_drifted(self, scan: Scan, before: RememberedSegment) -> bool:
        """Whether Intercom counts other members than are known after the scan.

        The count in the list may lag behind: it is believed only if the search agrees.
        """
        if is_suspect(scan.count, before, scan.members):
            try:
                scan.total_count = await count(self.client, members_of(scan.segment_id))
            except QueryRefused as error:
                self._refused(scan, error)
                return False
        return scan.total_count not in (None, scan.members)

    async def _read(self, scan: Scan, query: JSON, expected: set[str], read: MemberRead) -> tuple[set[str], bool]:
        """Members that the query finds or, of those expected, a lookup by id; and whether the answers add up."""
        sighted: set[str] = set()
        for attempt in (read.read, read.read_again):
            seen = await attempt(query)
            lookup = await self._look_up(scan.segment_id, (expected | sighted) - seen.ids, seen)
            present, scan.total_count = seen.ids, seen.total
            present |= lookup.found
            scan.fetched = len(present)
            if lookup.is_evidence and seen.total in (None, len(present)):
                return present, True
            sighted |= present
        scan.fetched = len(sighted)
        return sighted, False

    async def _look_up(self, segment_id: str, candidates: set[str], seen: Sighting) -> Lookup:
        if not candidates:
            return Lookup()
        control = min(seen.ids, default=None)
        lookup = await look_up(self.client, candidates, control=control, group_id=segment_id, field=self.field)
        if control is None:
            everywhere = await look_up(self.client, candidates, control=self.witness)
            lookup.is_evidence &= everywhere.is_evidence and bool(everywhere.found or self.witness or self.guard.accept)
        return lookup

    async def missing(self, segment: RememberedSegment, known: set[str], *, is_rejected: bool) -> Scan:
        """A segment that was not in the list. It is deleted only if Intercom does not find its id either.

        Args:
            is_rejected: the guard rejects the list.
        """
        scan = self.begin(Segment(id=segment.segment_id), len(known), how="none")
        if is_rejected or await self.client.segment_exists(segment.segment_id) is not False:
            scan.mark_incomplete("list_shrunk" if is_rejected else "not_listed")
        else:
            scan.how, scan.status, scan.leaves, scan.fetched = "deleted", "complete", known, 0
        scan.observed_at = self.clock()
        return scan
