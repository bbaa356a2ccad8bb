"""One run's reading of a workspace: what the resources share while dlt extracts them side by side.

Each resource is an asynchronous generator that dlt resumes in a new task every time, so nothing that belongs to a task
(a task group, a timeout) may live across a `yield`: one producer task owns all of that and feeds a bounded queue.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa
from msgspec import Raw, ValidationError

from .client import JSON, Intercom, SharedClient, gathered, unreadable
from .fields import Fields
from .memberships import Clock, Guard, Memory, Removal, Scan, Scanner
from .plan import Limits, Plan, Planned, RememberedSegment, plan
from .records import Activity, ContactStamp, Page, Segment, SentContact, contacts_table, read_contact
from .removals import Departures, feed, told
from .search import everyone, newest, pages, updated_after
from .versions import Version

ROWS_A_TABLE = 3_000
"""dlt's costs are per yielded table: 3,000 rows a table take half the time of 150."""
SEGMENTS_IN_FLIGHT = 16
TABLES_IN_QUEUE = 4

Item = TypeVar("Item")


@dataclass(frozen=True)
class Terms:
    """What one run goes by. `version` and `timezone` decide how search matches times; `overlap` is in seconds.

    `full`: read every contact and sweep every segment, instead of what changed and what the plan says.
    """

    workspace_id: str
    run_id: str
    clock: Clock
    guard: Guard
    version: Version
    timezone: str
    limits: Limits
    overlap: int
    full: bool = False


@dataclass(frozen=True)
class Past:
    """What earlier runs left in the pipeline's state; times are epoch seconds of Intercom's clock.

    `cursor`: contacts updated later are read. `began_at`: when the last run began: whoever it read and was not updated
    since then has been looked at. `unaccounted`: loaded contacts less those that Intercom counted. `feed`: where the
    activity feed goes on. `in_parts`: a first load came in parts just before, with so many contacts, sweeps and joins;
    `is_resumed`: it went on where an earlier attempt had stopped.
    """

    cursor: int | None = None
    began_at: int | None = None
    unaccounted: int | None = None
    feed: str | None = None
    in_parts: bool = False
    is_resumed: bool = False
    contacts_read: int = 0
    swept: int = 0
    joins: int = 0


@dataclass(frozen=True)
class Opening:
    """What the workspace was when the run began, by two calls and the answer to the first call of all.

    `contacts` counts them all; `newest` is the one updated last, null in an empty workspace.
    """

    segments: list[Segment]
    newest: ContactStamp | None
    contacts: int
    began_at: int | None

    @property
    def mark(self) -> int | None:
        """The high-water mark: the newest `updated_at` before anything else was read.

        Never later than Intercom's own clock, so that one contact dated 2043 does not hold the cursor for ever.
        """
        if self.newest is None:
            return None
        return self.newest.updated_at if self.began_at is None else min(self.newest.updated_at, self.began_at)

    @property
    def witness(self) -> str | None:
        """A contact known to exist."""
        return self.newest.id if self.newest else None


async def open_workspace(client: Intercom) -> Opening:
    """The high-water mark first, then the segment list."""
    stamp, contacts = await newest(client)
    began_at = client.usage.answered_at
    return Opening(await client.segments(), stamp, contacts, int(began_at) if began_at is not None else None)


@dataclass
class Held:
    """A segment that is not swept unless it drifted, and its scan, which waits for what else the run finds out."""

    planned: Planned
    before: RememberedSegment
    scan: Scan


