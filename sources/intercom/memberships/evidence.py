"""What a scan found, and whether it is evidence."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ..api import UNKNOWN, Segment
from .plan import RememberedSegment, SegmentVersion

Clock = Callable[[], datetime]

MIN_SHRINK = 20
"""Fewer members lost at once never trigger the collapse guard."""
NOT_IN_ROW = ("known", "joins", "leaves", "sighted", "removed")
"""Fields of a scan that are not columns of `segment_scans`."""
MIN_LIST_LOSS = 5
"""Fewer segments lost from the list at once never trigger the collapse guard."""


@dataclass(frozen=True)
class Removal:
    """Why a contact was removed from the workspace.

    `status` is deleted, merged, archived, blocked or unknown, and active for one that returned. `happened_at` is an
    epoch second.
    """

    status: str
    merged_into: str | None = None
    happened_at: int | None = None


class Memory(Protocol):
    """What the warehouse knows about a workspace, read from its raw tables after all pending packages are loaded."""

    def segments(self) -> dict[str, RememberedSegment]:
        """All segments ever scanned, by id; `how` is 'deleted' for those found deleted."""

    def versions(self) -> dict[str, list[SegmentVersion]]:
        """The loaded definitions of each segment, the newest last."""

    def members(self, segment_id: str) -> set[str]:
        """Contacts that are in the segment by their newest change there."""

    def memberships(self, contact_ids: Collection[str]) -> set[tuple[str, str]]:
        """Pairs (segment, contact) of these contacts, by the same rule."""

    def contacts(self) -> set[str]:
        """Loaded contacts that are not known to be removed."""

    def contact_count(self) -> int:
        """How many `contacts` are."""

    def updated_after(self, second: int) -> int:
        """How many `contacts` have a later `updated_at`."""

    def loaded(self, contact_ids: Collection[str]) -> dict[str, int | None]:
        """The loaded ones of these contacts, with their `updated_at`."""

    def removed(self) -> dict[str, str]:
        """Contacts that are removed by their newest removal, with its status."""

    def reported(self) -> dict[str, Removal]:
        """Loaded contacts that the activity feed reported deleted or merged, and that are not recorded as removed."""


@dataclass
class Scan:
    """One scan of one segment: a row of `segment_scans` and the changes it found.

    Args:
        known: members known before the scan.
        count: Intercom's count in the segment list.
        total_count: Intercom's count in the search.
        fetched: distinct contacts seen in the segment, by page or by id.
        sighted: contacts seen by a read of a part of the segment; a complete sweep sees all members.
        removed: the part of `leaves` that were removed from the workspace.
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
    sighted: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)

    @property
    def members(self) -> int:
        """Members known after the scan."""
        return self.known + len(self.joins) - len(self.leaves)

    def mark_incomplete(self, problem: str) -> None:
        """Discards the leaves: this scan observed nothing."""
        self.status, self.problem = "incomplete", problem
        self.leaves, self.removed = set(), set()

    def row(self) -> dict[str, Any]:
        """The row of `segment_scans`, without workspace and run."""
        kept = {name: value for name, value in vars(self).items() if name not in NOT_IN_ROW}
        total = None if self.total_count == UNKNOWN else self.total_count
        return {**kept, "members": self.members, "total_count": total}

    def changes(self) -> Iterator[tuple[set[str], dict[str, Any]]]:
        """Contacts, and what their rows of `membership_changes` share, without workspace and run."""
        kinds = (
            (True, self.how, self.joins),
            (False, self.how, self.leaves - self.removed),
            (False, "removal", self.removed),
        )
        for is_member, seen_by, contact_ids in kinds:
            shared = {"segment_id": self.segment_id, "observed_at": self.observed_at, "seen_by": seen_by}
            yield contact_ids, {**shared, "is_member": is_member}


@dataclass
class PendingScan:
    """The scan of a segment that was not swept. It is finished when the run knows drift and removals."""

    segment: Segment
    before: RememberedSegment | None
    scan: Scan


@dataclass(frozen=True)
class Guard:
    """Rejects a collapse that is more likely a fault than real, until the next run finds the same.

    Args:
        max_shrink: the part of its members that a segment may lose at once; an edited segment may lose all.
        accept: accept every collapse.
    """

    max_shrink: float = 0.5
    accept: bool = False

    def rejects_leaves(self, known: int, leaves: int, *, edited: bool, before: RememberedSegment | None) -> bool:
        """Whether a segment may not lose `leaves` of its `known` members before the next run confirms it."""
        confirmed = before is not None and before.problem == "shrunk"
        collapsed = leaves >= MIN_SHRINK and leaves > self.max_shrink * known
        return collapsed and not (self.accept or edited or confirmed)

    def rejects_list(self, missing: Collection[RememberedSegment], known: int) -> bool:
        """Whether the list may not lose `missing` of its `known` segments before the next run confirms it."""
        confirmed = all(segment.problem == "list_shrunk" for segment in missing)
        return len(missing) >= MIN_LIST_LOSS and len(missing) > known / 2 and not (self.accept or confirmed)


def members_by_segment(memberships: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Contacts by segment, of pairs (segment, contact)."""
    members: dict[str, set[str]] = {}
    for segment_id, contact_id in memberships:
        members.setdefault(segment_id, set()).add(contact_id)
    return members
