"""Reads segments by search: sweeps, and cursor reads of the segments that are not swept."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ..api import Segment, gathered
from ..search import ReadSlots, Tally, updated_after
from .evidence import PendingScan, Scan, members_by_segment
from .options import ContactChanges, RunContext
from .plan import Planned, RememberedSegment
from .scanner import Scanner

Put = Callable[[Scan], Awaitable[None]]


class SegmentReader:
    """Reads segments side by side.

    Args:
        tally: counts members.
        finish: receives each sweep when it is done.
    """

    def __init__(self, context: RunContext, scanner: Scanner, tally: Tally, finish: Put) -> None:
        self._context = context
        self._scanner = scanner
        self._tally = tally
        self._finish = finish
        self._slots = ReadSlots(context.client, context.options.dates, tally)

    async def sweep(self, sweeps: Sequence[Planned]) -> None:
        """Sweeps the largest segments first, so that the last reads are small ones."""
        largest_first = sorted(sweeps, key=lambda planned: -planned.members)
        await gathered(self._sweep_one(planned) for planned in largest_first)

    async def _sweep_one(self, planned: Planned) -> None:
        self._tally.expect(planned.members)
        with await self._slots.reserve(planned.members) as read:
            known = await asyncio.to_thread(self._context.memory.members, planned.segment.id)
            scan = await self._scanner.sweep(planned.segment, planned.before, known, read)
        await self._finish(scan)

    async def read_changed(
        self, rest: Sequence[Planned], changes: ContactChanges, changed: set[str]
    ) -> list[PendingScan]:
        """A cursor read of each segment; no call if no contact changed."""
        segments = [(planned.segment, planned.before) for planned in rest if planned.before]
        if not changed:
            return [PendingScan(one, before, self._unread(one, before)) for one, before in segments]
        memory = self._context.memory
        known = members_by_segment(await asyncio.to_thread(memory.memberships, changes.read.keys()) if segments else ())
        return await gathered(
            self._read_changed_of(one, before, changes, known=known.get(one.id, set()), changed=changed)
            for one, before in segments
        )

    def _unread(self, segment: Segment, before: RememberedSegment) -> Scan:
        return self._scanner.begin(segment, before.members, how="none")

    async def _read_changed_of(
        self,
        segment: Segment,
        before: RememberedSegment,
        changes: ContactChanges,
        *,
        known: set[str],
        changed: set[str],
    ) -> PendingScan:
        cursor, options = self._context.saved.cursor, self._context.options
        if cursor is None:
            raise AssertionError("without a cursor every segment is swept")
        since = updated_after(cursor, options.version, options.app.timezone)
        self._tally.expect(len(known))
        with await self._slots.reserve(len(known)) as read:
            scan = await self._scanner.read_changed(segment, before, read, since=since, known=known, changed=changed)
        unread = scan.joins - changes.read.keys()  # updated after the contacts were read
        scan.joins -= await asyncio.to_thread(self._members_among, segment.id, unread)
        return PendingScan(segment, before, scan)

    def _members_among(self, segment_id: str, contact_ids: set[str]) -> set[str]:
        if not contact_ids:
            return set()
        return members_by_segment(self._context.memory.memberships(contact_ids)).get(segment_id, set())

    async def sweep_drifted(self, pending: list[PendingScan]) -> list[PendingScan]:
        """Sweeps segments that have other members than Intercom counts. Returns the scans of all others."""
        have_drifted = await gathered(self._sweep_if_drifted(one) for one in pending)
        return [one for one, has_drifted in zip(pending, have_drifted, strict=True) if not has_drifted]

    async def _sweep_if_drifted(self, one: PendingScan) -> bool:
        if one.before is None or one.scan.how == "per_contact" or one.scan.status == "incomplete":
            return False
        has_drifted = await self._scanner.has_drifted(one.scan, one.before)
        if has_drifted:
            await self._sweep_one(Planned(one.segment, one.before))
        return has_drifted
