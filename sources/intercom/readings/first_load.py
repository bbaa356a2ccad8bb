"""The first load of a large workspace. What is read is saved at once, so that a killed load continues where it stopped.

All contacts, in windows of creation time, and all segments, the largest first, are read side by side. When everything
is read and loaded, a normal run reads what changed since the load started.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pyarrow as pa
from msgspec import Raw

from ..api import Intercom, Page, Segment, gathered, page_calls
from ..memberships import (
    Counts,
    Memory,
    Planned,
    ReadingResult,
    RememberedSegment,
    RunOptions,
    SavedState,
    Scanner,
    WorkspaceSnapshot,
    take_snapshot,
)
from ..search import (
    Interrupted,
    Progress,
    ReadSlots,
    Windows,
    everyone,
    knows_segments,
    read_contacts,
    window_pages,
)
from ..tables import BESIDE_CONTACTS, Fields, attribute_rows, rows_table, workspace_row
from .parts import FirstLoadState, Interruptions, Keep, PartBuffer, RunningSweep, state_after_first_load
from .sync import NO_ATTRIBUTES, version_rows

LARGE = 100
"""A first load of up to this many calls is not saved in parts: to read it again takes little time."""
RESUMABLE = timedelta(hours=1)
"""A sweep that started longer ago starts again: contacts seen then may have left since."""


class FirstLoad:
    """One attempt to read a whole workspace.

    Args:
        fields: counts the fields that contacts have.
        stage, interruptions: how far an earlier attempt came; null and empty for the first.
        keep: receives each part, and has it on disk when it returns.
    """

    def __init__(
        self,
        connect: Callable[[], Intercom],
        options: RunOptions,
        *,
        fields: Fields,
        progress: Progress,
        stage: FirstLoadState | None,
        interruptions: Interruptions,
        keep: Keep,
    ) -> None:
        self._connect = connect
        self._options = replace(options, run_id=f"{options.run_id}-1")  # the run that follows scans all segments again
        self._fields = fields
        self._progress = progress
        self._is_resumed = stage is not None
        self._stage = stage
        self._interruptions = interruptions
        self._keep = keep
        self._joins = 0
        self._notes: tuple[str, ...] = ()
        self._refusals: tuple[str, ...] = ()
        self._is_complete = False
        self._began = options.clock()

    @property
    def is_small(self) -> bool:
        """Whether nothing was read: the workspace is so small that the normal run reads it."""
        return self._stage is None

    @property
    def saved(self) -> SavedState:
        """What the normal run starts from."""
        if self._stage is None:
            return SavedState()
        return replace(
            state_after_first_load(self._stage),
            is_resumed=self._is_resumed,
            contacts_read=self._progress.contacts.rows,
            swept=self._progress.segments.rows,
            joins=self._joins,
        )

    def found(self, memory: Memory) -> ReadingResult | None:
        """What it found, if it found everything; null if a normal run has to find what is missing.

        Changes during the load do not need that run if the load was shorter than the overlap, which the next run reads.
        """
        stage, duration = self._stage, self._options.clock() - self._began
        is_flawed = self._progress.usage.flaws.total() or self._fields.odd
        if stage is None or self._is_resumed or not self._is_complete or is_flawed:
            return None
        if duration > timedelta(seconds=self._options.overlap) or memory.contact_count() != stage.contacts:
            return None
        swept = self._progress.segments.rows
        return ReadingResult(
            contacts_read=stage.contacts,
            segments=swept,
            swept=swept,
            members=self._joins,
            joins=self._joins,
            notes=(*self._notes, *self._refusals),
            drift=tuple(self._fields.changes()),
            unmatched=len(self._notes),
        )

    async def read(self, memory: Memory) -> None:
        """Reads what earlier attempts did not load, by `memory`."""
        async with self._connect() as client:
            snapshot = await take_snapshot(client, self._options.selection)
            segments = self._options.selection.of(snapshot.segments)
            if self._stage is None and _calls(snapshot, segments) <= LARGE:
                return
            self._is_resumed |= memory.contact_count() > 0  # by an earlier attempt, or by a backfill
            stage = self._stage = self._stage or self._begin(snapshot)
            remembered = memory.segments()
            has_search = await knows_segments(client, [segment.id for segment in segments])
            pending = _pending(segments, remembered) if has_search else []
            self._notes = tuple(self._options.selection.notes(snapshot.segments))
            buffer = self._buffer(stage, self._expect(snapshot, pending))
            buffer.listed = await self._listed(client, snapshot, memory)
            reader = FirstLoadReader(client, self._options, snapshot, memory, buffer, self._progress)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(reader.read_contacts(stage))
                    group.create_task(reader.sweep(pending, remembered, self._interruptions))
                stage.is_over = True
            finally:
                buffer.hand_over()
            self._joins, self._is_complete = reader.joins, has_search and reader.is_complete

    async def _listed(self, client: Intercom, snapshot: WorkspaceSnapshot, memory: Memory) -> dict[str, pa.Table]:
        options = self._options
        versions = version_rows(snapshot.segments, memory.versions(), options.clock)
        attributes = await client.data_attributes("contact")
        self._refusals = (NO_ATTRIBUTES,) if attributes is None else ()
        rows = {
            "workspaces": [workspace_row(options.app)],
            "data_attributes": attribute_rows(options.app, attributes or ()),
            "segments": [row | options.stamp for row in versions],
        }
        return {name: rows_table(BESIDE_CONTACTS[name], listed) for name, listed in rows.items()}

    def _begin(self, snapshot: WorkspaceSnapshot) -> FirstLoadState:
        cursor = None if snapshot.mark is None else snapshot.mark - self._options.lag
        return FirstLoadState(self._options.workspace_id, cursor, snapshot.began_at, snapshot.contacts)

    def _expect(self, snapshot: WorkspaceSnapshot, pending: Sequence[Planned]) -> int:
        """Adds to the progress what is to be read. Returns its calls."""
        self._progress.contacts.expect(snapshot.contacts)
        self._progress.segments.expect(len(pending))
        self._progress.memberships.expect(sum(one.members for one in pending))
        return page_calls(snapshot.contacts) + sum(one.sweep_calls for one in pending)

    def _buffer(self, stage: FirstLoadState, calls: int) -> PartBuffer:
        return PartBuffer(
            stage, self._options, fields=self._fields, usage=self._progress.usage, calls=calls, keep=self._keep
        )


def _calls(snapshot: WorkspaceSnapshot, segments: Iterable[Segment]) -> int:
    return page_calls(snapshot.contacts) + sum(page_calls(segment.count or 0) for segment in segments)


def _pending(segments: Iterable[Segment], remembered: Mapping[str, RememberedSegment]) -> list[Planned]:
    """Segments without a complete sweep, the largest first, so that the last reads are small ones."""
    planned = (Planned(segment, remembered.get(segment.id)) for segment in segments)
    pending = (one for one in planned if one.before is None or one.before.swept is None)
    return sorted(pending, key=lambda one: -one.members)


@dataclass
class FirstLoadReader:
    """Reads contacts and segments into the buffer. `is_complete`: every sweep so far was."""

    client: Intercom
    options: RunOptions
    snapshot: WorkspaceSnapshot
    memory: Memory
    buffer: PartBuffer
    progress: Progress
    joins: int = field(default=0, init=False)
    is_complete: bool = field(default=True, init=False)

    async def read_contacts(self, stage: FirstLoadState) -> None:
        """Reads the windows that are unread by the stage."""
        windows = self.buffer.windows = Windows(
            self.client,
            everyone(),
            Page[Raw],
            self._take_contacts,
            dates=self.options.dates,
            size=window_pages(page_calls(self.snapshot.contacts), self.client.breadth),
            unread=stage.unread,
        )
        await windows.read()

    async def _take_contacts(self, page: Page[Raw]) -> None:
        self.buffer.add(read_contacts(self.client, page))
        self.progress.contacts.add(len(page.data))
        self.buffer.hand_over_when_due()

    async def sweep(
        self,
        pending: Sequence[Planned],
        remembered: Mapping[str, RememberedSegment],
        interruptions: Interruptions,
    ) -> None:
        """Sweeps segments, and records those that are excluded."""
        client, options = self.client, self.options
        slots = ReadSlots(client, options.dates, self.progress.memberships, after_page=self.buffer.hand_over_when_due)
        scanner = Scanner(client, options.clock, options.guard, self.snapshot.witness, Counts(client))
        listed = self.snapshot.segments
        excluded = (one.id for one in listed if options.selection.excludes(one.id, one.name))
        self.buffer.scans += [scanner.excluded(one, remembered.get(one)) for one in excluded]
        await gathered(self._sweep_one(slots, scanner, planned, interruptions) for planned in pending)

    async def _sweep_one(
        self, slots: ReadSlots, scanner: Scanner, planned: Planned, interruptions: Interruptions
    ) -> None:
        segment, interrupted = planned.segment, self._resumable(planned.segment, interruptions)
        with await slots.reserve(planned.members, interrupted) as read:
            known = await asyncio.to_thread(self.memory.members, segment.id) if planned.before else set[str]()
            started_at = interrupted.started_at if interrupted else self.options.clock()
            self.buffer.sweeps[segment.id] = RunningSweep(segment.updated_at, started_at, read)
            scan = await scanner.sweep(segment, planned.before, known, read)
            del self.buffer.sweeps[segment.id]
        scan.started_at = started_at
        self.buffer.scans.append(scan)
        self.joins += len(scan.joins)
        self.is_complete &= scan.status == "complete"
        self.progress.segments.rows += 1
        self.buffer.hand_over_when_due()

    def _resumable(self, segment: Segment, interruptions: Interruptions) -> Interrupted | None:
        """An earlier attempt's sweep, if it can continue: of the same definition, and not too long ago."""
        sweep, ids = interruptions.get(segment.id, (None, set()))
        if sweep is None or sweep.version != segment.updated_at:
            return None
        if self.options.clock() - sweep.started_at > RESUMABLE:
            return None
        return Interrupted(sweep.started_at, sweep.total, sweep.unread, ids)
