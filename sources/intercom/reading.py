"""One run's reading of a workspace: what the resources share while dlt extracts them side by side.

Each resource is an asynchronous generator that dlt resumes in a new task every time, so nothing that belongs to a task
(a task group, a timeout) may live across a `yield`: one producer task owns all of that and feeds a bounded queue.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa
from msgspec import Raw, ValidationError

from .client import JSON, Intercom, unreadable
from .fields import Fields
from .memberships import Clock, Guard, Memory, Scan, Sweeper
from .records import ContactStamp, Page, Segment, SentContact, contacts_table, read_contact
from .search import ask, everyone, newest, pages, updated_after
from .versions import Version

ROWS_A_TABLE = 3_000
"""dlt's costs are per yielded table: 3,000 rows a table take half the time of 150."""
SEGMENTS_IN_FLIGHT = 16
TABLES_IN_QUEUE = 4

Item = TypeVar("Item")


class Reading:
    """Reads one workspace once. Made for one run; its methods are called from dlt's event loop only.

    Args:
        connect: makes the client; called in the loop that will use it.
        memory: what the warehouse knows so far.
        version, timezone: decide how search matches times.
        fields: compares the fields of contacts with those of earlier runs.
        full: read every contact instead of those changed since the cursor.
    """

    def __init__(
        self,
        connect: Callable[[], Intercom],
        *,
        workspace_id: str,
        run_id: str,
        memory: Memory,
        clock: Clock,
        guard: Guard,
        version: Version,
        timezone: str,
        fields: Fields,
        full: bool = False,
    ) -> None:
        self.workspace_id = workspace_id
        self.run_id = run_id
        self.memory = memory
        self.full = full
        self.version = version
        self.fields = fields
        self.scans_done: list[Scan] = []
        self.contacts_read = 0
        self.gone: set[str] = set()
        self._connect = connect
        self._clock = clock
        self._guard = guard
        self._timezone = timezone
        self._client: Intercom | None = None
        self._users = 0
        self._connecting = asyncio.Lock()
        self._start = asyncio.Lock()
        self._listed: list[Segment] | None = None
        self._newest: ContactStamp | None = None
        self.high_water_mark: int | None = None
        self._marked = False
        self._remembered = memory.segments()
        self._removed = memory.removed()
        self._back: set[str] = set()
        self._read_ids: set[str] = set()
        self._contacts_finished = asyncio.Event()
        self._scans_finished = asyncio.Event()

    async def segments(self) -> list[Segment]:
        """The segment list as it was at the start of this run; asked for once."""
        async with self._client_in_use() as client, self._start:
            if self._listed is None:
                self._listed = await client.segments()
            return self._listed

    @property
    def segments_listed(self) -> int:
        """Segments in the list; 0 until it is read."""
        return len(self._listed or ())

    async def new_versions(self) -> list[dict[str, Any]]:
        """Segment definitions not loaded yet, as rows of `segments`."""
        listed = await self.segments()
        observed_at = self._clock()
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
            if self._remembered_version(segment.id) != segment.updated_at
        ]

    def _remembered_version(self, segment_id: str) -> int | None:
        remembered = self._remembered.get(segment_id)
        return remembered.updated_at if remembered else None

    async def _take_mark(self) -> None:
        """Takes the high-water mark: the newest `updated_at` in the workspace before anything else is read.

        Never later than Intercom's own clock, so that one contact dated 2043 does not hold the cursor for ever.
        """
        async with self._client_in_use() as client, self._start:
            if self._marked:
                return
            self._newest, self._marked = await newest(client), True
            if self._newest is not None:
                said_at = client.usage.answered_at or self._newest.updated_at
                self.high_water_mark = min(self._newest.updated_at, int(said_at))

    async def contacts(self, cursor: int | None) -> AsyncIterator[pa.Table]:
        """Contacts updated after the cursor, or all, in tables of at least 3,000 rows and a last, smaller one."""

        async def produce(queue: "asyncio.Queue[pa.Table | None]") -> None:
            async with self._client_in_use() as client:
                await self._take_mark()
                query = self._contacts_query(cursor)
                rows: list[SentContact] = []
                async for page in pages(client, query, Page[Raw]):
                    rows += [self._noted(sent) for sent in page.data]
                    if len(rows) >= ROWS_A_TABLE:
                        await queue.put(self._table(rows))
                        rows = []
                await queue.put(self._table(rows))
            self._contacts_finished.set()

        async for table in _produced(produce):
            yield table

    def _contacts_query(self, cursor: int | None) -> JSON:
        if cursor is None or self.full:
            return everyone()
        return updated_after(cursor, self.version, self._timezone)

    def _noted(self, sent: Raw) -> SentContact:
        try:
            one = read_contact(bytes(sent))
        except ValidationError as error:
            raise unreadable(error) from None
        self.fields.note(one.sent, one.odd)
        return one

    def _table(self, rows: list[SentContact]) -> pa.Table:
        ids = {one.contact.id for one in rows}
        self.contacts_read += len(rows)
        self._back |= self._removed & ids
        if self.full:
            self._read_ids |= ids
        return contacts_table(self.workspace_id, rows)

    async def scans(self) -> AsyncIterator[list[Scan]]:
        """A scan of every segment, those that vanished from the list included.

        They come in batches of at least 3,000 changes, and a last one that may be empty: with it, the tables exist.
        """

        async def produce(queue: "asyncio.Queue[Scan | None]") -> None:
            async with self._client_in_use() as client:
                listed = await self.segments()
                await self._take_mark()
                witness = self._newest.id if self._newest else None
                sweeper = Sweeper(client, self._clock, self._guard, witness)
                await self._scan_all(sweeper, listed, queue)
            self._scans_finished.set()

        batch: list[Scan] = []
        async for scan in _produced(produce):
            batch.append(scan)
            if sum(len(one.joins) + len(one.leaves) for one in batch) >= ROWS_A_TABLE:
                yield batch
                batch = []
        yield batch

    async def _scan_all(self, sweeper: Sweeper, listed: list[Segment], queue: "asyncio.Queue[Scan | None]") -> None:
        alive = {key: segment for key, segment in self._remembered.items() if segment.how != "deleted"}
        listed_ids = {segment.id for segment in listed}
        missing = [segment for key, segment in alive.items() if key not in listed_ids]
        held = self._guard.holds_list(missing, len(alive))
        in_flight = asyncio.Semaphore(SEGMENTS_IN_FLIGHT)

        async def scan(segment_id: str, look: Callable[[set[str]], Awaitable[Scan]]) -> None:
            async with in_flight:
                known = await asyncio.to_thread(self.memory.members, segment_id)
                await queue.put(self._done(await look(known)))

        async with asyncio.TaskGroup() as group:
            for segment in sorted(listed, key=lambda one: -(one.count or 0)):
                before = self._remembered.get(segment.id)
                group.create_task(scan(segment.id, partial(sweeper.sweep, segment, before)))
            for gone in missing:
                group.create_task(scan(gone.segment_id, partial(sweeper.missing, gone, held)))

    def _done(self, scan: Scan) -> Scan:
        self.scans_done.append(scan)
        self._back |= self._removed & scan.joins
        return scan

    async def contact_removals(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Contacts that are gone from the workspace, and those that came back; asked for when all else is read.

        Asked are the contacts that left a segment in this run and, in a full run, those known but not read; but not who
        is still a member of any segment.
        """
        await self._contacts_finished.wait()
        await self._scans_finished.wait()
        observed_at = self._clock()
        self.gone = await self._vanished(await asyncio.to_thread(self._doubtful))
        rows: list[dict[str, Any]] = [
            {"contact_id": contact_id, "status": status, "observed_at": observed_at}
            for status, contact_ids in (("unknown", self.gone), ("active", self._back))
            for contact_id in sorted(contact_ids)
        ]
        yield rows

    def _doubtful(self) -> set[str]:
        left = {contact_id for scan in self.scans_done for contact_id in scan.leaves}
        unread = self.memory.contacts() - self._read_ids if self.full else set()
        doubtful = (left | unread) - self._removed
        return doubtful - self._still_members(doubtful)

    def _still_members(self, contact_ids: set[str]) -> set[str]:
        pairs = self.memory.memberships(contact_ids)
        for scan in self.scans_done:
            pairs -= {(scan.segment_id, contact_id) for contact_id in scan.leaves & contact_ids}
            pairs |= {(scan.segment_id, contact_id) for contact_id in scan.joins & contact_ids}
        return {contact_id for _, contact_id in pairs}

    async def _vanished(self, doubtful: Collection[str]) -> set[str]:
        if not doubtful or self._newest is None:
            return set()
        async with self._client_in_use() as client:
            answer = await ask(client, doubtful, control=self._newest.id)
        return set(doubtful) - answer.found if answer.is_evidence else set()

    @asynccontextmanager
    async def _client_in_use(self) -> AsyncIterator[Intercom]:
        """The one client of this run: connected for the first who needs it, closed by the last."""
        async with self._connecting:
            client = self._client = self._client or await self._connect().__aenter__()
            self._users += 1
        try:
            yield client
        finally:
            self._users -= 1
            if self._users == 0:
                self._client = None
                await client.__aexit__(None, None, None)


async def _produced(produce: Callable[["asyncio.Queue[Item | None]"], Awaitable[None]]) -> AsyncIterator[Item]:
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
