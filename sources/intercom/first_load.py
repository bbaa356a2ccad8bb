"""The first load of a large workspace: what is read is kept at once, so a killed one goes on where it stopped.

All contacts, in windows of creation time, and all segments, the largest first, are read side by side. Every few calls
what came is handed over as a part, with how far the load has come. When all is read and loaded, a run like any other
reads what changed since it began.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from msgspec import Raw

from .client import Intercom, gathered
from .fields import Fields
from .intake import Intake
from .memberships import Counts, Memory, Scan, Scanner
from .plan import Planned, RememberedSegment, page_calls
from .progress import Progress
from .reading import ROWS_A_TABLE, read_contacts, version_rows
from .records import SEGMENTS, Page, SentContact, contacts_table, rows_table
from .scanning import Opening, Past, Terms, changes_of, open_workspace, scans_of
from .search import everyone, knows_segments
from .windows import Window, Windows, window_pages

LARGE = 100
"""Calls above which what a first load reads is kept at once: a smaller one is read again in no time."""
KEPT_EVERY = 0.02
"""A part's calls, as a share of all: so much is lost when a load is killed, besides sweeps that are not complete."""
SMALLEST_PART, LARGEST_PART = 4, 100
"""A part's calls: each part costs some milliseconds; a large one holds 15,000 contacts in memory."""
BEGUN = 0.06
"""The part of all pages that may still be to come of sweeps that have begun: about as much of them is lost."""
FEWEST_BEGUN = 8
"""Pages that may be to come in any case: so many calls are under way at least."""


@dataclass
class Stage:
    """How far a first load has come, as it is kept beside what it read; times are Intercom's, in epoch seconds.

    `cursor`, `began_at` and `contacts`, how many there were, are those of its first attempt. `unread`: windows in which
    contacts are still to be read.
    """

    workspace_id: str
    cursor: int | None
    began_at: int | None
    contacts: int
    unread: list[tuple[int | None, int | None]] = field(default_factory=lambda: [(None, None)])


@dataclass(frozen=True)
class Part:
    """What was read since the part before: raw rows by table, and how far the load has come with them."""

    tables: dict[str, pa.Table]
    stage: Stage


Keep = Callable[[Part], None]