class Reading:
    """Reads one workspace once. Made for one run; its methods are called from dlt's event loop only.

    Args:
        connect: makes the client; called in the loop that will use it.
        memory: what the warehouse knows so far.
        past: what the pipeline's state knows so far.
        fields: compares the fields of contacts with those of earlier runs.
    """

    def __init__(
        self, connect: Callable[[], Intercom], terms: Terms, *, memory: Memory, past: Past, fields: Fields
    ) -> None:
        self.terms = terms
        self.past = past
        self.fields = fields
        self.opening: Opening | None = None
        self.feed_cursor = past.feed
        self.scans_done: list[Scan] = []
        self.contacts_read = 0
        self.gone: dict[str, Removal] = {}
        self.unaccounted: int | None = None
        self._memory = memory
        self._shared = SharedClient(connect)
        self._opening = asyncio.Lock()
        self._remembered = memory.segments()
        self._removed = memory.removed()
        self._back: set[str] = set()
        self._explained: dict[str, Removal] = {}
        self._told: dict[str, Removal] = {}
        self._read: dict[str, int | None] = {}
        self._newcomers = 0
        self._contacts_finished = asyncio.Event()
        self._feed_finished = asyncio.Event()
        self._scans_finished = asyncio.Event()

    @property
    def segments_listed(self) -> int:
        """Segments in the list; 0 until it is read."""
        return len(self.opening.segments) if self.opening else 0

    @property
    def mark(self) -> int | None:
        """The high-water mark; null in an empty workspace."""
        return self.opening.mark if self.opening else None

    @property
    def is_whole(self) -> bool:
        """Whether everybody and every segment is read: asked for, or because nothing was read before."""
        return self.terms.full or self.past.cursor is None

    async def _opened(self, client: Intercom) -> Opening:
        async with self._opening:
            if self.opening is None:
                self.opening = await open_workspace(client)
            return self.opening

    async def new_versions(self) -> list[dict[str, Any]]:
        """Segment definitions not loaded yet, as rows of `segments`."""
        async with self._shared.in_use() as client:
            opening = await self._opened(client)
        return version_rows(opening.segments, self._remembered, self.terms.clock)

    async def contacts(self) -> AsyncIterator[pa.Table]:
        """Contacts updated after the cursor, or all, in tables of at least 3,000 rows and a last, smaller one."""

        async def produce(queue: "asyncio.Queue[pa.Table | None]") -> None:
            async with self._shared.in_use() as client:
                await self._opened(client)
                rows: list[SentContact] = []
                async for page in pages(client, self._contacts_query(), Page[Raw]):
                    rows += [noted(sent, self.fields) for sent in page.data]
                    if len(rows) >= ROWS_A_TABLE:
                        await queue.put(self._table(rows))
                        rows = []
                await queue.put(self._table(rows))
            self._contacts_finished.set()

        async for table in _produced(produce):
            yield table

    def _contacts_query(self) -> JSON:
        return everyone() if self.terms.full else self._since() or everyone()

    def _since(self) -> JSON | None:
        """Finds the contacts updated after the cursor, and a few more; null where there is no cursor."""
        cursor = self.past.cursor
        return None if cursor is None else updated_after(cursor, self.terms.version, self.terms.timezone)

    def _table(self, rows: list[SentContact]) -> pa.Table:
        read = {one.contact.id: one.contact.updated_at for one in rows}
        self.contacts_read += len(rows)
        self._back |= self._removed.keys() & read
        self._read |= read
        return contacts_table(self.terms.workspace_id, rows)

    async def activities(self) -> AsyncIterator[list[Activity]]:
        """What the activity feed tells since the last run, in pages; at least one, which may be empty."""

        async def produce(queue: "asyncio.Queue[list[Activity] | None]") -> None:
            if self.terms.version.has_feeds:
                async with self._shared.in_use() as client:
                    async for page, behind in feed(client, self.past.feed):
                        self._told |= told(page)
                        self.feed_cursor = behind
                        await queue.put(page)
            self._feed_finished.set()

        async for page in _produced(produce):
            yield page
        yield []

    async def scans(self) -> AsyncIterator[list[Scan]]:
        """A scan of every segment, those that vanished from the list included.

        They come in batches of at least 3,000 changes, and a last one that may be empty: with it, the tables exist.
        """

        async def produce(queue: "asyncio.Queue[Scan | None]") -> None:
            async with self._shared.in_use() as client:
                await self._scan_all(client, queue)
            self._scans_finished.set()

        batch: list[Scan] = []
        async for scan in _produced(produce):
            batch.append(scan)
            if sum(len(one.joins) + len(one.leaves) for one in batch) >= ROWS_A_TABLE:
                yield batch
                batch = []
        yield batch

    async def _scan_all(self, client: Intercom, queue: "asyncio.Queue[Scan | None]") -> None:
        opening, terms = await self._opened(client), self.terms
        scanner = Scanner(client, terms.clock, terms.guard, opening.witness)
        departures = Departures(client, opening.witness, terms.version.has_feeds)
        todo = plan(opening.segments, self._remembered, now=terms.clock(), limits=terms.limits, full=self.is_whole)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweep(scanner, todo, queue))
            group.create_task(self._look_for_missing(scanner, opening.segments, queue))
            reading_rest = group.create_task(self._read_rest(scanner, todo))
        held = reading_rest.result()
        await self._find_gone(scanner, departures, held)
        held = await self._sweep_drifted(scanner, held, queue)
        await self._find_more_gone(scanner, departures, held)
        for one in held:
            one.scan.observed_at = terms.clock()
            await queue.put(self._done(one.scan))

    async def _sweep(self, scanner: Scanner, todo: Plan, queue: "asyncio.Queue[Scan | None]") -> None:
        in_flight = asyncio.Semaphore(SEGMENTS_IN_FLIGHT)

        async def sweep(planned: Planned) -> None:
            async with in_flight:
                known = await asyncio.to_thread(self._memory.members, planned.segment.id)
                await queue.put(self._done(await scanner.sweep(planned.segment, planned.before, known)))

        async with asyncio.TaskGroup() as group:
            for planned in sorted(todo.sweeps, key=lambda one: -one.members):
                group.create_task(sweep(planned))

    async def _look_for_missing(
        self, scanner: Scanner, listed: Iterable[Segment], queue: "asyncio.Queue[Scan | None]"
    ) -> None:
        """Segments that were listed before and are not now."""
        alive = {key: segment for key, segment in self._remembered.items() if segment.how != "deleted"}
        listed_ids = {segment.id for segment in listed}
        missing = [segment for key, segment in alive.items() if key not in listed_ids]
        held = self.terms.guard.holds_list(missing, len(alive))
        for segment in missing:
            known = await asyncio.to_thread(self._memory.members, segment.segment_id)
            await queue.put(self._done(await scanner.missing(segment, held, known)))

    async def _read_rest(self, scanner: Scanner, todo: Plan) -> list[Held]:
        """Segments that are not swept: a cursor read each, once it is known who changed; no call where nobody did."""
        await self._contacts_finished.wait()
        await self._feed_finished.wait()
        changed, since = await asyncio.to_thread(self._changed), self._since()
        rest = [(planned, planned.before) for planned in todo.rest if planned.before]
        if not changed or since is None:
            return [Held(one, before, scanner.begin(one.segment, before.members, how="none")) for one, before in rest]
        known = _by_segment(await asyncio.to_thread(self._memory.memberships, self._read) if rest else ())
        in_flight = asyncio.Semaphore(SEGMENTS_IN_FLIGHT)

        async def read(planned: Planned, before: RememberedSegment) -> Held:
            members = known.get(planned.segment.id, set())
            async with in_flight:
                scan = await scanner.read_changed(planned.segment, before, since=since, known=members, changed=changed)
            scan.joins -= await asyncio.to_thread(self._members_among, scan.segment_id, scan.joins - self._read.keys())
            return Held(planned, before, scan)

        return await gathered(read(planned, before) for planned, before in rest)

    def _changed(self) -> set[str]:
        """Contacts read that may have moved since a run looked at them: not those that it had read as they are now.

        Who was updated in the very second in which that run began may have been updated once more after it was read.
        """
        if self.is_whole:
            return set()
        loaded = self._memory.loaded(self._read)
        self._newcomers = len(self._read.keys() - loaded.keys())
        settled_before = self.past.began_at or 0
        return {
            contact_id
            for contact_id, updated_at in self._read.items()
            if updated_at is None or updated_at >= settled_before or loaded.get(contact_id) != updated_at
        }

    def _members_among(self, segment_id: str, contact_ids: set[str]) -> set[str]:
        return _by_segment(self._memory.memberships(contact_ids)).get(segment_id, set()) if contact_ids else set()

    async def _sweep_drifted(
        self, scanner: Scanner, held: list[Held], queue: "asyncio.Queue[Scan | None]"
    ) -> list[Held]:
        """Sweeps those whose members are other than Intercom counts; answers the others."""
        in_flight = asyncio.Semaphore(SEGMENTS_IN_FLIGHT)

        async def stays(one: Held) -> bool:
            async with in_flight:
                if one.scan.status == "incomplete" or not await scanner.has_drifted(one.scan, one.before):
                    return True
                known = await asyncio.to_thread(self._memory.members, one.scan.segment_id)
                await queue.put(self._done(await scanner.sweep(one.planned.segment, one.before, known)))
                return False

        staying = await gathered(stays(one) for one in held)
        return [one for one, stayed in zip(held, staying, strict=True) if stayed]

    async def _find_gone(self, scanner: Scanner, departures: Departures, held: list[Held]) -> None:
        """Who is gone: of those reported, of those who left a segment, and in a whole run of those not read."""
        departures.reports = await asyncio.to_thread(self._reported)
        suspects = departures.reports.keys() | self._leavers(held)
        if self.is_whole or self.past.is_resumed:
            suspects |= await asyncio.to_thread(self._unread)
        await self._take_leave(scanner, departures, held, suspects)
        if await asyncio.to_thread(self._accounts_differ):
            await departures.read_list()
            loaded = await asyncio.to_thread(self._memory.loaded, departures.reports)
            await self._take_leave(scanner, departures, held, set(loaded))

    async def _find_more_gone(self, scanner: Scanner, departures: Departures, held: list[Held]) -> None:
        """Who is gone of those whose leave only drift brought to light; and why those are who are gone for long."""
        await self._take_leave(scanner, departures, held, self._leavers(held))
        unexplained = {key for key, status in self._removed.items() if status == "unknown"} - self._back
        late = await departures.explain(unexplained)
        self._explained = {key: removal for key, removal in late.items() if removal.status != "unknown"}
        self.unaccounted = await asyncio.to_thread(self._balance)

    async def _take_leave(
        self, scanner: Scanner, departures: Departures, held: list[Held], suspects: Collection[str]
    ) -> None:
        """Makes those of the suspects who are gone leave all segments that were not swept.

        A sighting in this run beats a removal: who was seen in any segment is left to the next run.
        """
        doubtful = set(suspects) - self._removed.keys() - self.gone.keys()
        doubtful -= await asyncio.to_thread(self._sighted, doubtful, held)
        gone = await departures.vanished(doubtful)
        self.gone |= await departures.explain(gone)
        memberships = _by_segment(await asyncio.to_thread(self._memory.memberships, gone))
        for one in held:
            leavers = memberships.get(one.scan.segment_id, set())
            if leavers and one.scan.status != "incomplete":
                one.scan.removed |= leavers - one.scan.leaves
                one.scan.leaves |= leavers
                if scanner.collapses(one.scan, one.planned.segment, one.before):
                    one.scan.withhold("shrunk")

    def _reported(self) -> dict[str, Removal]:
        """Loaded contacts that the activity feed told to be gone, in this run or in an earlier one."""
        loaded = self._memory.loaded(self._told)
        return self._memory.reported() | {key: removal for key, removal in self._told.items() if key in loaded}

    def _leavers(self, held: Iterable[Held]) -> set[str]:
        scans = [*self.scans_done, *(one.scan for one in held)]
        return {contact_id for scan in scans if scan.how != "deleted" for contact_id in scan.leaves}

    def _unread(self) -> set[str]:
        known = self._memory.contacts()
        self._newcomers = len(self._read.keys() - known - self._removed.keys())
        is_due = self.is_whole or len(known) + self._newcomers > (self.opening.contacts if self.opening else 0)
        return known - self._read.keys() if is_due else set()

    def _accounts_differ(self) -> bool:
        """Whether contacts disappeared that nothing has explained yet: by Intercom's count of all, run by run."""
        return not self.is_whole and self.past.unaccounted is not None and self._balance() != self.past.unaccounted

    def _balance(self) -> int:
        """Loaded contacts that should be there, less those that Intercom counted when the run began."""
        there = self._memory.contact_count() + self._newcomers + len(self._back) - len(self.gone)
        return there - (self.opening.contacts if self.opening else 0)

    def _sighted(self, contact_ids: set[str], held: Iterable[Held]) -> set[str]:
        """Those of the contacts who were seen in a segment in this run."""
        whole = {scan.segment_id for scan in self.scans_done if scan.status == "complete" and scan.how != "deleted"}
        pairs = {pair for pair in self._memory.memberships(contact_ids) if pair[0] in whole}
        for scan in self.scans_done:
            pairs -= {(scan.segment_id, contact_id) for contact_id in scan.leaves & contact_ids}
            pairs |= {(scan.segment_id, contact_id) for contact_id in scan.joins & contact_ids}
        sighted = {contact_id for _, contact_id in pairs}
        return sighted.union(*(one.scan.sighted & contact_ids for one in held))

    def _done(self, scan: Scan) -> Scan:
        self.scans_done.append(scan)
        self._back |= self._removed.keys() & scan.joins
        return scan

    async def contact_removals(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Contacts found gone, those of whom it is known now why, and those that came back; when all else is read."""
        await self._contacts_finished.wait()
        await self._scans_finished.wait()
        back = {contact_id: Removal("active") for contact_id in self._back}
        observed_at = self.terms.clock()
        yield [
            {
                "contact_id": contact_id,
                "status": removal.status,
                "observed_at": observed_at,
                "happened_at": removal.happened_at,
                "merged_into_contact_id": removal.merged_into,
            }
            for removals in (self.gone, self._explained, back)
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


def noted(sent: Raw, fields: Fields) -> SentContact:
    """A contact as it was sent, its fields noted.

    Raises:
        Unreadable: it is no contact.
    """
    try:
        one = read_contact(bytes(sent))
    except ValidationError as error:
        raise unreadable(error) from None
    fields.note(one.sent, one.odd)
    return one


def _by_segment(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    members: dict[str, set[str]] = {}
    for segment_id, contact_id in pairs:
        members.setdefault(segment_id, set()).add(contact_id)
    return members


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
