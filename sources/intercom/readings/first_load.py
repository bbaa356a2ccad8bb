"""The first load of a large workspace: what is read is kept at once, so a killed one goes on where it stopped.

All contacts, in windows of creation time, and all segments, the largest first, are read side by side. Every few calls
what came is handed over as a part, with how far the load has come. When all is read and loaded, a run like any other
reads what changed since it began.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

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
    Scan,
    Scanner,
    WorkspaceSnapshot,
    changes_of,
    scans_of,
    take_snapshot,
)
from ..search import (
    EVERYTHING,
    ROWS_A_TABLE,
    Interrupted,
    MemberRead,
    Progress,
    ReadSlots,
    Span,
    Windows,
    everyone,
    knows_segments,
    read_contacts,
    window_pages,
)
from ..tables import SEGMENTS, Fields, KnownFields, SentContact, rows_table
from .sync import version_rows

LARGE = 100
"""Calls above which what a first load reads is kept at once: a smaller one is read again in no time."""
KEPT_EVERY = 0.02
"""A part's calls, as a share of all: so much is lost when a load is killed."""
SMALLEST_PART, LARGEST_PART = 4, 100
"""A part's calls: each part costs some milliseconds; a large one holds 15,000 contacts in memory."""
RESUMABLE = timedelta(hours=1)
"""A sweep that began longer ago is begun again: who was seen then may have left since."""


@dataclass
class Sweep:
    """A sweep that has begun and not ended: of which version of the segment, since when, and what is unread of it.

    `total` is Intercom's count of members when it began.
    """

    version: int
    started_at: datetime
    total: int
    unread: list[Span]


@dataclass
class FirstLoadState:
    """How far a first load has come, as it is kept beside what it read; times are Intercom's, in epoch seconds.

    `cursor`, `began_at` and `contacts`, how many there were, are those of its first attempt. `unread`: windows in which
    contacts are still to be read. `sweeps` are by segment. `fields`: those of the contacts read. `is_over`: all that a
    first load reads is read.
    """

    workspace_id: str
    cursor: int | None
    began_at: int | None
    contacts: int
    unread: list[Span] = field(default_factory=lambda: [EVERYTHING])
    sweeps: dict[str, Sweep] = field(default_factory=dict)
    fields: KnownFields | None = None
    is_over: bool = False


@dataclass(frozen=True)
class Part:
    """What was read since the part before: raw rows by table, and how far the load has come with them.

    `sightings` are members seen by sweeps that have not ended.
    """

    tables: dict[str, pa.Table]
    sightings: pa.Table
    stage: FirstLoadState


SIGHTINGS = pa.schema(
    {"segment_id": pa.string(), "started_at": pa.timestamp("us", tz="UTC"), "contact_id": pa.string()}
)
Keep = Callable[[Part], None]
Interruptions = Mapping[str, tuple[Sweep, set[str]]]
"""By segment: sweeps that an earlier attempt could not end, and whom they had seen."""


@dataclass
class PartBuffer:
    """What was read and not handed over yet."""

    options: RunOptions
    fields: Fields
    versions: list[dict[str, Any]] = field(default_factory=list)
    rows: list[SentContact] = field(default_factory=list)
    contacts: list[pa.Table] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)

    def add(self, contacts: Iterable[SentContact]) -> None:
        """Takes contacts in; they become rows of a table soon, since until then they need four times the memory."""
        self.rows += contacts
        if len(self.rows) >= ROWS_A_TABLE:
            self._pack()

    def emptied(self) -> dict[str, pa.Table]:
        """All of it, by table."""
        self._pack()
        tables = {
            "contacts": pa.concat_tables(self.contacts),
            "segments": rows_table(SEGMENTS, [row | self.options.stamp for row in self.versions]),
            "membership_changes": changes_of(self.scans, self.options),
            "segment_scans": scans_of(self.scans, self.options),
        }
        self.versions, self.contacts, self.scans = [], [], []
        return tables

    def _pack(self) -> None:
        self.contacts.append(self.fields.table(self.options.workspace_id, self.rows))
        self.rows = []


