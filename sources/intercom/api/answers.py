"""Intercom's answers as typed records. Field names are Intercom's; times are its epoch seconds."""

import re
from typing import Any, Generic, TypeVar

import msgspec

Record = TypeVar("Record")


class App(msgspec.Struct):
    """The workspace that a token belongs to, from `GET /me`."""

    id_code: str
    region: str = "US"
    timezone: str = "UTC"
    name: str | None = None


class Me(msgspec.Struct):
    """`GET /me`: the admin who owns the token; only the workspace is read."""

    app: App


class Segment(msgspec.Struct, kw_only=True):
    """A segment's definition. `count` is Intercom's own member count, null where it sent none."""

    id: str
    name: str = ""
    person_type: str | None = None
    created_at: int | None = None
    updated_at: int = 0
    count: int | None = None


class SegmentList(msgspec.Struct):
    """`GET /segments`: the whole list, on one page."""

    segments: list[Segment]


class Cursor(msgspec.Struct):
    """Where the next page of a search starts; null on the last page."""

    starting_after: str | None = None


class Pages(msgspec.Struct):
    """Paging of a search answer: `next` is a cursor or a URL with one, and null or absent on the last page."""

    next: Cursor | str | None = None


class Page(msgspec.Struct, Generic[Record]):
    """One page of a contact search; `total_count` counts the contacts of all pages."""

    data: list[Record]
    total_count: int
    pages: Pages | None = None


class ContactId(msgspec.Struct):
    """A contact's id alone: decoding the other 50 fields costs twenty times more."""

    id: str


class DatedContact(msgspec.Struct):
    """What reading a segment needs of a contact. `created_at` is not typed: contacts are sent with odd dates."""

    id: str
    created_at: Any = None


class ContactStamp(msgspec.Struct):
    id: str
    updated_at: int = 0


class SegmentId(msgspec.Struct):
    id: str


class ContactSegments(msgspec.Struct):
    """`GET /contacts/{id}/segments`: the segments that a contact is in, on one page."""

    data: list[SegmentId]


class ContactById(msgspec.Struct):
    """`GET /contacts/{id}`, as far as it shows whether the contact is active; most answers lack the flags."""

    id: str
    updated_at: int | None = None
    archived: bool = False
    blocked: bool = False


class Activity(msgspec.Struct, kw_only=True):
    """A contact that was created, merged or deleted; `contact_id` of a merge is its target."""

    id: str
    event_type: str
    contact_id: str | None = None
    external_id: str | None = None
    role: str | None = None
    merge_source_id: str | None = None
    merge_target_id: str | None = None
    failure_reason: str | None = None
    created_at: int | None = None


class Activities(msgspec.Struct):
    """A page of `GET /contacts/activities`, oldest first; an empty one proves nothing."""

    data: list[Activity]
    pages: Pages | None = None


class RemovedContact(msgspec.Struct):
    """A contact that is not active: archived, blocked, merged, pending_deletion or permanently_deleted."""

    id: str
    status: str | None = None
    merged_into_id: str | None = None


class RemovedContacts(msgspec.Struct):
    """A page of `GET /contacts/deleted`; pages are numbered from 1."""

    data: list[RemovedContact]


_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""An escaped NUL in JSON: behind an odd number of backslashes, `\\u0000` is plain text."""
_NUL = re.compile(rb"\\u0000")  # a regular expression takes 60% of the time that `in` takes


def without_nul(text: bytes) -> bytes:
    """Replaces NUL characters, which PostgreSQL and others cannot store, by the replacement character."""
    return _ESCAPED_NUL.sub(rb"\1\\ufffd", text) if _NUL.search(text) else text
