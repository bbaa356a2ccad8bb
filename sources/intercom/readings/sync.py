"""One run's reading of a workspace: what the resources share while dlt extracts them side by side.

Each resource is an asynchronous generator that dlt resumes in a new task every time, so nothing that belongs to a task
(a task group, a timeout) may live across a `yield`: one producer task owns all of that and feeds a bounded queue.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

import pyarrow as pa

from ..api import JSON, Activity, Intercom, Segment, SharedClient, page_calls
from ..memberships import (
    Clock,
    ContactChanges,
    Memory,
    ReadingResult,
    RememberedSegment,
    Removal,
    RunOptions,
    SavedState,
    Scan,
    Scanning,
    WorkspaceSnapshot,
    feed_pages,
    reported_removals,
    take_snapshot,
)
from ..search import ROWS_A_TABLE, ContactSearch, Progress, Times, count, everyone, updated_after, window_pages
from ..tables import Fields, SentContact

TABLES_IN_QUEUE = 4

Item = TypeVar("Item")


class Reading:
    """Reads one workspace once. Made for one run; its methods are called from dlt's event loop only.

    Args:
        connect: makes the client; called in the loop that will use it.
        memory: what the warehouse knows so far.
        past: what the pipeline's state knows so far.
        fields: compares the fields of contacts with those of earlier runs.
        progress: notes what is read.
    """

    def __init__(
        self,
        connect: Callable[[], Intercom],
        options: RunOptions,
        *,
        memory: Memory,
        saved: SavedState,
        fields: Fields,
        progress: Progress,
    ) -> None:
        self.options = options
        self.saved = saved
        self.fields = fields
        self.snapshot: WorkspaceSnapshot | None = None
        self.feed_cursor = saved.feed
        self.scanning: Scanning | None = None
        self.contacts_read = 0
        self.contacts_missing = 0
        self._progress = progress
        self._memory = memory
        self._shared = SharedClient(connect)
        self._snapshot = asyncio.Lock()
        self._told: dict[str, Removal] = {}
        self._read: dict[str, Times] = {}
        self._contacts_finished = asyncio.Event()
        self._feed_finished = asyncio.Event()
        self._scans_finished = asyncio.Event()

    @property
    def found(self) -> ReadingResult:
        """What it found, the first load that it follows included; when all is read."""
        scans = [scan for scan in self.scans_done if scan.status != "excluded"]
        return ReadingResult(
            contacts_read=self.saved.contacts_read + self.contacts_read,
            segments=len(scans),
            swept=self.saved.swept + sum(scan.how == "sweep" for scan in scans),
            members=sum(scan.members for scan in scans),
            joins=self.saved.joins + sum(len(scan.joins) for scan in scans),
            leaves=sum(len(scan.leaves) for scan in scans),
            contacts_gone=len(self.scanning.removed) if self.scanning else 0,
            contacts_missing=self.contacts_missing,
            incomplete={scan.segment_id: str(scan.problem) for scan in scans if scan.status == "incomplete"},
            drift=tuple(self.fields.changes()),
            notes=tuple(self.notes),
        )

    @property
    def notes(self) -> list[str]:
        """What was read in another way than usual, or could not be, in sentences."""
        notes = list(self.scanning.notes) if self.scanning else []
        if self.contacts_missing:
            notes.append(
                f"Intercom counts {self.contacts_missing:,} contacts more than it showed, twice: the next run reads "
                "them again."
            )
        return notes

    @property
    def mark(self) -> int | None:
        """The high-water mark; null in an empty workspace."""
        return self.snapshot.mark if self.snapshot else None

    @property
    def scans_done(self) -> list[Scan]:
        """The scans that are finished."""
        return self.scanning.done if self.scanning else []

    async def _opened(self, client: Intercom) -> WorkspaceSnapshot:
        async with self._snapshot:
            if self.snapshot is None:
                self.snapshot = await take_snapshot(client)
            return self.snapshot

    async def new_versions(self) -> list[dict[str, Any]]:
        """Segment definitions not loaded yet, as rows of `segments`."""
        async with self._shared.in_use() as client:
            snapshot = await self._opened(client)
        remembered = await asyncio.to_thread(self._memory.segments)
        return version_rows(snapshot.segments, remembered, self.options.clock)

    async def contacts(self) -> AsyncIterator[pa.Table]:
        """Contacts updated after the cursor, or all, in tables of at least 3,000 rows and a last, smaller one.

        Everyone comes once. Where fewer come than Intercom counts, all pages are read once more, one after the other;
        who is missing then is counted in `contacts_missing`.
        """

        async def produce(queue: "asyncio.Queue[pa.Table | None]") -> None:
            async with self._shared.in_use() as client:
                snapshot = await self._opened(client)
                query = await self._contacts_query(client, snapshot)
                if query is not None:
                    await self._read_contacts(client, query, queue)
                await queue.put(self._table([]))
            self._contacts_finished.set()

        async for table in produced(produce):
            yield table

    async def _contacts_query(self, client: Intercom, snapshot: WorkspaceSnapshot) -> JSON | None:
        """Which contacts are to be read; null where none need be."""
        if self.options.full or self.saved.cursor is None:
            return everyone()
        if await asyncio.to_thread(self._came_short, snapshot):
            return everyone()
        query = updated_after(self.saved.cursor, self.options.version, self.options.timezone)
        return None if await self._has_nothing_new(client, query) else query

    def _came_short(self, snapshot: WorkspaceSnapshot) -> bool:
        """Whether a first load has left contacts out: by the lesser of Intercom's counts, before and after it."""
        counted = self.saved.first_load
        return counted is not None and self._memory.contact_count() < min(counted, snapshot.contacts)

    async def _read_contacts(self, client: Intercom, query: JSON, queue: "asyncio.Queue[pa.Table | None]") -> None:
        """Puts the contacts of a query; notes who came, and how many are missing."""

        async def put(batch: list[SentContact]) -> None:
            await queue.put(self._table(batch))

        search = ContactSearch(client, query, dates=self.options.dates, tally=self._progress.contacts, put=put)
        await search.read_all(self._window_pages(client))
        self._read, self.contacts_missing = search.read, search.missing

    def _window_pages(self, client: Intercom) -> int:
        return window_pages(page_calls(self.snapshot.contacts if self.snapshot else 0), client.breadth)

    async def _has_nothing_new(self, client: Intercom, query: JSON) -> bool:
        """Whether what would be found is what the last run had read already, so that it need not be read.

        Nobody was updated since, and as many are found as are loaded. Should one have vanished and another appeared
        late, it is not lost: the cursor stays, so all is read as soon as anybody is updated.
        """
        cursor, began_at = self.saved.cursor, self.saved.began_at
        if cursor is None or began_at is None or not self.options.version.exact_times:
            return False
        stood_still = self.mark is not None and self.mark == cursor + self.options.lag and self.mark < began_at
        if not stood_still:
            return False
        return await count(client, query) == await asyncio.to_thread(self._memory.updated_after, cursor)

    def _table(self, rows: list[SentContact]) -> pa.Table:
        self.contacts_read += len(rows)
        return self.fields.table(self.options.workspace_id, rows)

    async def activities(self) -> AsyncIterator[list[Activity]]:
        """What the activity feed tells since the last run, in pages; at least one, which may be empty."""

        async def produce(queue: "asyncio.Queue[list[Activity] | None]") -> None:
            if self.options.version.has_feeds:
                async with self._shared.in_use() as client:
                    async for page, behind in feed_pages(client, self.saved.feed):
                        self._told |= reported_removals(page)
                        self.feed_cursor = behind
                        await queue.put(page)
            self._feed_finished.set()

        async for page in produced(produce):
            yield page
        yield []

    async def scans(self) -> AsyncIterator[list[Scan]]:
        """A scan of every segment, those that vanished from the list included.

        They come in batches of at least 3,000 changes, and a last one that may be empty: with it, the tables exist.
        """

        async def produce(queue: "asyncio.Queue[Scan | None]") -> None:
            async with self._shared.in_use() as client:
                snapshot = await self._opened(client)
                self._progress.segments.expect(len(snapshot.segments))
                self.scanning = Scanning(
                    client,
                    snapshot,
                    self.options,
                    saved=self.saved,
                    memory=self._memory,
                    changes_read=self._wait_for_contacts,
                    put=queue.put,
                    progress=self._progress,
                )
                await self.scanning.run()
            self._scans_finished.set()

        batch: list[Scan] = []
        async for scan in produced(produce):
            batch.append(scan)
            if sum(len(one.joins) + len(one.leaves) for one in batch) >= ROWS_A_TABLE:
                yield batch
                batch = []
        yield batch

    async def _wait_for_contacts(self) -> ContactChanges:
        await self._contacts_finished.wait()
        await self._feed_finished.wait()
        return ContactChanges(self._read, self._told)

    async def contact_removals(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Contacts found gone, those of whom it is known now why, and those that came back; when all else is read."""
        await self._scans_finished.wait()
        found = [self.scanning.removed, self.scanning.explained, self.scanning.returned] if self.scanning else []
        observed_at = self.options.clock()
        yield [
            {
                "contact_id": contact_id,
                "status": removal.status,
                "observed_at": observed_at,
                "happened_at": removal.happened_at,
                "merged_into_contact_id": removal.merged_into,
            }
            for removals in found
            for contact_id, removal in sorted(removals.items())
        ]


def version_rows(
    listed: Iterable[Segment], remembered: Mapping[str, RememberedSegment], clock: Clock
) -> list[dict[str, Any]]:
    """Segment definitions that are not loaded yet, as rows of `segments` without their workspace and run."""
    observed_at = clock()
    return [
        {
            "segment_id": segment.id,
            "name": segment.name,
            "person_type": segment.person_type,
            "created_at": segment.created_at,
            "updated_at": segment.updated_at,
            "observed_at": observed_at,
        }
        for segment in listed
        if segment.id not in remembered or remembered[segment.id].updated_at != segment.updated_at
    ]


async def produced(produce: Callable[["asyncio.Queue[Item | None]"], Awaitable[None]]) -> AsyncIterator[Item]:
    """What `produce` puts into its queue, which it does in a task of its own; its failure is raised here."""
    queue: asyncio.Queue[Item | None] = asyncio.Queue(TABLES_IN_QUEUE)

    async def run() -> None:
        try:
            await produce(queue)
        finally:
            if not (task.cancelling() and queue.full()):  # cancelled: nobody takes from the queue any more
                await queue.put(None)

    task = asyncio.create_task(run())
    try:
        while (item := await queue.get()) is not None:
            yield item
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
