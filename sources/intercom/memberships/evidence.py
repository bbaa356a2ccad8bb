"""What a scan found, and whether it is evidence."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from .plan import RememberedSegment

Clock = Callable[[], datetime]

MIN_SHRINK = 20
"""Members a segment has to lose at once before the collapse guard looks at it."""
NOT_IN_ROW = ("known", "joins", "leaves", "sighted", "removed")
"""What of a scan is no column of `segment_scans`."""
MIN_LIST_LOSS = 5
"""Segments the list has to lose at once before the collapse guard looks at it."""


@dataclass(frozen=True)
class Removal:
    """Why a contact is gone: deleted, merged, archived, blocked, or unknown. `happened_at` is an epoch second."""

    status: str
    merged_into: str | None = None
    happened_at: int | None = None


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

    def contact_count(self) -> int:
        """How many contacts are loaded and not known to be removed."""

    def updated_after(self, second: int) -> int:
        """How many contacts are loaded with a later `updated_at` and not known to be removed."""

    def loaded(self, contact_ids: Collection[str]) -> dict[str, int | None]:
        """Those of the contacts that are loaded, with the `updated_at` they were loaded with."""

    def removed(self) -> dict[str, str]:
        """Contacts whose newest removal says that they are gone, with its status."""

    def reported(self) -> dict[str, Removal]:
        """Loaded contacts that the activity feed told to be deleted or merged, and that are not removed yet."""


@dataclass
class Scan:
    """One look at one segment: a row of `segment_scans` and the changes it found.

    `known` is how many members were known before it, `fetched` how many distinct contacts it saw there, by page or by
    name; `count` is Intercom's figure in the segment list, `total_count` that of the search. `sighted` are those seen
    by a read of a part of the segment: after a complete sweep all members were. `removed` are those of the leaves who
    left because they are gone from the workspace, which was found out elsewhere.
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
        """Members known after it."""
        return self.known + len(self.joins) - len(self.leaves)

    def withhold(self, problem: str) -> None:
        """Makes it no observation: nobody leaves."""
        self.status, self.problem = "incomplete", problem
        self.leaves, self.removed = set(), set()

    def row(self) -> dict[str, Any]:
        """The row of `segment_scans`, without its workspace and run."""
        kept = {name: value for name, value in vars(self).items() if name not in NOT_IN_ROW}
        return {**kept, "members": self.members}

    def changes(self) -> Iterator[tuple[set[str], dict[str, Any]]]:
        """The contacts of rows of `membership_changes`, and what those rows share, without their workspace and run."""
        kinds = (
            (True, self.how, self.joins),
            (False, self.how, self.leaves - self.removed),
            (False, "removal", self.removed),
        )
        for is_member, seen_by, contact_ids in kinds:
            shared = {"segment_id": self.segment_id, "observed_at": self.observed_at, "seen_by": seen_by}
            yield contact_ids, {**shared, "is_member": is_member}


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
