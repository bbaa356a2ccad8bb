"""One run's scans of all segments: sweeps, cursor reads, drift, removals.

Sweeps start at once. Reads of the other segments wait for the contacts, since they depend on which contacts changed.
Their scans are finished last, since contacts removed from the workspace leave every segment.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import pyarrow as pa

from ..api import Intercom, Segment
from ..search import Progress, knows_segments
from ..tables import MEMBERSHIP_CHANGES, SEGMENT_SCANS, changes_table, rows_table
from .by_contact import read_by_contact
from .by_segment import Put, SegmentReader
from .evidence import Memory, PendingScan, Removal, Scan
from .leavers import Leavers
from .options import ContactChanges, RunContext, RunOptions, SavedState, WorkspaceSnapshot
from .plan import Planned, plan
from .scanner import Counts, Scanner


class Scanning:
    """Scans every segment once. Its attributes are complete when `run` ends.

    `done` are the finished scans, `removed` the contacts found removed, `explained` earlier removals whose reason is
    known now, `returned` removed contacts that are active again. `asked_until` and `unaccounted` are for `SavedState`.

    Args:
        changes_read: waits until contacts and the activity feed are read.
        put: receives each scan when it is finished.
    """

    def __init__(
        self,
        client: Intercom,
        snapshot: WorkspaceSnapshot,
        options: RunOptions,
        *,
        saved: SavedState,
        memory: Memory,
        changes_read: Callable[[], Awaitable[ContactChanges]],
        put: Put,
        progress: Progress,
    ) -> None:
        self.done: list[Scan] = []
        self.removed: dict[str, Removal] = {}
        self.explained: dict[str, Removal] = {}
        self.returned: dict[str, Removal] = {}
        self.asked_until = saved.asked_until
        self.unaccounted: int | None = None
        self.notes: list[str] = []
        self.unmatched = 0
        self._context = RunContext(
            client,
            snapshot,
            options,
            saved,
            memory,
            segments=options.selection.of(snapshot.segments),
            remembered=memory.segments(),
            removed=memory.removed(),
        )
        self._changes_read = changes_read
        self._put = put
        self._progress = progress
        self._scanner = Scanner(client, options.clock, options.guard, snapshot.witness, Counts(client))
        self._reader = SegmentReader(self._context, self._scanner, progress.memberships, self._finish)
        self._changes = ContactChanges({}, {})
        self._newcomers = 0

    async def run(self) -> None:
        """Scans all segments."""
        context, options = self._context, self._context.options
        self.notes += options.selection.notes(context.snapshot.segments)
        ever_listed = [Segment(id=key, name=one.name or "") for key, one in context.remembered.items()]
        self.unmatched = len(options.selection.notes([*context.snapshot.segments, *ever_listed]))
        await self._record_excluded()
        if await knows_segments(context.client, [segment.id for segment in context.segments]):
            pending = await self._read_by_segment()
        else:
            pending = await self._read_by_contact()
        leavers = Leavers(context, self._scanner, changes=self._changes, newcomers=self._newcomers, finished=self.done)
        await leavers.find(pending)
        pending = await self._reader.sweep_drifted(pending)
        await leavers.find_after_drift(pending)
        self.unaccounted = await asyncio.to_thread(leavers.unaccounted)
        for one in pending:
            one.scan.observed_at = options.clock()
            await self._finish(one.scan)
        self.removed, self.explained, self.returned = leavers.found, leavers.explained, leavers.returned

    async def _finish(self, scan: Scan) -> None:
        self.done.append(scan)
        self._progress.segments.rows += 1
        await self._put(scan)

    async def _record_excluded(self) -> None:
        """Excluded segments have a row, too, whether or not they are still in the list."""
        context = self._context
        names = {key: segment.name for key, segment in context.remembered.items() if segment.how != "deleted"}
        names |= {segment.id: segment.name for segment in context.snapshot.segments}
        for segment_id, name in names.items():
            if context.options.selection.excludes(segment_id, name):
                await self._finish(self._scanner.excluded(segment_id, context.remembered.get(segment_id)))

    async def _read_by_segment(self) -> list[PendingScan]:
        """Sweeps what the plan says; returns the scans of all other segments."""
        context, options = self._context, self._context.options
        todo = plan(
            context.segments,
            context.remembered,
            now=options.clock(),
            limits=options.limits,
            full=context.is_whole,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reader.sweep(todo.sweeps))
            group.create_task(self._scan_missing())
            reading_rest = group.create_task(self._read_rest(todo.rest))
        return reading_rest.result()

    async def _read_rest(self, rest: Sequence[Planned]) -> list[PendingScan]:
        changed = await self._changed_contacts()
        return await self._reader.read_changed(rest, self._changes, changed)

    async def _read_by_contact(self) -> list[PendingScan]:
        await self._scan_missing()
        changed = await self._changed_contacts()
        read = await read_by_contact(self._context, self._scanner, self._changes, changed)
        self.asked_until = read.asked_until
        self.notes.append(read.note)
        return read.scans

    async def _scan_missing(self) -> None:
        """Scans segments that were listed before and are not now."""
        context, options = self._context, self._context.options
        alive = {
            key: segment
            for key, segment in context.remembered.items()
            if segment.how != "deleted" and not options.selection.excludes(key, segment.name)
        }
        listed = {segment.id for segment in context.snapshot.segments}
        missing = [segment for key, segment in alive.items() if key not in listed]
        is_rejected = options.guard.rejects_list(missing, len(alive))
        for segment in missing:
            known = await asyncio.to_thread(context.memory.members, segment.segment_id)
            await self._finish(await self._scanner.missing(segment, known, is_rejected=is_rejected))

    async def _changed_contacts(self) -> set[str]:
        self._changes = await self._changes_read()
        return await asyncio.to_thread(self._compare_with_loaded)

    def _compare_with_loaded(self) -> set[str]:
        context, changes = self._context, self._changes
        if context.is_whole:
            return set(changes.read)
        loaded = context.memory.loaded(changes.read)
        self._newcomers = changes.newcomers(loaded.keys(), context.snapshot.began_at)
        return changes.unsettled(loaded, context.saved)


def changes_of(scans: Iterable[Scan], options: RunOptions) -> pa.Table:
    """The rows of `membership_changes` that scans found."""
    changes = (change for scan in scans for change in scan.changes())
    tables = [changes_table(contact_ids, shared | options.stamp) for contact_ids, shared in changes if contact_ids]
    return pa.concat_tables(tables) if tables else MEMBERSHIP_CHANGES.empty_table()


def scans_of(scans: Iterable[Scan], options: RunOptions) -> pa.Table:
    """The rows of `segment_scans`."""
    return rows_table(SEGMENT_SCANS, [scan.row() | options.stamp for scan in scans])
