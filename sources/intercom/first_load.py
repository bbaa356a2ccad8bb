"""The first load of a large workspace, in parts: each is a load package, so a killed one goes on where it stopped.

A part holds some contacts, in the order in which they were made, and the sweeps of some segments, the largest first.
When all are loaded a run like any other reads what changed since the first part began.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from msgspec import Raw

from .client import JSON, Intercom, gathered
from .fields import Fields
from .memberships import Counts, Memory, Scan, Scanner
from .plan import Planned, page_calls
from .reading import noted, version_rows
from .records import Page, SentContact, contacts_table
from .scanning import Opening, Past, Terms, open_workspace
from .search import count, created_after, everyone, knows_segments, next_cursor, pages

LARGE = 100
"""Calls above which a first load comes in parts: a smaller one is read again in no time."""
PART = 0.08
"""A part's calls, as a share of all before it: so much is lost at most when a run is killed."""
SMALLEST_PART, LARGEST_PART = 20, 300
"""A part's calls: each part costs a package, half a second; a large one holds 45,000 contacts in memory."""


@dataclass(frozen=True)
class Part:
    """What one part read, and how far the load has come with it."""

    terms: Terms
    contacts: list[pa.Table]
    versions: list[dict[str, Any]]
    scans: list[Scan]
    progress: "Progress"


@dataclass
class Progress:
    """How far a first load has come, in epoch seconds of Intercom's clock.

    `cursor` and `began_at` are those of its first attempt; contacts made until `made_until` are loaded, null before any
    with a date was.
    """

    cursor: int | None
    began_at: int | None
    made_until: int | None = None
    has_all_contacts: bool = False


