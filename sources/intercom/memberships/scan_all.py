"""One run's look at all segments: what is swept, what is read of the rest, who drifted, who is gone.

Sweeps begin at once. What is read of the other segments depends on which contacts changed, so that waits until contacts
are read; and their scans wait until it is known who is gone from the workspace, since those leave every segment.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from ..api import Intercom, Segment, each, gathered
from ..search import Progress, ReadSlots, Times, knows_segments, updated_after
from ..tables import MEMBERSHIP_CHANGES, SEGMENT_SCANS, changes_table, rows_table
from .evidence import Memory, Removal, Scan
from .options import ContactChanges, RunOptions, SavedState, WorkspaceSnapshot
from .plan import Plan, Planned, RememberedSegment, is_suspect, plan
from .removals import RemovalFinder
from .scanner import Counts, Scanner

Put = Callable[[Scan], Awaitable[None]]


@dataclass
class PendingScan:
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
        self.gone: dict[str, Removal] = {}
        self.explained: dict[str, Removal] = {}
        self.asked_until = saved.asked_until
        self.notes: list[str] = []
        self.unaccounted: int | None = None
        self._client = client
        self._snapshot = snapshot
        self._options = options
        self._saved = saved
        self._memory = memory
        self._wait_for_contacts = changes_read
        self._put = put
        self._contact_changes = ContactChanges({}, {})
        self._newcomers = 0
        self._removed = memory.removed()
        self._remembered = memory.segments()
        self._segments = options.selection.of(snapshot.segments)
        self._scanner = Scanner(client, options.clock, options.guard, snapshot.witness, Counts(client))
        self._departures = RemovalFinder(client, snapshot.witness, options.version.has_feeds, options.guard.accept)
        self._slots = ReadSlots(client, options.dates, progress.memberships)
        self._progress = progress

    @property
    def is_whole(self) -> bool:
        """Whether everybody and every segment is read: asked for, or because nothing was read before."""
        return self._options.full or self._saved.cursor is None

    @property
    def back(self) -> dict[str, Removal]:
        """Contacts known to be removed that were seen in this run: they are active."""
        joined = {contact_id for scan in self.done for contact_id in self._removed.keys() & scan.joins}
        return dict.fromkeys(joined | (self._removed.keys() & self._contact_changes.read.keys()), Removal("active"))

    async def run(self) -> None:
        """Scans all segments."""
        self.notes += self._options.selection.notes(self._snapshot.segments)
        await self._pass_over_excluded()
        if await knows_segments(self._client, [segment.id for segment in self._segments]):
            held = await self._read_by_segment()
        else:
            held = await self._read_by_contact()
        await self._find_gone(held)
        held = await self._sweep_drifted(held)
        await self._find_more_gone(held)
        for one in held:
            one.scan.observed_at = self._options.clock()
            await self._finish(one.scan)

    async def _finish(self, scan: Scan) -> None:
        self.done.append(scan)
        self._progress.segments.rows += 1
        await self._put(scan)

    async def _pass_over_excluded(self) -> None:
        """Segments that are left out, whether or not they are still in the list."""
        alive = {key: segment.name for key, segment in self._remembered.items() if segment.how != "deleted"}
        for segment_id, name in (alive | {segment.id: segment.name for segment in self._snapshot.segments}).items():
            if self._options.selection.leaves_out(segment_id, name):
                await self._finish(self._scanner.excluded(segment_id, self._remembered.get(segment_id)))

    async def _read_by_segment(self) -> list[PendingScan]:
        """Sweeps what the plan says; answers the scans of all other segments."""
        todo = plan(
            self._segments,
            self._remembered,
            now=self._options.clock(),
            limits=self._options.limits,
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
        async with self._slots.begun(planned.members) as read:
            known = await asyncio.to_thread(self._memory.members, planned.segment.id)
            scan = await self._scanner.sweep(planned.segment, planned.before, known, read)
        await self._finish(scan)

    async def _look_for_missing(self) -> None:
        """Segments that were listed before and are not now."""
        alive = {
            key: segment
            for key, segment in self._remembered.items()
            if segment.how != "deleted" and not self._options.selection.leaves_out(key, segment.name)
        }
        listed = {segment.id for segment in self._snapshot.segments}
        missing = [segment for key, segment in alive.items() if key not in listed]
        held = self._options.guard.holds_list(missing, len(alive))
        for segment in missing:
            known = await asyncio.to_thread(self._memory.members, segment.segment_id)
            await self._finish(await self._scanner.missing(segment, held, known))

    async def _read_rest(self, todo: Plan) -> list[PendingScan]:
        """Segments that are not swept: a cursor read each, once it is known who changed; no call where nobody did."""
        self._contact_changes = await self._wait_for_contacts()
        changed = await asyncio.to_thread(self._changed)
        rest = [(planned, planned.before) for planned in todo.rest if planned.before]
        if not changed:
            return [PendingScan(one.segment, before, self._untouched(one.segment, before)) for one, before in rest]
        known = _by_segment(
            await asyncio.to_thread(self._memory.memberships, self._contact_changes.read.keys()) if rest else ()
        )
        return await gathered(
            self._read_changed(planned.segment, before, known.get(planned.segment.id, set()), changed)
            for planned, before in rest
        )

    def _untouched(self, segment: Segment, before: RememberedSegment) -> Scan:
        return self._scanner.begin(segment, before.members, how="none")

    async def _read_changed(
        self, segment: Segment, before: RememberedSegment, known: set[str], changed: set[str]
    ) -> PendingScan:
        cursor = self._saved.cursor
        if cursor is None:
            raise AssertionError("without a cursor every segment is swept")
        since = updated_after(cursor, self._options.version, self._options.timezone)
        self._progress.memberships.expect(len(known))
        async with self._slots.begun(len(known)) as read:
            scan = await self._scanner.read_changed(segment, before, read, since=since, known=known, changed=changed)
        strangers = scan.joins - self._contact_changes.read.keys()  # updated after the contacts were read
        scan.joins -= await asyncio.to_thread(self._members_among, segment.id, strangers)
        return PendingScan(segment, before, scan)

    def _members_among(self, segment_id: str, contact_ids: set[str]) -> set[str]:
        return _by_segment(self._memory.memberships(contact_ids)).get(segment_id, set()) if contact_ids else set()

    def _changed(self) -> set[str]:
        """Contacts read that may have moved since a run looked at them: not those that it had read as they are now.

        Who was updated in the very second in which that run began may have been updated once more after it was read.
        """
        if self.is_whole:
            return set(self._contact_changes.read)
        loaded = self._memory.loaded(self._contact_changes.read)
        self._note_newcomers(loaded.keys())
        settled_before = self._saved.began_at or 0
        return {
            contact_id
            for contact_id, stamp in self._contact_changes.read.items()
            if (stamp.updated_at >= settled_before or loaded.get(contact_id) != stamp.updated_at)
            and not self._was_left_out(stamp)
        }

    def _was_left_out(self, stamp: Times) -> bool:
        """Whether it is a contact that the first load did not show, and not one that changed since it began."""
        cursor = self._saved.cursor
        return self._saved.first_load is not None and cursor is not None and stamp.updated_at <= cursor

    def _note_newcomers(self, known: Collection[str]) -> None:
        """Counts the new contacts that Intercom counted, too, when the run began."""
        began_at = self._snapshot.began_at
        new = self._contact_changes.read.keys() - known
        made_at = (self._contact_changes.read[contact_id].created_at for contact_id in new)
        self._newcomers = sum(second is None or began_at is None or second <= began_at for second in made_at)

    async def _read_by_contact(self) -> list[PendingScan]:
        """Where search knows no segments: each contact is asked for its own. Those who changed always, and others.

        The others go on from where the last run stopped, so that who was asked longest ago comes first.
        """
        await self._look_for_missing()
        self._contact_changes = await self._wait_for_contacts()
        changed, everybody = await asyncio.to_thread(self._changed), await asyncio.to_thread(self._everybody)
        begun = {segment.id: self._begin_by_contact(segment) for segment in self._segments}
        is_due = any(_was_unobserved(one) for one in begun.values())
        due = self._next_to_ask(everybody - changed, self._options.limits.sweep_budget - len(changed))
        asked = everybody if is_due else changed | set(due)
        self.notes.append(
            "Intercom's search refuses to find contacts by segment, so contacts were asked for their segments one "
            f"by one: {len(asked):,} of {len(everybody):,} in this run, those who changed first."
        )
        known = _by_segment(await asyncio.to_thread(self._memory.memberships, asked))
        told = _by_contact(await each(asked, self._client.segments_of))
        for segment_id, one in begun.items():
            present = told.get(segment_id, set())
            before, one.scan.fetched = known.get(segment_id, set()), len(present)
            one.scan.sighted, one.scan.joins, one.scan.leaves = present, present - before, before - present
            await self._let_go_of_removed(one)
            self._judge_by_contact(one, is_whole=asked >= everybody)
        return list(begun.values())

    async def _let_go_of_removed(self, one: PendingScan) -> None:
        """Nobody asks about who was found gone while the segment was not observed."""
        if _was_unobserved(one):
            members = await asyncio.to_thread(self._memory.members, one.segment.id)
            one.scan.removed = (members & self._removed.keys()) - one.scan.sighted
            one.scan.leaves |= one.scan.removed

    def _everybody(self) -> set[str]:
        return (self._memory.contacts() | self._contact_changes.read.keys()) - (
            self._removed.keys() - self._contact_changes.read.keys()
        )

    def _next_to_ask(self, others: set[str], calls: int) -> list[str]:
        """As many as the budget allows, in the order of their ids, around and around."""
        if self.is_whole or self._saved.first_load is not None:
            return sorted(others)
        until = self._saved.asked_until or ""
        due = sorted(others, key=lambda contact_id: (contact_id <= until, contact_id))[: max(calls, 0)]
        self.asked_until = due[-1] if due else self._saved.asked_until
        return due

    def _begin_by_contact(self, segment: Segment) -> PendingScan:
        before = self._remembered.get(segment.id)
        scan = self._scanner.begin(segment, before.members if before else 0, how="per_contact")
        return PendingScan(segment, before, scan)

    def _judge_by_contact(self, one: PendingScan, *, is_whole: bool) -> None:
        """Complete only where everybody was asked; else Intercom's count decides, which nothing else can confirm."""
        scan = one.scan
        agrees = one.before is not None and not is_suspect(scan.count, one.before, scan.members)
        scan.status = "complete" if is_whole else "confirmed" if agrees else "unconfirmed"
        if self._scanner.collapses(scan, one.segment, one.before):
            scan.withhold("shrunk")
            scan.joins = set()

    async def _sweep_drifted(self, held: list[PendingScan]) -> list[PendingScan]:
        """Sweeps those whose members are other than Intercom counts; answers the others."""

        async def stays(one: PendingScan) -> bool:
            if one.before is None or one.scan.how == "per_contact" or one.scan.status == "incomplete":
                return True
            has_drifted = await self._scanner.has_drifted(one.scan, one.before)
            if has_drifted:
                await self._sweep_one(Planned(one.segment, one.before))
            return not has_drifted

        staying = await gathered(stays(one) for one in held)
        return [one for one, stayed in zip(held, staying, strict=True) if stayed]

    async def _find_gone(self, held: list[PendingScan]) -> None:
        """Who is gone: of those reported, of those who left a segment, and in a whole run of those not read."""
        departures = self._departures
        departures.reports = await asyncio.to_thread(self._reported)
        suspects = departures.reports.keys() | self._leavers(held)
        if self.is_whole or self._saved.is_resumed:
            suspects |= await asyncio.to_thread(self._unread)
        await self._take_leave(held, suspects)
        if await asyncio.to_thread(self._accounts_differ):
            await departures.read_list()
            await self._take_leave(held, await asyncio.to_thread(self._memory.loaded, departures.reports))

    async def _find_more_gone(self, held: list[PendingScan]) -> None:
        """Who is gone of those whose leave only drift brought to light; and why those are who are gone for long."""
        await self._take_leave(held, self._leavers(held))
        unexplained = {key for key, status in self._removed.items() if status == "unknown"} - self.back.keys()
        late = await self._departures.explain(unexplained)
        self.explained = {key: removal for key, removal in late.items() if removal.status != "unknown"}
        self.unaccounted = await asyncio.to_thread(self._balance)

    async def _take_leave(self, held: list[PendingScan], suspects: Collection[str]) -> None:
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
        told = self._contact_changes.told
        return self._memory.reported() | {key: told[key] for key in self._memory.loaded(told)}

    def _leavers(self, held: Iterable[PendingScan]) -> set[str]:
        scans = [*self.done, *(one.scan for one in held)]
        return {contact_id for scan in scans if scan.how != "deleted" for contact_id in scan.leaves}

    def _unread(self) -> set[str]:
        """Contacts known but not read: in a run that read all, or one that ends a first load with some too many."""
        known, read = self._memory.contacts(), self._contact_changes.read.keys()
        self._note_newcomers(known | self._removed.keys())
        is_due = self.is_whole or len(known) + self._newcomers > self._snapshot.contacts
        return known - read if is_due else set()

    def _accounts_differ(self) -> bool:
        """Whether contacts disappeared that nothing has explained yet: by Intercom's count of all, run by run."""
        return not self.is_whole and self._saved.unaccounted is not None and self._balance() != self._saved.unaccounted

    def _balance(self) -> int:
        """Loaded contacts that should be there, less those that Intercom counted when the run began."""
        there = self._memory.contact_count() + self._newcomers + len(self.back) - len(self.gone)
        return there - self._snapshot.contacts

    def _sighted(self, contact_ids: set[str], held: Iterable[PendingScan]) -> set[str]:
        """Those of the contacts who were seen in a segment in this run."""
        whole = {scan.segment_id for scan in self.done if scan.status == "complete" and scan.how != "deleted"}
        pairs = {pair for pair in self._memory.memberships(contact_ids) if pair[0] in whole}
        for scan in self.done:
            pairs -= {(scan.segment_id, contact_id) for contact_id in scan.leaves & contact_ids}
            pairs |= {(scan.segment_id, contact_id) for contact_id in scan.joins & contact_ids}
        sighted = {contact_id for _, contact_id in pairs}
        return sighted.union(*(one.scan.sighted & contact_ids for one in held))