class FirstLoad:
    """One attempt at reading a workspace whole.

    Args:
        fields: notes the fields that contacts have.
        progress: notes what is read.
        stage: how far an earlier attempt came; null for the first.
        keep: takes each part, and has it on the disk when it returns.
    """

    def __init__(
        self,
        connect: Callable[[], Intercom],
        terms: Terms,
        *,
        fields: Fields,
        progress: Progress,
        stage: Stage | None,
        keep: Keep,
    ) -> None:
        self._connect = connect
        self._terms = replace(terms, run_id=f"{terms.run_id}-1")  # the run that follows scans all segments again
        self._fields = fields
        self._progress = progress
        self._is_resumed = stage is not None
        self._stage = stage
        self._keep = keep
        self._windows: Windows[Raw] | None = None
        self._rows: list[SentContact] = []
        self._contacts: list[pa.Table] = []
        self._scans: list[Scan] = []
        self._versions: list[dict[str, Any]] = []
        self._part_calls = SMALLEST_PART
        self._kept_at = 0
        self._contacts_read = 0
        self._swept = 0
        self._joins = 0

    @property
    def past(self) -> Past:
        """What the run that follows starts from: nothing, where all is small enough to be read by it."""
        if self._stage is None:
            return Past()
        return Past(
            self._stage.cursor,
            self._stage.began_at,
            first_load=self._stage.contacts,
            is_resumed=self._is_resumed,
            contacts_read=self._contacts_read,
            swept=self._swept,
            joins=self._joins,
        )

    async def read(self, memory: Memory) -> None:
        """Reads what is not loaded yet. `memory` is what is, by earlier attempts."""
        async with self._connect() as client:
            opening = await open_workspace(client)
            if self._stage is None and _calls(opening) <= LARGE:
                return
            stage = self._stage = self._stage or self._begin(opening)
            remembered = memory.segments()
            pending = await self._pending(client, opening, remembered)
            self._versions = version_rows(opening.segments, remembered, self._terms.clock)
            self._expect(opening, pending)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._read_contacts(client, stage, opening))
                    group.create_task(self._sweep(client, opening, pending, memory))
            finally:
                self._hand_over()

    def _begin(self, opening: Opening) -> Stage:
        cursor = None if opening.mark is None else opening.mark - self._terms.lag
        return Stage(self._terms.workspace_id, cursor, opening.began_at, opening.contacts)

    async def _pending(
        self, client: Intercom, opening: Opening, remembered: dict[str, RememberedSegment]
    ) -> list[Planned]:
        """The segments that wait for their first sweep, the largest first: at the end little is in flight at once.

        None where search knows no segments.
        """
        if not await knows_segments(client, [segment.id for segment in opening.segments]):
            return []
        planned = (Planned(segment, remembered.get(segment.id)) for segment in opening.segments)
        pending = (one for one in planned if one.before is None or one.before.swept is None)
        return sorted(pending, key=lambda one: -one.members)

    def _expect(self, opening: Opening, pending: Sequence[Planned]) -> None:
        calls = page_calls(opening.contacts) + sum(one.sweep_calls for one in pending)
        self._part_calls = round(min(max(KEPT_EVERY * calls, SMALLEST_PART), LARGEST_PART))
        self._outstanding = max(round(BEGUN * calls), FEWEST_BEGUN)
        self._progress.contacts.expect(opening.contacts)
        self._progress.segments.expect(len(pending))
        self._progress.memberships.expect(sum(one.members for one in pending))

    async def _read_contacts(self, client: Intercom, stage: Stage, opening: Opening) -> None:
        if not stage.unread:
            return
        self._windows = Windows(
            client,
            everyone(),
            Page[Raw],
            self._take_contacts,
            dates=self._terms.dates,
            size=window_pages(page_calls(opening.contacts), client.breadth),
            unread=[Window(since, until) for since, until in stage.unread],
        )
        await self._windows.read()

    async def _take_contacts(self, page: Page[Raw]) -> None:
        self._rows += read_contacts(page)
        self._progress.contacts.add(len(page.data))
        if len(self._rows) >= ROWS_A_TABLE:
            self._pack_contacts()
        self._hand_over_when_due(self._progress.usage.calls.total())

    def _pack_contacts(self) -> None:
        """A contact takes four times the memory before it is a row of a table."""
        self._contacts_read += len(self._rows)
        table = contacts_table(self._terms.workspace_id, self._rows)
        self._fields.note(self._rows, table)
        self._contacts.append(table)
        self._rows = []

    async def _sweep(self, client: Intercom, opening: Opening, pending: Sequence[Planned], memory: Memory) -> None:
        intake = Intake(client, self._terms.dates, self._progress.memberships, outstanding=self._outstanding)
        scanner = Scanner(client, self._terms.clock, self._terms.guard, opening.witness, Counts(client))

        async def sweep(planned: Planned) -> None:
            async with intake.begun(planned.members) as read:
                known = await asyncio.to_thread(memory.members, planned.segment.id) if planned.before else set()
                self._take_scan(await scanner.sweep(planned.segment, planned.before, known, read))

        await gathered(sweep(planned) for planned in pending)

    def _take_scan(self, scan: Scan) -> None:
        self._scans.append(scan)
        self._swept += 1
        self._joins += len(scan.joins)
        self._progress.segments.rows += 1
        self._hand_over_when_due(self._progress.usage.calls.total())

    def _hand_over_when_due(self, calls: int) -> None:
        if calls - self._kept_at >= self._part_calls:
            self._kept_at = calls
            self._hand_over()

    def _hand_over(self) -> None:
        """Hands over what was read since the last time; nothing is awaited meanwhile, so it is all of a moment."""
        stage = self._stage
        if stage is None:
            raise AssertionError("what was read belongs to a stage")
        if self._windows:
            stage.unread = [(window.since, window.until) for window in self._windows.unread]
        self._pack_contacts()
        stamp = self._terms.stamp
        tables = {
            "contacts": pa.concat_tables(self._contacts),
            "segments": rows_table(SEGMENTS, [row | stamp for row in self._versions]),
            "membership_changes": changes_of(self._scans, self._terms),
            "segment_scans": scans_of(self._scans, self._terms),
        }
        self._contacts, self._versions, self._scans = [], [], []
        self._keep(Part(tables, replace(stage)))


def _calls(opening: Opening) -> int:
    return page_calls(opening.contacts) + sum(page_calls(segment.count or 0) for segment in opening.segments)