class FirstLoad:
    """Reads a workspace part by part. Each call of `next_part` may be in an event loop of its own.

    Args:
        connect: makes the client.
        fields: notes the fields that contacts have.
        progress: how far an earlier attempt came; null for the first.
    """

    def __init__(
        self, connect: Callable[[], Intercom], terms: Terms, *, fields: Fields, progress: Progress | None
    ) -> None:
        self._is_resumed = progress is not None
        self._contacts_read = 0
        self._joins = 0
        self._connect = connect
        self._terms = terms
        self._fields = fields
        self._progress = progress
        self._opening: Opening | None = None
        self._query: JSON = everyone()
        self._page_cursor: str | None = None
        self._knows_segments: bool | None = None
        self._tried: set[str] = set()
        self._parts = 0
        self._swept = 0
        self._contacts_before = 0
        self._segments_left = 0
        self._contacts_missing = 0
        self._is_counted = False

    @property
    def past(self) -> Past:
        """What the run after all parts starts from: nothing, where there were none."""
        if self._progress is None:
            return Past()
        return Past(
            self._progress.cursor,
            self._progress.began_at,
            in_parts=True,
            is_resumed=self._is_resumed,
            contacts_read=self._contacts_read,
            contacts_missing=self._contacts_missing,
            swept=self._swept,
            joins=self._joins,
        )

    @property
    def progress(self) -> str:
        """How far it has come, in words."""
        total = self._opening.contacts if self._opening else 0
        segments = len(self._opening.segments) if self._opening else 0
        contacts = min(self._contacts_before + self._contacts_read, total)
        return (
            f"Loading part {self._parts}: {contacts:,} of {total:,} contacts, {segments - self._segments_left} of "
            f"{segments} segments read"
        )

    async def next_part(self, memory: Memory) -> Part | None:
        """Reads the next part; null where nothing is left, or where all is small enough to be read at once.

        `memory` is what is loaded by now, the part before included.
        """
        async with self._connect() as client:
            opening = self._opening = self._opening or await open_workspace(client)
            if self._progress is None and _calls(opening) <= LARGE:
                return None
            progress = self._progress = self._progress or self._begin(opening)
            if self._parts == 0:
                self._contacts_before = memory.contact_count()
            if self._parts == 0 and progress.made_until is not None and not progress.has_all_contacts:
                self._query = created_after(progress.made_until - 1, self._terms.version, self._terms.timezone)
            if progress.has_all_contacts and self._contacts_read and not self._is_counted:
                await self._count(client, opening, progress, memory)
            pending = await self._pending(client, opening, memory)
            if progress.has_all_contacts and not pending:
                return None
            return await self._read(client, progress, pending, memory)

    async def _count(self, client: Intercom, opening: Opening, progress: Progress, memory: Memory) -> None:
        """Reads all contacts once more where fewer are loaded than Intercom counts, now and when this began.

        A page may have come short; and a load that went on by date lacks contacts without one.
        """
        missing = min(opening.contacts, await count(client, everyone())) - memory.contact_count()
        if missing > 0 and not self._contacts_missing:
            self._query, self._page_cursor = everyone(), None
            progress.has_all_contacts, progress.made_until = False, None
        else:
            self._is_counted = True
        self._contacts_missing = max(missing, 0)

    async def _pending(self, client: Intercom, opening: Opening, memory: Memory) -> list[Planned]:
        """The segments that wait for their first sweep, the largest first; none where search knows no segments.

        One that did not add up is left to the run after all parts.
        """
        if self._knows_segments is None:
            self._knows_segments = await knows_segments(client, [segment.id for segment in opening.segments])
        pending = _never_swept(opening, memory) if self._knows_segments else []
        return [planned for planned in pending if planned.segment.id not in self._tried]

    def _begin(self, opening: Opening) -> Progress:
        return Progress(None if opening.mark is None else opening.mark - self._terms.lag, opening.began_at)

    async def _read(self, client: Intercom, progress: Progress, pending: list[Planned], memory: Memory) -> Part:
        size = round(min(max(PART * client.usage.calls.total(), SMALLEST_PART), LARGEST_PART))
        self._parts += 1
        terms = replace(self._terms, run_id=f"{self._terms.run_id}-{self._parts}")
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._some_contacts(client, progress, size // 2 if pending else size))
            share = size if progress.has_all_contacts else size // 2
            sweeping = group.create_task(self._sweep(client, _some(pending, share), memory))
        contacts, scans = reading.result(), sweeping.result()
        self._contacts_read += len(contacts)
        self._tried |= {scan.segment_id for scan in scans}
        self._swept += len(scans)
        self._segments_left = len(pending) - len(scans)
        self._joins += sum(len(scan.joins) for scan in scans)
        versions = version_rows([planned.segment for planned in pending], memory.segments(), terms.clock)
        return Part(terms, [contacts_table(terms.workspace_id, contacts)], versions, scans, progress)

    async def _some_contacts(self, client: Intercom, progress: Progress, calls: int) -> list[SentContact]:
        """The contacts of the next pages, in the order in which they were made, each once: a page may come twice."""
        read: dict[str, SentContact] = {}
        if progress.has_all_contacts:
            return []
        async with aclosing(pages(client, self._query, Page[Raw], start=self._page_cursor)) as following:
            async for page in following:
                read |= {one.contact.id: one for one in (noted(sent, self._fields) for sent in page.data)}
                self._page_cursor = next_cursor(page)
                calls -= 1
                if calls <= 0:
                    break
        progress.has_all_contacts = self._page_cursor is None
        made_at = [one.contact.created_at for one in read.values() if one.contact.created_at is not None]
        progress.made_until = max(made_at, default=progress.made_until)
        return list(read.values())

    async def _sweep(self, client: Intercom, pending: list[Planned], memory: Memory) -> list[Scan]:
        witness = self._opening.witness if self._opening else None
        scanner = Scanner(client, self._terms.clock, self._terms.guard, witness, Counts(client))
        known = [memory.members(planned.segment.id) for planned in pending]
        return await gathered(
            scanner.sweep(planned.segment, planned.before, members)
            for planned, members in zip(pending, known, strict=True)
        )


def _calls(opening: Opening) -> int:
    return page_calls(opening.contacts) + sum(page_calls(segment.count or 0) for segment in opening.segments)


def _never_swept(opening: Opening, memory: Memory) -> list[Planned]:
    """The segments that wait for their first sweep, the largest first: at the end little is in flight at once."""
    remembered = memory.segments()
    planned = (Planned(segment, remembered.get(segment.id)) for segment in opening.segments)
    pending = (one for one in planned if one.before is None or one.before.swept is None)
    return sorted(pending, key=lambda one: -one.members)


def _some(pending: list[Planned], calls: int) -> list[Planned]:
    """The first of them, until their sweeps cost that many calls."""
    taken: list[Planned] = []
    for planned in pending:
        if sum(one.sweep_calls for one in taken) >= calls:
            break
        taken.append(planned)
    return taken