class FirstLoad:
    """One attempt at reading a workspace whole.

    Args:
        fields: notes the fields that contacts have.
        progress: notes what is read.
        stage, interruptions: how far an earlier attempt came; null and none for the first.
        keep: takes each part, and has it on the disk when it returns.
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
        self._progress = progress
        self._is_resumed = stage is not None
        self._stage = stage
        self._interruptions = interruptions
        self._keep = keep
        self._buffer = PartBuffer(self._options, fields)
        self._windows: Windows[Raw] | None = None
        self._sweeping: dict[str, tuple[int, datetime, MemberRead]] = {}
        self._part_calls = SMALLEST_PART
        self._kept_at = 0
        self._joins = 0
        self._notes: tuple[str, ...] = ()
        self._is_complete = True
        self._began = options.clock()

    @property
    def is_small(self) -> bool:
        """Whether nothing was read, since all is little enough to be read by the run that follows."""
        return self._stage is None

    @property
    def saved(self) -> SavedState:
        """What the run that follows starts from."""
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
        """What it found, where it found all; null where it is for the run that follows to look what is missing.

        Meanwhile is not much: what changed within the overlap is read by the next run anyway.
        """
        stage, lasted = self._stage, self._options.clock() - self._began
        if stage is None or self._is_resumed or not self._is_complete:
            return None
        if lasted > timedelta(seconds=self._options.overlap) or memory.contact_count() != stage.contacts:
            return None
        swept = self._progress.segments.rows
        return ReadingResult(
            contacts_read=stage.contacts,
            segments=swept,
            swept=swept,
            members=self._joins,
            joins=self._joins,
            notes=self._notes,
            drift=tuple(self._buffer.fields.changes()),
        )

    async def read(self, memory: Memory) -> None:
        """Reads what is not loaded yet. `memory` is what is, by earlier attempts."""
        async with self._connect() as client:
            snapshot = await take_snapshot(client)
            segments = self._options.selection.of(snapshot.segments)
            if self._stage is None and _calls(snapshot, segments) <= LARGE:
                return
            self._is_resumed |= memory.contact_count() > 0  # by an earlier attempt, or by a backfill
            stage = self._stage = self._stage or self._begin(snapshot)
            remembered = memory.segments()
            pending = await self._pending(client, segments, remembered)
            self._buffer.versions = version_rows(snapshot.segments, remembered, self._options.clock)
            self._notes = tuple(self._options.selection.notes(snapshot.segments))
            self._expect(snapshot, pending)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._read_contacts(client, stage, snapshot))
                    group.create_task(self._sweep(client, snapshot, pending, memory))
                stage.is_over = True
            finally:
                self._hand_over()

    def _begin(self, snapshot: WorkspaceSnapshot) -> FirstLoadState:
        cursor = None if snapshot.mark is None else snapshot.mark - self._options.lag
        return FirstLoadState(self._options.workspace_id, cursor, snapshot.began_at, snapshot.contacts)

    async def _pending(
        self, client: Intercom, segments: Sequence[Segment], remembered: Mapping[str, RememberedSegment]
    ) -> list[Planned]:
        """The segments that wait for their first sweep, the largest first: at the end little is in flight at once.

        None where search knows no segments.
        """
        if not await knows_segments(client, [segment.id for segment in segments]):
            self._is_complete = False
            return []
        planned = (Planned(segment, remembered.get(segment.id)) for segment in segments)
        pending = (one for one in planned if one.before is None or one.before.swept is None)
        return sorted(pending, key=lambda one: -one.members)

    def _expect(self, snapshot: WorkspaceSnapshot, pending: Sequence[Planned]) -> None:
        calls = page_calls(snapshot.contacts) + sum(one.sweep_calls for one in pending)
        self._part_calls = round(min(max(KEPT_EVERY * calls, SMALLEST_PART), LARGEST_PART))
        self._progress.contacts.expect(snapshot.contacts)
        self._progress.segments.expect(len(pending))
        self._progress.memberships.expect(sum(one.members for one in pending))

    async def _read_contacts(self, client: Intercom, stage: FirstLoadState, snapshot: WorkspaceSnapshot) -> None:
        self._windows = Windows(
            client,
            everyone(),
            Page[Raw],
            self._take_contacts,
            dates=self._options.dates,
            size=window_pages(page_calls(snapshot.contacts), client.breadth),
            unread=stage.unread,
        )
        await self._windows.read()

    async def _take_contacts(self, page: Page[Raw]) -> None:
        self._buffer.add(read_contacts(page))
        self._progress.contacts.add(len(page.data))
        self._hand_over_when_due()

    async def _sweep(
        self, client: Intercom, snapshot: WorkspaceSnapshot, pending: Sequence[Planned], memory: Memory
    ) -> None:
        slots = ReadSlots(client, self._options.dates, self._progress.memberships, after_page=self._hand_over_when_due)
        scanner = Scanner(client, self._options.clock, self._options.guard, snapshot.witness, Counts(client))
        left_out = (one.id for one in snapshot.segments if self._options.selection.leaves_out(one.id, one.name))
        remembered = await asyncio.to_thread(memory.segments)
        self._buffer.scans += [scanner.excluded(one, remembered.get(one)) for one in left_out]
        await gathered(self._sweep_one(slots, scanner, planned, memory) for planned in pending)

    async def _sweep_one(self, slots: ReadSlots, scanner: Scanner, planned: Planned, memory: Memory) -> None:
        segment, before = planned.segment, self._interrupted(planned.segment)
        async with slots.begun(planned.members, before) as read:
            known = await asyncio.to_thread(memory.members, segment.id) if planned.before else set[str]()
            started_at = before.started_at if before else self._options.clock()
            self._sweeping[segment.id] = (segment.updated_at, started_at, read)
            scan = await scanner.sweep(segment, planned.before, known, read)
            del self._sweeping[segment.id]
        scan.started_at = started_at
        self._buffer.scans.append(scan)
        self._joins += len(scan.joins)
        self._is_complete &= scan.status == "complete"
        self._progress.segments.rows += 1
        self._hand_over_when_due()

    def _interrupted(self, segment: Segment) -> Interrupted | None:
        """The sweep of an earlier attempt, where it can go on: of the same definition, and not long ago."""
        sweep, ids = self._interruptions.get(segment.id, (None, set()))
        if sweep is None or sweep.version != segment.updated_at:
            return None
        if self._options.clock() - sweep.started_at > RESUMABLE:
            return None
        return Interrupted(sweep.started_at, sweep.total, sweep.unread, ids)

    def _hand_over_when_due(self) -> None:
        calls = self._progress.usage.calls.total()
        if calls - self._kept_at >= self._part_calls:
            self._kept_at = calls
            self._hand_over()

    def _hand_over(self) -> None:
        """Hands over what was read since the last time; nothing is awaited meanwhile, so it is all of one moment."""
        if self._stage is None:
            raise AssertionError("what was read belongs to a stage")
        if self._windows:
            self._stage.unread = self._windows.spans
        self._stage.sweeps = dict(self._sweeps())
        tables, sightings = self._buffer.emptied(), pa.concat_tables([SIGHTINGS.empty_table(), *self._sightings()])
        self._keep(Part(tables, sightings, replace(self._stage, fields=self._buffer.fields.known())))

    def _sweeps(self) -> Iterator[tuple[str, Sweep]]:
        for segment_id, (version, started_at, read) in self._sweeping.items():
            if read.unread is not None and read.total is not None:
                yield segment_id, Sweep(version, started_at, read.total, read.unread)

    def _sightings(self) -> Iterator[pa.Table]:
        for segment_id, (_, started_at, read) in self._sweeping.items():
            fresh, read.fresh = read.fresh, []
            shared = [pa.repeat(pa.scalar(segment_id), len(fresh)), pa.repeat(pa.scalar(started_at), len(fresh))]
            yield pa.Table.from_arrays([*shared, pa.array(fresh, pa.string())], schema=SIGHTINGS)


def state_after_first_load(stage: FirstLoadState) -> SavedState:
    """What a run starts from after a first load; one that is not over is to go on before."""
    if not stage.is_over:
        return SavedState()
    return SavedState(stage.cursor, stage.began_at, first_load=stage.contacts, is_resumed=True)


def _calls(snapshot: WorkspaceSnapshot, segments: Iterable[Segment]) -> int:
    return page_calls(snapshot.contacts) + sum(page_calls(segment.count or 0) for segment in segments)
