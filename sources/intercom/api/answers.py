"""Intercom's answers as typed records. Field names are Intercom's; times are its epoch seconds."""

from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from ..wire import Id, Total, Whole

Record = TypeVar("Record")

UNKNOWN = -1
"""A total that could not be read. It equals no number of rows, so the answer is no evidence."""
UNREADABLE = ""
"""A next page without a cursor: there may be one, and it cannot be followed."""


class App(msgspec.Struct):
    """The workspace that a token belongs to, from `GET /me`. `region` is null where it cannot be read.

    `created_at` is in epoch seconds.
    """

    id_code: Id
    region: str | None = None
    timezone: str = "UTC"
    name: str | None = None
    created_at: Whole | None = None


class Me(msgspec.Struct):
    """`GET /me`: the admin who owns the token; only the workspace is read."""

    app: App


class Segment(msgspec.Struct, kw_only=True):
    """A segment's definition. `count` is Intercom's own member count, null where it sent none.

    A name or an `updated_at` that cannot be read is empty or 0.
    """

    id: Id
    name: str = ""
    person_type: str | None = None
    created_at: Whole | None = None
    updated_at: Whole = 0
    count: Whole | None = None


class DataAttribute(msgspec.Struct, kw_only=True):
    """An attribute of contacts or companies. `data_type`: string, integer, float, boolean, date or datetime.

    `full_name` begins with `custom_attributes.` where the workspace has defined it; only those have an `id`.
    """

    full_name: str
    model: str = "contact"
    name: str | None = None
    label: str | None = None
    description: str | None = None
    data_type: str | None = None
    options: list[str] | None = None
    custom: bool | None = None
    archived: bool | None = None
    api_writable: bool | None = None
    ui_writable: bool | None = None
    messenger_writable: bool | None = None
    id: Whole | None = None
    admin_id: str | None = None
    created_at: Whole | None = None
    updated_at: Whole | None = None


class Cursor(msgspec.Struct):
    """Where the next page starts; a list may be paged by number."""

    _unknown: ClassVar[dict[str, Any]] = {"starting_after": UNREADABLE}

    starting_after: str | None = None
    page: Whole | None = None


class Pages(msgspec.Struct):
    """Paging: `next` is a cursor, a URL with one or the number of a page, and null or absent on the last page."""

    _unknown: ClassVar[dict[str, Any]] = {"next": UNREADABLE}

    next: Cursor | str | Whole | None = None


class DataAttributes(msgspec.Struct):
    """`GET /data_attributes`, which is not paged as documented."""

    _unknown: ClassVar[dict[str, Any]] = {"data": [], "pages": Pages(UNREADABLE)}

    data: list[DataAttribute]
    pages: Pages | None = None


class SegmentList(msgspec.Struct):
    """A page of `GET /segments`, which is not paged as documented."""

    _unknown: ClassVar[dict[str, Any]] = {"segments": [], "pages": Pages(UNREADABLE)}

    segments: list[Segment]
    pages: Pages | None = None


class Page(msgspec.Struct, Generic[Record]):
    """One page of a contact search; `total_count` counts the contacts of all pages."""

    _unknown: ClassVar[dict[str, Any]] = {"data": [], "total_count": UNKNOWN, "pages": Pages(UNREADABLE)}

    data: list[Record]
    total_count: Total
    pages: Pages | None = None


class ContactId(msgspec.Struct):
    """A contact's id alone: decoding the other 50 fields costs twenty times more."""

    id: Id


class DatedContact(msgspec.Struct):
    """What reading a segment needs of a contact. `created_at` is not typed: contacts are sent with odd dates."""

    id: Id
    created_at: Any = None


class ContactStamp(msgspec.Struct):
    id: Id
    updated_at: Whole = 0


class SegmentId(msgspec.Struct):
    id: Id


class ContactSegments(msgspec.Struct):
    """A page of `GET /contacts/{id}/segments`, which is not paged as documented; most answers have no total."""

    _unknown: ClassVar[dict[str, Any]] = {"data": [], "total_count": UNKNOWN, "pages": Pages(UNREADABLE)}

    data: list[SegmentId]
    total_count: Total | None = None
    pages: Pages | None = None


class ContactById(msgspec.Struct):
    """`GET /contacts/{id}`, as far as it shows whether the contact is active; most answers lack the flags."""

    id: Id | None = None
    updated_at: Whole | None = None
    archived: bool = False
    blocked: bool = False


class Activity(msgspec.Struct, kw_only=True):
    """A contact that was created, merged or deleted; `contact_id` of a merge is its target."""

    id: Id
    event_type: str = ""
    contact_id: str | None = None
    external_id: str | None = None
    role: str | None = None
    merge_source_id: str | None = None
    merge_target_id: str | None = None
    failure_reason: str | None = None
    created_at: Whole | None = None


class Activities(msgspec.Struct):
    """A page of `GET /contacts/activities`, oldest first; an empty one proves nothing."""

    _unknown: ClassVar[dict[str, Any]] = {"data": [], "pages": Pages(UNREADABLE)}

    data: list[Activity]
    pages: Pages | None = None


class RemovedContact(msgspec.Struct):
    """A contact that is not active: archived, blocked, merged, pending_deletion or permanently_deleted."""

    id: Id
    status: str | None = None
    merged_into_id: str | None = None


class RemovedContacts(msgspec.Struct):
    """A page of `GET /contacts/deleted`; pages are numbered from 1."""

    _unknown: ClassVar[dict[str, Any]] = {"data": []}

    data: list[RemovedContact]


class ExportJob(msgspec.Struct):
    """The state of an export. Some versions spell its id differently."""

    status: str = ""
    job_identifier: str | None = None
    job_identfier: str | None = None

    @property
    def id(self) -> str | None:
        return self.job_identifier or self.job_identfier
