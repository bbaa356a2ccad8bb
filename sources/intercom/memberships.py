"""Who is in a segment, and what counts as evidence.

One sighting proves presence; absence is asked for by name before it is recorded. So a short page, a page that comes
twice or a contact that moves between two reads can delay a join, but cannot record a leave that did not happen.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from .client import Intercom
from .records import Segment
from .search import Answer, Sighting, ask, sight

Clock = Callable[[], datetime]

MIN_SHRINK = 20
"""Members a segment has to lose at once before the collapse guard looks at it."""
MIN_LIST_LOSS = 5
"""Segments the list has to lose at once before the collapse guard looks at it."""


@dataclass(frozen=True)
class RememberedSegment:
    """What the newest scan of a segment left behind."""

    segment_id: str
    updated_at: int
    observed_at: datetime
    how: str
    problem: str | None


class Memory(Protocol):
    """What the warehouse remembers of a workspace, read from its raw tables after everything pending is loaded."""

    def segments(self) -> dict[str, RememberedSegment]:
        """Segments ever scanned, by id; those found deleted have `how` 'deleted'."""

    def members(self, segment_id: str) -> set[str]:
        """Contacts whose newest change in the segment says that they are in it."""

    def memberships(self, contact_ids: Collection[str]) -> set[tuple[str, str]]:
        """The pairs (segment, contact) that hold for these contacts, by the same rule."""

    def contacts(self) -> set[str]:
        """Contacts loaded and not known to be removed."""

    def removed(self) -> set[str]:
        """Contacts whose newest removal says that they are gone."""


@dataclass
class Scan:
    """One look at one segment: a row of `segment_scans` and the changes it found.

    `known` is how many members were known before it, `fetched` how many distinct contacts it saw there, by page or by
    name; `count` is Intercom's figure in the segment list, `total_count` that of the search.
    """

    segment_id: str
    started_at: datetime
    observed_at: datetime
    known: int
    how: str = "sweep"
    status: str = "complete"
    problem: str | None = None
    count: int | None = None
    total_count: int | None = None
    fetched: int | None = None
    joins: set[str] = field(default_factory=set)
    leaves: set[str] = field(default_factory=set)

    @property
    def members(self) -> int:
        """Members known after it."""
        return self.known + len(self.joins) - len(self.leaves)

    def withhold(self, problem: str) -> None:
        """Makes it no observation."""
        self.status, self.problem = "incomplete", problem

    def row(self) -> dict[str, Any]:
        """The row of `segment_scans`, without its workspace and run."""
        kept = {name: value for name, value in vars(self).items() if name not in ("known", "joins", "leaves")}
        return {**kept, "members": self.members}

    def changes(self) -> list[dict[str, Any]]:
        """The rows of `membership_changes`, without their workspace and run."""
        seen = {"segment_id": self.segment_id, "observed_at": self.observed_at, "seen_by": self.how}
        return [
            {**seen, "contact_id": contact_id, "is_member": is_member}
            for is_member, contact_ids in ((True, self.joins), (False, self.leaves))
            for contact_id in sorted(contact_ids)
        ]


@dataclass(frozen=True)
class Guard:
    """Stops a collapse that is more likely Intercom's or ours than real, until a second run finds the same.

    `max_shrink` is the part that may vanish at once. An edited segment may: its new rule says so.
    """

    max_shrink: float = 0.5
    accept: bool = False

    def holds_segment(self, known: int, leaves: int, *, edited: bool, before: RememberedSegment | None) -> bool:
        """Whether a segment that would lose `leaves` of its `known` members has to wait for the next run."""
        confirmed = before is not None and before.problem == "shrunk"
        collapsed = leaves >= MIN_SHRINK and leaves > self.max_shrink * known
        return collapsed and not (self.accept or edited or confirmed)

    def holds_list(self, missing: Collection[RememberedSegment], known: int) -> bool:
        """Whether a segment list that lost `missing` of `known` segments has to wait for the next run."""
        confirmed = all(segment.problem == "list_shrunk" for segment in missing)
        return len(missing) >= MIN_LIST_LOSS and len(missing) > known / 2 and not (self.accept or confirmed)


@dataclass(frozen=True)
class Sweeper:
    """Reads whole segments and compares them with what is known.

    `witness` is a contact known to exist: where a segment shows nobody to ask along with, it proves that questions by
    name are answered at all.
    """

    client: Intercom
    clock: Clock
    guard: Guard
    witness: str | None

    async def sweep(self, segment: Segment, before: RememberedSegment | None, known: set[str]) -> Scan:
        """Everyone in the segment: ⌈members/150⌉ calls, and one for every 149 known members not seen.

        Where the answers do not add up everything is read once more; then the segment is `incomplete`: whom it showed
        is in it, and nobody leaves.
        """
        scan = self._begin(segment.id, known)
        present, adds_up = await self._look(scan, known)
        scan.observed_at, scan.count, scan.fetched = self.clock(), segment.count, len(present)
        leaves = known - present
        edited = before is not None and before.updated_at != segment.updated_at
        if not adds_up:
            scan.withhold("does_not_add_up")
            scan.joins = present - known
        elif self.guard.holds_segment(len(known), len(leaves), edited=edited, before=before):
            scan.withhold("shrunk")
        else:
            scan.joins, scan.leaves = present - known, leaves
        return scan

    def _begin(self, segment_id: str, known: set[str]) -> Scan:
        now = self.clock()
        return Scan(segment_id, started_at=now, observed_at=now, known=len(known))

    async def _look(self, scan: Scan, known: set[str]) -> tuple[set[str], bool]:
        """Who is in the segment, and whether the answers add up."""
        sighted: set[str] = set()
        for _ in range(2):
            seen = await sight(self.client, scan.segment_id)
            answer = await self._ask(scan.segment_id, (known | sighted) - seen.ids, seen)
            present, scan.total_count = seen.ids | answer.found, seen.total
            if answer.is_evidence and seen.total in (None, len(present)):
                return present, True
            sighted |= present
        return sighted, False

    async def _ask(self, segment_id: str, candidates: set[str], seen: Sighting) -> Answer:
        if not candidates:
            return Answer()
        control = min(seen.ids, default=None)
        answer = await ask(self.client, candidates, control=control, segment_id=segment_id)
        if control is None:
            everywhere = await ask(self.client, candidates, control=self.witness)
            answer.is_evidence &= everywhere.is_evidence and bool(everywhere.found or self.witness)
        return answer

    async def missing(self, segment: RememberedSegment, held: bool, known: set[str]) -> Scan:
        """A segment that was not in the list: deleted only where Intercom says so, asked by its id."""
        scan = self._begin(segment.segment_id, known)
        gone = not held and await self.client.segment_exists(segment.segment_id) is False
        scan.how, scan.observed_at = "deleted" if gone else "none", self.clock()
        if gone:
            scan.leaves, scan.fetched = known, 0
        else:
            scan.withhold("list_shrunk" if held else "not_listed")
        return scan
