"""What a run is given, and what it returns."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..api import ContactStamp, Intercom, Segment, Version
from ..search import Dates, Times, newest
from .evidence import Clock, Guard, Removal
from .plan import Limits
from .selection import Selection


@dataclass(frozen=True)
class RunOptions:
    """What one run goes by. `version` and `timezone` decide how search matches times; `overlap` is in seconds.

    `selection`: which segments are read.
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
    selection: Selection = field(default_factory=Selection)

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
class SavedState:
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
class ReadingResult:
    """What a run read and found: segments that are not left out, those swept, members after it.

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
class WorkspaceSnapshot:
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


async def take_snapshot(client: Intercom) -> WorkspaceSnapshot:
    """The high-water mark, before any contact is read, and the segment list."""
    async with asyncio.TaskGroup() as group:
        newest_contact = group.create_task(newest(client))
        listed = group.create_task(client.segments())
    stamp, contacts = newest_contact.result()
    began_at = client.usage.answered_at
    return WorkspaceSnapshot(listed.result(), stamp, contacts, int(began_at) if began_at is not None else None)


@dataclass(frozen=True)
class ContactChanges:
    """What was read beside the segments: contacts by id, and removals that the feed told."""

    read: Mapping[str, Times]
    told: Mapping[str, Removal]
