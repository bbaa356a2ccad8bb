"""One run's look at all segments: what is swept, what is read of the rest, who drifted, who is gone.

Sweeps begin at once. What is read of the other segments depends on which contacts changed, so that waits until contacts
are read; and their scans wait until it is known who is gone from the workspace, since those leave every segment.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from .client import Intercom, each, gathered
from .intake import Intake
from .memberships import Clock, Counts, Guard, Memory, Removal, Scan, Scanner
from .plan import Limits, Plan, Planned, RememberedSegment, is_suspect, plan
from .progress import Progress
from .records import MEMBERSHIP_CHANGES, SEGMENT_SCANS, ContactStamp, Segment, changes_table, rows_table
from .removals import Departures
from .search import knows_segments, newest, updated_after
from .versions import Version
from .windows import Dates

Put = Callable[[Scan], Awaitable[None]]


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

    @property
    def dates(self) -> Dates:
        """How search matches times."""
        return Dates(self.version, self.timezone)

    @property
    def stamp(self) -> dict[str, str]:
        """What the run's rows share."""
        return {"workspace_id": self.workspace_id, "run_id": self.run_id}

    @property
    def lag(self) -> int:
        """Seconds that the cursor stays behind the high-water mark; one for the mark's own, which may not be over."""
        return self.overlap + self.version.overlap + 1


@dataclass(frozen=True)
class Past:
    """What earlier runs left in the pipeline's state; times are epoch seconds of Intercom's clock.

    `cursor`: contacts updated later are read. `began_at`: when the last run began: whoever it read and was not updated
    since then has been looked at. `unaccounted`: loaded contacts less those that Intercom counted. `feed`: where the
    activity feed goes on. `asked_until`: the contact up to which memberships were asked one by one. `first_load`: what
    was last read was a first load, and so many contacts did Intercom count when it began. Where that was in this very
    run it made so many reads of contacts, sweeps and joins. `is_resumed`: unless all of it was read just now.
    """

    cursor: int | None = None
    began_at: int | None = None
    unaccounted: int | None = None
    feed: str | None = None
    asked_until: str | None = None
    first_load: int | None = None
    is_resumed: bool = False
    contacts_read: int = 0
    swept: int = 0
    joins: int = 0


@dataclass(frozen=True)
class Found:
    """What a run read and found: segments in the list, those swept, members after it.

    `incomplete`: segments (by id) that closed no membership, and why. `contacts_missing`: counted, but not shown.
    `drift`: fields that are new, gone or of another type, in sentences. `notes`: what was read in another way than
    usual, and why.
    """

    contacts_read: int
    segments: int
    swept: int
    members: int
    joins: int
    leaves: int = 0
    contacts_gone: int = 0
    contacts_missing: int = 0
    incomplete: Mapping[str, str] = field(default_factory=dict)
    drift: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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


class Times(NamedTuple):
    """When a contact was updated last, 0 if that is not told, and when it was made, in epoch seconds."""

    updated_at: int
    created_at: int | None


@dataclass(frozen=True)
class News:
    """What was read beside the segments: contacts by id, and removals that the feed told."""

    read: Mapping[str, Times]
    told: Mapping[str, Removal]


@dataclass
class Held:
    """A segment that is not swept unless it drifted, and its scan, which waits for what else the run finds out."""

    segment: Segment
    before: RememberedSegment | None
    scan: Scan


