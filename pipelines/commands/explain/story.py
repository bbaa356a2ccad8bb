"""What is known of one contact's memberships, and from what: the record that `explain` prints."""

from datetime import date, datetime
from typing import Literal

import msgspec

from ..status import Days

SeenHow = Literal["page", "lookup", "contact", "segment", "removal"]
"""How a change was seen: on a page of the segment's members; missing from a lookup by id in the segment; in or missing
from the contact's own list of segments; by the answer that the segment is deleted; by the contact's removal."""


class KnownContact(msgspec.Struct, frozen=True):
    """The contact as its table has it: columns that are excluded are null, and hashed ones hold the hash.

    `is_loaded` is false for a member of a segment that no run has read as a contact.
    """

    contact_id: str
    is_loaded: bool
    external_id: str | None
    role: str | None
    name: str | None
    email: str | None
    created_at: datetime | None
    removal_status: str | None
    merged_into_contact_id: str | None


class KnownRemoval(msgspec.Struct, frozen=True):
    """A row of the log of removals. `status` is active for a removed contact that was seen again.

    `happened_at` is Intercom's time, where it gives one. `is_reported`: the activity feed reported it; else it came
    from the contact's own address or from the list of removed contacts, and the log does not keep from which.
    """

    contact_id: str
    status: str
    observed_at: datetime
    happened_at: datetime | None
    merged_into_contact_id: str | None
    run_id: str
    is_reported: bool


class KnownScan(msgspec.Struct, frozen=True):
    """A scan of a segment, as `intercom_raw.segment_scans` has it."""

    run_id: str
    how: str
    status: str
    problem: str | None
    started_at: datetime
    observed_at: datetime
    count: int | None
    fetched: int | None
    members: int | None


class Evidence(msgspec.Struct, frozen=True):
    """A change in the log, and the scan that saw it.

    `seen_how` is null for a `seen_by` that this release does not know, `scan` if the log has no scan of the run.
    """

    seen_by: str
    seen_how: SeenHow | None
    observed_at: datetime
    run_id: str
    scan: KnownScan | None


class Sightings(msgspec.Struct, frozen=True):
    """The scans within a spell. Each complete one saw the contact again, on a page or by id; a confirmed one did not.

    `others` prove nothing: they are incomplete, unconfirmed or excluded.
    """

    complete: int
    last_complete_at: datetime | None
    confirmed: int
    others: int


class Spell(msgspec.Struct, frozen=True):
    """A row of `segment_memberships`, with its evidence. The evidence is null where raw tables are not published."""

    spell_number: int
    entered_after: datetime | None
    entered_at: datetime
    entered_on: date
    enter_reason: str
    is_baseline: bool
    left_after: datetime | None
    left_at: datetime | None
    left_on: date | None
    leave_reason: str | None
    merged_into_contact_id: str | None
    entry: Evidence | None
    exit: Evidence | None
    sightings: Sightings | None


class SegmentStory(msgspec.Struct, frozen=True):
    """All spells of the contact in one segment, and how well the segment is known.

    `first_known_on` and `last_known_on`: the days for which its size is known. `days_unobserved`: days without a
    complete or confirmed scan, from the contact's first entry on. `edited_at`: edits of the definition.
    `in_intercom`: whether Intercom says now that the contact is in it; null if it was not asked, or cannot say.
    """

    segment_id: str
    segment_name: str
    is_deleted: bool
    is_current: bool
    first_known_on: date | None
    last_known_on: date | None
    days_unobserved: tuple[Days, ...]
    edited_at: tuple[datetime, ...]
    last_complete_scan_at: datetime | None
    newest_scan: KnownScan | None
    spells: tuple[Spell, ...]
    in_intercom: bool | None = None


class IntercomNow(msgspec.Struct, frozen=True):
    """What Intercom answers now: the contact's `status`, and the ids of its segments.

    `is_whole`: nothing in the answer says that there are more segments. `unseen_segment_ids`: no scan has seen the
    contact in these.
    """

    asked_at: datetime
    status: str
    merged_into_contact_id: str | None
    segment_ids: tuple[str, ...]
    unseen_segment_ids: tuple[str, ...]
    is_whole: bool


class Explained(msgspec.Struct, frozen=True):
    """All that is known of a contact's memberships.

    `workspace` is the name here. `absorbed`: contacts that were merged into this one. `has_log`: the raw tables are
    published; without them there is no evidence, only its result. `now`: null if Intercom was not asked.
    """

    workspace_id: str
    workspace: str
    observed_until: datetime | None
    day_timezone: str
    has_log: bool
    contact: KnownContact
    removals: tuple[KnownRemoval, ...]
    absorbed: tuple[KnownRemoval, ...]
    segments: tuple[SegmentStory, ...]
    now: IntercomNow | None = None
