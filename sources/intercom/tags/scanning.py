"""Sweeps of tags: all contacts with a tag, by search.

A tag that was swept within `sweep_every` is not read again, and a run spends at most `sweep_budget` calls on tags.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate

import pyarrow as pa

from ..api import Intercom, Segment, each, gathered
from ..catalog import TAGS
from ..lists import DoneList
from ..memberships import Counts, Planned, RememberedSegment, RunOptions, Scan, Scanner, plan
from ..readings import RunInputs
from ..search import TAG, ReadSlots, Tally, newest
from ..tables import CONTACT_TAG_CHANGES, CONTACT_TAG_SCANS, PlannedList, changes_table, rows_table
from ..wire import visible
from .loaded import LoadedTags

REFUSED = (
    "Intercom's search refuses to find contacts by tag, so the history of tags stays as it is. contact_tags has the "
    "tags that each contact had when it was last read."
)


INCOMPLETE = "The answers about the tag {name} do not add up, so no contact has lost it. The next run reads it again."


@dataclass(frozen=True)
class TagScan:
    """A scan of one tag, which stands for a segment there, and the tag's name."""

    scan: Scan
    name: str | None


@dataclass(frozen=True)
class TagScans:
    """The scans of one run, and what a person should know about them."""

    scans: tuple[TagScan, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def are_whole(self) -> bool:
        """Whether each scan proves what it does not show."""
        return all(one.scan.status != "incomplete" for one in self.scans)


async def tag_scans(client: Intercom, inputs: RunInputs, done: DoneList) -> TagScans:
    """A scan of each tag that is due, or deleted since its last one; none where Intercom refuses the list of tags.

    `done`: the list of tags.
    """
    if done.parents is None:
        return TagScans()
    reader = await asyncio.to_thread(_TagReader, client, inputs, done)
    swept = await reader.sweep()
    if swept and all(one.scan.problem == "refused" for one in swept):
        return TagScans(notes=(REFUSED,))
    notes = [INCOMPLETE.format(name=visible(one.name or "")) for one in swept if one.scan.status == "incomplete"]
    return TagScans((*swept, *await reader.deleted()), tuple(notes))


class _TagReader:
    """Sweeps tags side by side."""

    def __init__(self, client: Intercom, inputs: RunInputs, done: DoneList) -> None:
        self._client = client
        self._options = inputs.options
        self._loaded = LoadedTags(inputs.tables)
        self._there = done.parents.ids if done.parents else frozenset[str]()
        self._names = self._loaded.names() | _names(done)
        self._before = self._loaded.scanned()
        self._slots = ReadSlots(client, inputs.options.dates, Tally())

    async def sweep(self) -> list[TagScan]:
        """Sweeps the tags that are due."""
        due = self._due()
        if not due:
            return []
        stamp, _ = await newest(self._client)
        options = self._options
        witness = stamp.id if stamp else None
        scanner = Scanner(self._client, options.clock, options.guard, witness, Counts(self._client), TAG)
        return await gathered(self._sweep_one(scanner, planned) for planned in due)

    def _due(self) -> list[Planned]:
        """Tags that were not swept lately, as far as the budget goes: the longest unswept first."""
        options = self._options
        tags = [Segment(id=key, name=self._names.get(key) or "") for key in sorted(self._there)]
        limits = replace(options.limits, sweep_budget=0)
        due = plan(tags, self._before, now=options.clock(), limits=limits, full=options.full).sweeps
        oldest_first = sorted(due, key=_swept_at)
        spent = accumulate(planned.sweep_calls for planned in oldest_first)
        return [one for one, calls in zip(oldest_first, spent, strict=True) if calls <= options.limits.sweep_budget]

    async def _sweep_one(self, scanner: Scanner, planned: Planned) -> TagScan:
        tag_id = planned.segment.id
        with await self._slots.reserve(planned.members) as read:
            known = await asyncio.to_thread(self._loaded.contacts, tag_id)
            scan = await scanner.sweep(planned.segment, planned.before, known, read)
        return TagScan(scan, self._names.get(tag_id))

    async def deleted(self) -> list[TagScan]:
        """Tags that Intercom says are not there any more: no contact has them."""
        missing = [one for key, one in self._before.items() if key not in self._there and one.how != "deleted"]
        answers = await each([one.segment_id for one in missing], partial(self._client.exists, TAGS.lookup))
        gone = [one for one in missing if answers[one.segment_id] is False]
        return [await asyncio.to_thread(self._end, one) for one in gone]

    def _end(self, before: RememberedSegment) -> TagScan:
        known, now = self._loaded.contacts(before.segment_id), self._options.clock()
        scan = Scan(before.segment_id, now, now, len(known), how="deleted", fetched=0, leaves=known)
        return TagScan(scan, before.name)


def planned_tags(inputs: RunInputs, tags: int | None) -> PlannedList:
    """What the sweeps of a run would cost: one call for each tag that was never swept, whose size is unknown.

    Args:
        tags: how many there are; null if that is unknown.
    """
    options, scanned = inputs.options, LoadedTags(inputs.tables).scanned()
    alive = {key: one for key, one in scanned.items() if one.how != "deleted"}
    loaded = [Segment(id=key) for key in alive]
    limits = replace(options.limits, sweep_budget=0)
    due = plan(loaded, alive, now=options.clock(), limits=limits, full=options.full)
    new = max((tags or 0) - len(alive), 0)
    return PlannedList("contact_tag_changes", min(due.sweep_calls + new, options.limits.sweep_budget))


def _swept_at(planned: Planned) -> float:
    swept = planned.before.swept if planned.before else None
    return swept.observed_at.timestamp() if swept else 0.0


def _names(done: DoneList) -> dict[str, str | None]:
    """The names of the tags that are new, or have another name."""
    rows = [row for table in done.tables.get(TAGS.table, ()) for row in table.select(["id", "name"]).to_pylist()]
    return {row["id"]: row["name"] for row in rows}


def tag_changes_of(scans: Iterable[TagScan], options: RunOptions) -> pa.Table:
    """The rows of `contact_tag_changes` that scans found."""
    found = [(ids, shared | {"tag_id": shared["segment_id"]}) for one in scans for ids, shared in one.scan.changes()]
    tables = [changes_table(ids, shared | options.stamp, CONTACT_TAG_CHANGES) for ids, shared in found if ids]
    return pa.concat_tables(tables) if tables else CONTACT_TAG_CHANGES.empty_table()


def tag_scans_of(scans: Iterable[TagScan], options: RunOptions) -> pa.Table:
    """The rows of `contact_tag_scans`."""
    rows = [one.scan.row() | {"tag_id": one.scan.segment_id, "tag_name": one.name} | options.stamp for one in scans]
    return rows_table(CONTACT_TAG_SCANS, [{name: row[name] for name in CONTACT_TAG_SCANS.names} for row in rows])
