"""Who is in a segment, and what counts as evidence.

One sighting proves presence; absence is asked for by name before it is recorded. So a short page, a page that comes
twice or a contact that moves between two reads can delay a join, but cannot record a leave that did not happen.
"""

import asyncio
import math
from dataclasses import dataclass

from ..api import JSON, Intercom, Segment
from ..search import Answer, MemberRead, Sighting, ask, count, members_of
from .evidence import Clock, Guard, Scan
from .plan import RememberedSegment, is_suspect


class Counts:
    """Intercom's counts of all segments, asked for anew by whoever needs newer ones."""

    def __init__(self, client: Intercom) -> None:
        self._client = client
        self._asking = asyncio.Lock()
        self._asked_at = -math.inf
        self._counts: dict[str, int | None] = {}

    async def newer_than(self, moment: float) -> dict[str, int | None]:
        """Counts told after a moment of the event loop's clock; those who wait at the same time share one call."""
        async with self._asking:
            if self._asked_at <= moment:
                self._asked_at = asyncio.get_running_loop().time()
                self._counts = {segment.id: segment.count for segment in await self._client.segments()}
            return self._counts


@dataclass(frozen=True)
class Scanner:
    """Reads segments, whole or only what changed, and compares them with what is known.

    `witness` is a contact known to exist: where a segment shows nobody to ask along with, it proves that questions by
    name are answered at all.
    """

    client: Intercom
    clock: Clock
    guard: Guard
    witness: str | None
    counts: Counts

    async def sweep(
        self, segment: Segment, before: RememberedSegment | None, known: set[str], read: MemberRead
    ) -> Scan:
        """Everyone in the segment: ⌈members/150⌉ calls, and one for every 149 known members not seen.

        Where the answers do not add up everything is read once more; then the segment is `incomplete`: whom it showed
        is in it, and nobody leaves.
        """
        scan = self.begin(segment, len(known))
        present, adds_up = await self._look(scan, members_of(segment.id), known, read)
        scan.joins = present - known if known else present  # of a large segment a copy would take some 60 MB
        scan.leaves = known - present
        self._judged(scan, segment, before, adds_up=adds_up)
        await self._count_again(scan, before)
        return scan

    async def _count_again(self, scan: Scan, before: RememberedSegment | None) -> None:
        """Asks for Intercom's count once more where a sweep found other members than it said.

        One that stood still is Intercom's own way of counting, and later compared with itself; one that moved, since
        somebody came or went in between, is of use only where it agrees now.
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
        """Those in the segment who changed: `since` finds them, and a few more. A cursor read.

        `changed` and known, but not seen: they are asked for by name. `known` are the members known among all contacts
        that `since` can find; a join not among them is the caller's to take back.
        """
        scan = self.begin(segment, before.members, how="cursor")
        expected = known & changed
        present, adds_up = await self._look(scan, members_of(segment.id, among=since), expected, read)
        scan.sighted, scan.joins, scan.leaves = present, present - known, expected - present
        scan.total_count = None  # of those who changed: no figure of the segment
        return self._judged(scan, segment, before, adds_up=adds_up)

    def begin(self, segment: Segment, known: int, *, how: str = "sweep") -> Scan:
        """A scan that begins now; until it has read something it is no more than the row that every segment has."""
        now, status = self.clock(), "complete" if how == "sweep" else "confirmed"
        return Scan(segment.id, now, now, known, how, status, count=segment.count)

    def excluded(self, segment_id: str, before: RememberedSegment | None) -> Scan:
        """The row of a segment that is not observed; whoever was known to be in it still is."""
        scan = self.begin(Segment(id=segment_id), before.members if before else 0, how="none")
        scan.status = "excluded"
        return scan

    def _judged(self, scan: Scan, segment: Segment, before: RememberedSegment | None, *, adds_up: bool) -> Scan:
        if not adds_up:
            scan.withhold("does_not_add_up")
        elif self.collapses(scan, segment, before):
            scan.withhold("shrunk")
            scan.joins = set()
        scan.observed_at = self.clock()
        return scan

    def collapses(self, scan: Scan, segment: Segment, before: RememberedSegment | None) -> bool:
        """Whether the scan's leaves are more than is believed at once."""
        edited = before is not None and before.updated_at != segment.updated_at
        return self.guard.holds_segment(scan.known, len(scan.leaves), edited=edited, before=before)

    async def has_drifted(self, scan: Scan, before: RememberedSegment) -> bool:
        """Whether Intercom counts other members than are known after the scan.

        Its figure in the list is believed only where that of the search agrees: it may lag behind.
        """
        if is_suspect(scan.count, before, scan.members):
            scan.total_count = await count(self.client, members_of(scan.segment_id))
        return scan.total_count not in (None, scan.members)

    async def _look(self, scan: Scan, query: JSON, expected: set[str], read: MemberRead) -> tuple[set[str], bool]:
        """Who answers to the query or, of those expected to, is in the segment; and whether the answers add up."""
        sighted: set[str] = set()
        for sight in (read.sight, read.sight_again):
            seen = await sight(query)
            answer = await self._ask(scan.segment_id, (expected | sighted) - seen.ids, seen)
            present, scan.total_count = seen.ids, seen.total
            present |= answer.found
            scan.fetched = len(present)
            if answer.is_evidence and seen.total in (None, len(present)):
                return present, True
            sighted |= present
        scan.fetched = len(sighted)
        return sighted, False

    async def _ask(self, segment_id: str, candidates: set[str], seen: Sighting) -> Answer:
        if not candidates:
            return Answer()
        control = min(seen.ids, default=None)
        answer = await ask(self.client, candidates, control=control, segment_id=segment_id)
        if control is None:
            everywhere = await ask(self.client, candidates, control=self.witness)
            answer.is_evidence &= everywhere.is_evidence and bool(everywhere.found or self.witness or self.guard.accept)
        return answer

    async def missing(self, segment: RememberedSegment, held: bool, known: set[str]) -> Scan:
        """A segment that was not in the list: deleted only where Intercom says so, asked by its id."""
        scan = self.begin(Segment(id=segment.segment_id), len(known), how="none")
        if held or await self.client.segment_exists(segment.segment_id) is not False:
            scan.withhold("list_shrunk" if held else "not_listed")
        else:
            scan.how, scan.status, scan.leaves, scan.fetched = "deleted", "complete", known, 0
        scan.observed_at = self.clock()
        return scan