def _was_unobserved(one: PendingScan) -> bool:
    """Whether members may have come and gone in the run before without a trace: then everybody has to be asked."""
    return one.before is not None and one.before.status in ("excluded", "incomplete")


def changes_of(scans: Iterable[Scan], options: RunOptions) -> pa.Table:
    """The rows of `membership_changes` that scans found."""
    changes = (change for scan in scans for change in scan.changes())
    tables = [changes_table(contact_ids, shared | options.stamp) for contact_ids, shared in changes if contact_ids]
    return pa.concat_tables(tables) if tables else MEMBERSHIP_CHANGES.empty_table()


def scans_of(scans: Iterable[Scan], options: RunOptions) -> pa.Table:
    """The rows of `segment_scans`."""
    return rows_table(SEGMENT_SCANS, [scan.row() | options.stamp for scan in scans])


def _by_segment(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    members: dict[str, set[str]] = {}
    for segment_id, contact_id in pairs:
        members.setdefault(segment_id, set()).add(contact_id)
    return members


def _by_contact(told: Mapping[str, set[str] | None]) -> dict[str, set[str]]:
    """Members by segment, of segments by contact; a contact that is not there any more is in none."""
    pairs = ((segment_id, contact_id) for contact_id, segments in told.items() for segment_id in segments or ())
    return _by_segment(pairs)
