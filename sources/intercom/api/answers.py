"""Intercom's answers as typed records. Field names are Intercom's; times are its epoch seconds."""

import re
from typing import Any, Generic, TypeVar

import msgspec

Record = TypeVar("Record")


class App(msgspec.Struct):
    """The workspace that a token belongs to, as `GET /me` tells it."""

    id_code: str
    region: str = "US"
    timezone: str = "UTC"
    name: str | None = None


class Me(msgspec.Struct):
    """`GET /me`: the admin behind the token, of whom only the workspace matters."""

    app: App


class Segment(msgspec.Struct, kw_only=True):
    """A segment's definition. `count` is Intercom's own figure, null where it was not given."""

    id: str
    name: str = ""
    person_type: str | None = None
    created_at: int | None = None
    updated_at: int = 0
    count: int | None = None


class SegmentList(msgspec.Struct):
    """`GET /segments`: the whole list; Intercom does not page it."""

    segments: list[Segment]


class Cursor(msgspec.Struct):
    """Where the next page of a search starts; null where there is none."""

    starting_after: str | None = None


class Pages(msgspec.Struct):
    """The paging part of a search answer: `next` is absent or null on the last page, else a cursor or a URL with it."""

    next: Cursor | str | None = None


class Page(msgspec.Struct, Generic[Record]):
    """One page of a contact search; `total_count` counts all pages."""

    data: list[Record]
    total_count: int
    pages: Pages | None = None


class ContactId(msgspec.Struct):
    """A contact of whom only the presence matters: decoding the other 50 fields would cost twenty times more."""

    id: str


class DatedContact(msgspec.Struct):
    """A contact and when it was made, whatever is sent for that: all that reading a segment takes."""

    id: str
    created_at: Any = None


class ContactStamp(msgspec.Struct):
    """A contact and when it last changed."""

    id: str
    updated_at: int = 0


class SegmentId(msgspec.Struct):
    """A segment of which only the identity matters."""

    id: str


class ContactSegments(msgspec.Struct):
    """`GET /contacts/{id}/segments`: the segments a contact is in; Intercom does not page it."""

    data: list[SegmentId]


class ContactById(msgspec.Struct):
    """`GET /contacts/{id}`, as far as it tells whether the contact is still there; the flags are absent in most."""

    id: str
    updated_at: int | None = None
    archived: bool = False
    blocked: bool = False


class Activity(msgspec.Struct, kw_only=True):
    """Something that happened to a contact's identity; `contact_id` of a merge is its target."""

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
    """A page of `GET /contacts/activities`, the oldest first; an empty one proves nothing."""

    data: list[Activity]
    pages: Pages | None = None


class RemovedContact(msgspec.Struct):
    """A contact that is not active: archived, blocked, merged, pending_deletion or permanently_deleted."""

    id: str
    status: str | None = None
    merged_into_id: str | None = None


class RemovedContacts(msgspec.Struct):
    """A page of `GET /contacts/deleted`, numbered from 1."""

    data: list[RemovedContact]


_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""An escaped NUL in JSON; after an odd number of backslashes more it would be plain text."""
_NUL = re.compile(rb"\\u0000")  # a search by an expression takes 60% of the time that `in` takes


def without_nul(text: bytes) -> bytes:
    """NUL characters, which PostgreSQL and others cannot store, become the replacement character."""
    return _ESCAPED_NUL.sub(rb"\1\\ufffd", text) if _NUL.search(text) else text
