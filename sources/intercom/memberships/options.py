"""What a run starts from, and what it returns."""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..api import App, ContactStamp, Intercom, Segment, Version
from ..search import Dates, Times, newest
from ..tables import ListRead
from .evidence import Clock, Guard, Memory, Removal
from .plan import Limits, RememberedSegment, Selection


@dataclass(frozen=True)
class RunOptions:
    """The options of one run.

    Args:
        app: the workspace. Its timezone and the version decide how search matches times.
        began_at: when the run started, by this host's clock.
        overlap: seconds.
        full: read all contacts and sweep all segments, instead of the changes and what the plan says.
        selection: which segments are read.
        custom_objects: the types of custom objects whose instances are read.
        client_id: that of the app that the token belongs to, for exports of reports; empty if it is not configured.
    """

    app: App
    run_id: str
    clock: Clock
    began_at: datetime
    guard: Guard
    version: Version
    limits: Limits
    overlap: int
    full: bool = False
    selection: Selection = field(default_factory=Selection)
    custom_objects: tuple[str, ...] = ()
    client_id: str = field(default="", repr=False)

    @property
    def workspace_id(self) -> str:
        return self.app.id_code

    @property
    def dates(self) -> Dates:
        """How search matches times."""
        return Dates(self.version, self.app.timezone)

    @property
    def stamp(self) -> dict[str, str]:
        """The columns that all rows of the run share."""
        return {"workspace_id": self.workspace_id, "run_id": self.run_id}

    @property
    def lag(self) -> int:
        """Seconds that the cursor stays behind the high-water mark; one is for the mark's own, unfinished second."""
        return self.overlap + self.version.overlap + 1


@dataclass(frozen=True)
class SavedState:
    """What earlier runs left in the pipeline's state; times are epoch seconds of Intercom's clock.

    Args:
        cursor: contacts updated later are read; null before the first run.
        began_at: when the last run started. Contacts that it read and that were not updated since need no second read.
        unaccounted: loaded contacts less those that Intercom counted.
        feed: the cursor of the activity feed.
        asked_until: the last contact whose memberships were read one by one.
        odd_fields: fields of contacts that had another type than documented.
        first_load: after a first load, Intercom's count of contacts when it started.
        is_resumed: some of the first load was read by an earlier run.
        contacts_read, swept, joins: what a first load in this run read and found.
    """

    cursor: int | None = None
    began_at: int | None = None
    unaccounted: int | None = None
    feed: str | None = None
    asked_until: str | None = None
    odd_fields: Collection[str] = ()
    first_load: int | None = None
    is_resumed: bool = False
    contacts_read: int = 0
    swept: int = 0
    joins: int = 0


@dataclass(frozen=True)
class ReadingResult:
    """What a run read and found.

    Args:
        segments: all that are not excluded.
        members: after the run.
        contacts_missing: contacts that Intercom counted but did not show.
        incomplete: segments (by id) in which no membership could end, and why.
        drift: fields that are new, missing or of another type, in sentences.
        notes: what was read in another way than usual, and why.
        flaws: records and values that could not be read.
        unmatched: entries of include_segments and exclude_segments that match no segment.
        lists: how the lists of the catalogue were read.
        are_tags_whole: whether each tag that was swept can have lost contacts.
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
    flaws: int = 0
    unmatched: int = 0
    lists: tuple[ListRead, ...] = ()
    are_tags_whole: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether everything was read that Intercom has, and that it does not refuse."""
        is_whole = self.are_tags_whole and all(one.status != "incomplete" for one in self.lists)
        return is_whole and not (self.incomplete or self.contacts_missing or self.flaws or self.unmatched)


@dataclass(frozen=True)
class WorkspaceSnapshot:
    """The workspace at the start of a run.

    Args:
        newest: the contact updated last, null in an empty workspace.
        contacts: how many there are; `UNKNOWN` where Intercom's total could not be read.
        began_at: Intercom's clock at its first answer.
    """

    segments: list[Segment]
    newest: ContactStamp | None
    contacts: int
    began_at: int | None

    @property
    def mark(self) -> int | None:
        """The high-water mark: the newest `updated_at` before anything else was read.

        Never later than Intercom's own clock, or this host's where answers have no date, so that one contact dated 2043
        does not block the cursor forever.
        """
        if self.newest is None:
            return None
        began_at = int(time.time()) if self.began_at is None else self.began_at
        return min(self.newest.updated_at, began_at)

    @property
    def witness(self) -> str | None:
        """A contact known to exist."""
        return self.newest.id if self.newest else None


async def take_snapshot(client: Intercom, selection: Selection) -> WorkspaceSnapshot:
    """The segment list, and the high-water mark before any contact is read: two calls.

    Raises:
        SetupError: the selection leaves no segment to read.
    """
    async with asyncio.TaskGroup() as group:
        newest_contact = group.create_task(newest(client))
        listed = group.create_task(client.segments())
    selection.check(listed.result())
    stamp, contacts = newest_contact.result()
    began_at = client.usage.answered_at
    return WorkspaceSnapshot(listed.result(), stamp, contacts, int(began_at) if began_at is not None else None)


@dataclass(frozen=True)
class ContactChanges:
    """Contacts read since the cursor, and removals that the activity feed reported, both by contact id."""

    read: Mapping[str, Times]
    reported: Mapping[str, Removal]

    def unsettled(self, loaded: Mapping[str, int | None], saved: SavedState) -> set[str]:
        """Contacts whose memberships may have changed: not those that an earlier run read as they are now.

        A contact updated in the very second in which that run started may have been updated again after it was read.
        Contacts that a first load left out, and that did not change since it started, are settled, too.

        Args:
            loaded: `updated_at` of the contacts that are loaded.
        """
        settled_before = saved.began_at or 0
        left_out_until = saved.cursor if saved.first_load is not None else None
        return {
            contact_id
            for contact_id, times in self.read.items()
            if (times.updated_at >= settled_before or loaded.get(contact_id) != times.updated_at)
            and (left_out_until is None or times.updated_at > left_out_until)
        }

    def newcomers(self, known: Collection[str], began_at: int | None) -> int:
        """How many contacts are new, and were counted by Intercom at the start of the run."""
        created_at = (self.read[contact_id].created_at for contact_id in self.read.keys() - known)
        return sum(second is None or began_at is None or second <= began_at for second in created_at)


@dataclass(frozen=True)
class RunContext:
    """What all scans of a run share.

    Args:
        segments: those that are read.
        remembered: segments scanned earlier, by id.
        removed: contacts known to be removed, with their status.
    """

    client: Intercom
    snapshot: WorkspaceSnapshot
    options: RunOptions
    saved: SavedState
    memory: Memory
    segments: list[Segment]
    remembered: Mapping[str, RememberedSegment]
    removed: Mapping[str, str]

    @property
    def is_whole(self) -> bool:
        """Whether all contacts and segments are read: by request, or because nothing was read before."""
        return self.options.full or self.saved.cursor is None