class Scanning:
    """Scans every segment once; afterwards its attributes tell who is gone, who is back, and what to remember.

    Args:
        news: waits until contacts and the feed are read.
        put: takes each scan when it is done.
    """

    def __init__(
        self,
        client: Intercom,
        opening: Opening,
        terms: Terms,
        *,
        past: Past,
        memory: Memory,
        news: Callable[[], Awaitable[News]],
        put: Put,
        progress: Progress,
    ) -> None:
        self.done: list[Scan] = []
        self.gone: dict[str, Removal] = {}
        self.explained: dict[str, Removal] = {}
        self.asked_until = past.asked_until
        self.notes: list[str] = []
        self.unaccounted: int | None = None
        self._client = client
        self._opening = opening
        self._terms = terms
        self._past = past
        self._memory = memory
        self._wait_for_news = news
        self._put = put
        self._news = News({}, {})
        self._newcomers = 0
        self._removed = memory.removed()
        self._remembered = memory.segments()
        self._scanner = Scanner(client, terms.clock, terms.guard, opening.witness, Counts(client))
        self._departures = Departures(client, opening.witness, terms.version.has_feeds, terms.guard.accept)
        self._intake = Intake(client, terms.dates, progress.memberships)
        self._progress = progress

    @property
    def is_whole(self) -> bool:
        """Whether everybody and every segment is read: asked for, or because nothing was read before."""
        return self._terms.full or self._past.cursor is None

    @property
    def back(self) -> dict[str, Removal]:
        """Contacts known to be removed that were seen in this run: they are active."""
        joined = {contact_id for scan in self.done for contact_id in self._removed.keys() & scan.joins}
        return dict.fromkeys(joined | (self._removed.keys() & self._news.read.keys()), Removal("active"))

    async def run(self) -> None:
        """Scans all segments."""
        if await knows_segments(self._client, [segment.id for segment in self._opening.segments]):
            held = await self._read_by_segment()
        else:
            held = await self._read_by_contact()
        await self._find_gone(held)
        held = await self._sweep_drifted(held)
        await self._find_more_gone(held)
        for one in held:
            one.scan.observed_at = self._terms.clock()
            await self._finish(one.scan)

    async def _finish(self, scan: Scan) -> None:
        self.done.append(scan)
        self._progress.segments.rows += 1
        await self._put(scan)

    async def _read_by_segment(self) -> list[Held]:
        """Sweeps what the plan says; answers the scans of all other segments."""
        todo = plan(
            self._opening.segments,
            self._remembered,
            now=self._terms.clock(),
            limits=self._terms.limits,
            full=self.is_whole,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweep(todo))
            group.create_task(self._look_for_missing())
            reading_rest = group.create_task(self._read_rest(todo))
        return reading_rest.result()

    async def _sweep(self, todo: Plan) -> None:
        """The largest first: at the end little is in flight at once."""
        largest_first = sorted(todo.sweeps, key=lambda planned: -planned.members)
        await gathered(self._sweep_one(planned) for planned in largest_first)

    async def _sweep_one(self, planned: Planned) -> None:
        self._progress.memberships.expect(planned.members)
        async with self._intake.begun(planned.members) as read:
            known = await asyncio.to_thread(self._memory.members, planned.segment.id)
            scan = await self._scanner.sweep(planned.segment, planned.before, known, read)
        await self._finish(scan)

    async def _look_for_missing(self) -> None:
        """Segments that were listed before and are not now."""
        alive = {key: segment for key, segment in self._remembered.items() if segment.how != "deleted"}
        listed = {segment.id for segment in self._opening.segments}
        missing = [segment for key, segment in alive.items() if key not in listed]
        held = self._terms.guard.holds_list(missing, len(alive))
        for segment in missing:
            known = await asyncio.to_thread(self._memory.members, segment.segment_id)
            await self._finish(await self._scanner.missing(segment, held, known))

    async def _read_rest(self, todo: Plan) -> list[Held]:
        """Segments that are not swept: a cursor read each, once it is known who changed; no call where nobody did."""
        self._news = await self._wait_for_news()
        changed = await asyncio.to_thread(self._changed)
        rest = [(planned, planned.before) for planned in todo.rest if planned.before]
        if not changed:
            return [Held(one.segment, before, self._untouched(one.segment, before)) for one, before in rest]
        known = _by_segment(await asyncio.to_thread(self._memory.memberships, self._news.read.keys()) if rest else ())
        return await gathered(
            self._read_changed(planned.segment, before, known.get(planned.segment.id, set()), changed)
            for planned, before in rest
        )

    def _untouched(self, segment: Segment, before: RememberedSegment) -> Scan:
        return self._scanner.begin(segment, before.members, how="none")

    async def _read_changed(
        self, segment: Segment, before: RememberedSegment, known: set[str], changed: set[str]
    ) -> Held:
        cursor = self._past.cursor
        if cursor is None:
            raise AssertionError("without a cursor every segment is swept")
        since = updated_after(cursor, self._terms.version, self._terms.timezone)
        self._progress.memberships.expect(len(known))
        async with self._intake.begun(len(known)) as read:
            scan = await self._scanner.read_changed(segment, before, read, since=since, known=known, changed=changed)
        strangers = scan.joins - self._news.read.keys()  # updated after the contacts were read
        scan.joins -= await asyncio.to_thread(self._members_among, segment.id, strangers)
        return Held(segment, before, scan)

    def _members_among(self, segment_id: str, contact_ids: set[str]) -> set[str]:
        return _by_segment(self._memory.memberships(contact_ids)).get(segment_id, set()) if contact_ids else set()

    def _changed(self) -> set[str]:
        """Contacts read that may have moved since a run looked at them: not those that it had read as they are now.

        Who was updated in the very second in which that run began may have been updated once more after it was read.
        """
        if self.is_whole:
            return set(self._news.read)
        loaded = self._memory.loaded(self._news.read)
        self._note_newcomers(loaded.keys())
        settled_before = self._past.began_at or 0
        return {
            contact_id
            for contact_id, stamp in self._news.read.items()
            if (stamp.updated_at >= settled_before or loaded.get(contact_id) != stamp.updated_at)
            and not self._was_left_out(stamp)
        }

    def _was_left_out(self, stamp: Times) -> bool:
        """Whether it is a contact that the first load did not show, and not one that changed since it began."""
        cursor = self._past.cursor
        return self._past.first_load is not None and cursor is not None and stamp.updated_at <= cursor

    def _note_newcomers(self, known: Collection[str]) -> None:
        """Counts the new contacts that Intercom counted, too, when the run began."""
        began_at = self._opening.began_at
        new = self._news.read.keys() - known
        made_at = (self._news.read[contact_id].created_at for contact_id in new)
        self._newcomers = sum(second is None or began_at is None or second <= began_at for second in made_at)

    async def _read_by_contact(self) -> list[Held]:
        """Where search knows no segments: each contact is asked for its own. Those who changed always, and others.

        The others go on from where the last run stopped, so that who was asked longest ago comes first.
        """
        await self._look_for_missing()
        self._news = await self._wait_for_news()
        changed, everybody = await asyncio.to_thread(self._changed), await asyncio.to_thread(self._everybody)
        asked = changed | set(self._next_to_ask(everybody - changed, self._terms.limits.sweep_budget - len(changed)))
        self.notes.append(
            "Intercom's search refuses to find contacts by segment, so contacts were asked for their segments one "
            f"by one: {len(asked):,} of {len(everybody):,} in this run, those who changed first."
        )
        begun = {segment.id: self._begin_by_contact(segment) for segment in self._opening.segments}
        known = _by_segment(await asyncio.to_thread(self._memory.memberships, asked))
        told = _by_contact(await each(asked, self._client.segments_of))
        for segment_id, one in begun.items():
            present = told.get(segment_id, set())
            before, one.scan.fetched = known.get(segment_id, set()), len(present)
            one.scan.sighted, one.scan.joins, one.scan.leaves = present, present - before, before - present
            self._judge_by_contact(one, is_whole=asked >= everybody)
        return list(begun.values())

    def _everybody(self) -> set[str]:
        return (self._memory.contacts() | self._news.read.keys()) - (self._removed.keys() - self._news.read.keys())

    def _next_to_ask(self, others: set[str], calls: int) -> list[str]:
        """As many as the budget allows, in the order of their ids, around and around."""
        if self.is_whole or self._past.first_load is not None:
            return sorted(others)
        until = self._past.asked_until or ""
        due = sorted(others, key=lambda contact_id: (contact_id <= until, contact_id))[: max(calls, 0)]
        self.asked_until = due[-1] if due else self._past.asked_until
        return due

    def _begin_by_contact(self, segment: Segment) -> Held:
        before = self._remembered.get(segment.id)
        scan = self._scanner.begin(segment, before.members if before else 0, how="per_contact")
        return Held(segment, before, scan)

    def _judge_by_contact(self, one: Held, *, is_whole: bool) -> None:
        """Complete only where everybody was asked; else Intercom's count decides, which nothing else can confirm."""
        scan = one.scan
        agrees = one.before is not None and not is_suspect(scan.count, one.before, scan.members)
        scan.status = "complete" if is_whole else "confirmed" if agrees else "unconfirmed"
        if self._scanner.collapses(scan, one.segment, one.before):
            scan.withhold("shrunk")
            scan.joins = set()

    async def _sweep_drifted(self, held: list[Held]) -> list[Held]:
        """Sweeps those whose members are other than Intercom counts; answers the others."""

        async def stays(one: Held) -> bool:
            if one.before is None or one.scan.how == "per_contact" or one.scan.status == "incomplete":
                return True
            has_drifted = await self._scanner.has_drifted(one.scan, one.before)
            if has_drifted:
                await self._sweep_one(Planned(one.segment, one.before))
            return not has_drifted

        staying = await gathered(stays(one) for one in held)
        return [one for one, stayed in zip(held, staying, strict=True) if stayed]

    async def _find_gone(self, held: list[Held]) -> None:
        """Who is gone: of those reported, of those who left a segment, and in a whole run of those not read."""
        departures = self._departures
        departures.reports = await asyncio.to_thread(self._reported)
        suspects = departures.reports.keys() | self._leavers(held)
        if self.is_whole or self._past.is_resumed:
            suspects |= await asyncio.to_thread(self._unread)
        await self._take_leave(held, suspects)
        if await asyncio.to_thread(self._accounts_differ):
            await departures.read_list()
            await self._take_leave(held, await asyncio.to_thread(self._memory.loaded, departures.reports))

    async def _find_more_gone(self, held: list[Held]) -> None:
        """Who is gone of those whose leave only drift brought to light; and why those are who are gone for long."""
        await self._take_leave(held, self._leavers(held))
        unexplained = {key for key, status in self._removed.items() if status == "unknown"} - self.back.keys()
        late = await self._departures.explain(unexplained)
        self.explained = {key: removal for key, removal in late.items() if removal.status != "unknown"}
        self.unaccounted = await asyncio.to_thread(self._balance)

    async def _take_leave(self, held: list[Held], suspects: Collection[str]) -> None:
        """Makes those of the suspects who are gone leave all segments that were not swept.

        A sighting in this run beats a removal: who was seen in any segment is left to the next run.
        """
        doubtful = set(suspects) - self._removed.keys() - self.gone.keys()
        doubtful -= await asyncio.to_thread(self._sighted, doubtful, held)
        gone = await self._departures.vanished(doubtful)
        self.gone |= await self._departures.explain(gone)
        memberships = _by_segment(await asyncio.to_thread(self._memory.memberships, gone))
        for one in held:
            leavers = memberships.get(one.scan.segment_id, set()) - one.scan.leaves
            if leavers and one.scan.status != "incomplete":
                one.scan.removed |= leavers
                one.scan.leaves |= leavers
                if self._scanner.collapses(one.scan, one.segment, one.before):
                    one.scan.withhold("shrunk")

    def _reported(self) -> dict[str, Removal]:
        """Loaded contacts that the activity feed told to be gone, in this run or in an earlier one."""
        told = self._news.told
        return self._memory.reported() | {key: told[key] for key in self._memory.loaded(told)}

    def _leavers(self, held: Iterable[Held]) -> set[str]:
        scans = [*self.done, *(one.scan for one in held)]
        return {contact_id for scan in scans if scan.how != "deleted" for contact_id in scan.leaves}

    def _unread(self) -> set[str]:
        """Contacts known but not read: in a run that read all, or one that ends a first load with some too many."""
        known, read = self._memory.contacts(), self._news.read.keys()
        self._note_newcomers(known | self._removed.keys())
        is_due = self.is_whole or len(known) + self._newcomers > self._opening.contacts
        return known - read if is_due else set()

    def _accounts_differ(self) -> bool:
        """Whether contacts disappeared that nothing has explained yet: by Intercom's count of all, run by run."""
        return not self.is_whole and self._past.unaccounted is not None and self._balance() != self._past.unaccounted

    def _balance(self) -> int:
        """Loaded contacts that should be there, less those that Intercom counted when the run began."""
        there = self._memory.contact_count() + self._newcomers + len(self.back) - len(self.gone)
        return there - self._opening.contacts

    def _sighted(self, contact_ids: set[str], held: Iterable[Held]) -> set[str]:
        """Those of the contacts who were seen in a segment in this run."""
        whole = {scan.segment_id for scan in self.done if scan.status == "complete" and scan.how != "deleted"}
        pairs = {pair for pair in self._memory.memberships(contact_ids) if pair[0] in whole}
        for scan in self.done:
            pairs -= {(scan.segment_id, contact_id) for contact_id in scan.leaves & contact_ids}
            pairs |= {(scan.segment_id, contact_id) for contact_id in scan.joins & contact_ids}
        sighted = {contact_id for _, contact_id in pairs}
        return sighted.union(*(one.scan.sighted & contact_ids for one in held))


def changes_of(scans: Iterable[Scan], terms: Terms) -> pa.Table:
    """The rows of `membership_changes` that scans found."""
    changes = (change for scan in scans for change in scan.changes())
    tables = [changes_table(contact_ids, shared | terms.stamp) for contact_ids, shared in changes if contact_ids]
    return pa.concat_tables(tables) if tables else MEMBERSHIP_CHANGES.empty_table()


def scans_of(scans: Iterable[Scan], terms: Terms) -> pa.Table:
    """The rows of `segment_scans`."""
    return rows_table(SEGMENT_SCANS, [scan.row() | terms.stamp for scan in scans])


def _by_segment(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    members: dict[str, set[str]] = {}
    for segment_id, contact_id in pairs:
        members.setdefault(segment_id, set()).add(contact_id)
    return members


def _by_contact(told: Mapping[str, set[str] | None]) -> dict[str, set[str]]:
    """Members by segment, of segments by contact; a contact that is not there any more is in none."""
    pairs = ((segment_id, contact_id) for contact_id, segments in told.items() for segment_id in segments or ())
    return _by_segment(pairs)
