"""What Intercom sends, as typed records, and the raw tables they become.

Field names are Intercom's own; times are its epoch seconds. Nested values stay JSON text (`msgspec.Raw`), and whatever
a record does not name is kept in `_extra`. Renaming and typing happens later, in `sql/staging`.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import pyarrow as pa
from msgspec import UNSET, Raw, UnsetType, structs

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


class Contact(msgspec.Struct, kw_only=True, gc=False):
    """A contact, one field per documented field; see "Contacts" in Intercom's reference."""

    id: str
    external_id: str | None = None
    role: str | None = None
    email: str | None = None
    email_domain: str | None = None
    phone: str | None = None
    formatted_phone: str | None = None
    name: str | None = None
    owner_id: str | int | None = None  # a number up to version 2.15, text from 2.16 on; seen mixed
    has_hard_bounced: bool | None = None
    marked_email_as_spam: bool | None = None
    unsubscribed_from_emails: bool | None = None
    enabled_push_messaging: bool | None = None
    created_at: int | None = None
    updated_at: int | None = None
    signed_up_at: int | None = None
    last_seen_at: int | None = None
    last_replied_at: int | None = None
    last_contacted_at: int | None = None
    last_email_opened_at: int | None = None
    last_email_clicked_at: int | None = None
    language_override: str | None = None
    browser: str | None = None
    browser_version: str | None = None
    browser_language: str | None = None
    os: str | None = None
    android_app_name: str | None = None
    android_app_version: str | None = None
    android_device: str | None = None
    android_os_version: str | None = None
    android_sdk_version: str | None = None
    android_last_seen_at: int | None = None
    ios_app_name: str | None = None
    ios_app_version: str | None = None
    ios_device: str | None = None
    ios_os_version: str | None = None
    ios_sdk_version: str | None = None
    ios_last_seen_at: int | None = None
    utm_campaign: str | None = None
    utm_content: str | None = None
    utm_medium: str | None = None
    utm_source: str | None = None
    utm_term: str | None = None
    referrer: str | None = None
    avatar: Raw | UnsetType = UNSET
    custom_attributes: Raw | UnsetType = UNSET
    tags: Raw | UnsetType = UNSET
    notes: Raw | UnsetType = UNSET
    companies: Raw | UnsetType = UNSET
    opted_out_subscription_types: Raw | UnsetType = UNSET
    opted_in_subscription_types: Raw | UnsetType = UNSET
    location: Raw | UnsetType = UNSET
    social_profiles: Raw | UnsetType = UNSET


_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""An escaped NUL in JSON; after an odd number of backslashes more it would be plain text."""

NULL = Raw(b"null")
_NUL = re.compile(rb"\\u0000")  # a search by an expression takes 60% of the time that `in` takes

_TEXT, _WHOLE, _TRUTH, _MOMENT = pa.string(), pa.int64(), pa.bool_(), pa.timestamp("us", tz="UTC")


def _arrow_type(annotation: Any) -> pa.DataType:
    if annotation in (int | None, int):
        return _WHOLE
    return _TRUTH if annotation == bool | None else _TEXT


_CONTACT_FIELD_TYPES = {field.name: field.type for field in msgspec.structs.fields(Contact)}
_CONTACT_TYPES = {field.name: _arrow_type(field.type) for field in msgspec.structs.fields(Contact)}
DOCUMENTED_CONTACT_FIELDS = frozenset(_CONTACT_TYPES) | {"type", "workspace_id"}
"""Those with a column, and two that the table itself or its key says."""
NESTED_CONTACT_FIELDS = tuple(f.name for f in msgspec.structs.fields(Contact) if f.type == Raw | UnsetType)


def _schema(columns: dict[str, pa.DataType], *, key: tuple[str, ...]) -> pa.Schema:
    """An Arrow schema whose key is never null: dlt compares that with its own hints."""
    return pa.schema([pa.field(name, kind, nullable=name not in key) for name, kind in columns.items()])


CONTACTS_KEY = ("workspace_id", "id")
CONTACTS = _schema({"workspace_id": _TEXT, **_CONTACT_TYPES, "_extra": _TEXT}, key=CONTACTS_KEY)

SEGMENTS_KEY = ("workspace_id", "segment_id", "updated_at")
SEGMENTS = _schema(
    {
        "workspace_id": _TEXT,
        "segment_id": _TEXT,
        "name": _TEXT,
        "person_type": _TEXT,
        "created_at": _WHOLE,
        "updated_at": _WHOLE,
        "observed_at": _MOMENT,
        "run_id": _TEXT,
    },
    key=SEGMENTS_KEY,
)

MEMBERSHIP_CHANGES_KEY = ("workspace_id", "segment_id", "contact_id", "observed_at")
MEMBERSHIP_CHANGES = _schema(
    {
        "workspace_id": _TEXT,
        "segment_id": _TEXT,
        "contact_id": _TEXT,
        "is_member": _TRUTH,
        "observed_at": _MOMENT,
        "seen_by": _TEXT,
        "run_id": _TEXT,
    },
    key=MEMBERSHIP_CHANGES_KEY,
)

SEGMENT_SCANS_KEY = ("workspace_id", "run_id", "segment_id")
SEGMENT_SCANS = _schema(
    {
        "workspace_id": _TEXT,
        "segment_id": _TEXT,
        "run_id": _TEXT,
        "how": _TEXT,
        "status": _TEXT,
        "problem": _TEXT,
        "started_at": _MOMENT,
        "observed_at": _MOMENT,
        "count": _WHOLE,
        "total_count": _WHOLE,
        "fetched": _WHOLE,
        "members": _WHOLE,
    },
    key=SEGMENT_SCANS_KEY,
)

CONTACT_REMOVALS_KEY = ("workspace_id", "contact_id", "status", "observed_at")
CONTACT_REMOVALS = _schema(
    {
        "workspace_id": _TEXT,
        "contact_id": _TEXT,
        "status": _TEXT,
        "observed_at": _MOMENT,
        "happened_at": _WHOLE,
        "merged_into_contact_id": _TEXT,
        "run_id": _TEXT,
    },
    key=CONTACT_REMOVALS_KEY,
)

CONTACT_ACTIVITIES_KEY = ("workspace_id", "id")
CONTACT_ACTIVITIES = _schema(
    {
        "workspace_id": _TEXT,
        "id": _TEXT,
        "event_type": _TEXT,
        "contact_id": _TEXT,
        "external_id": _TEXT,
        "role": _TEXT,
        "merge_source_id": _TEXT,
        "merge_target_id": _TEXT,
        "failure_reason": _TEXT,
        "created_at": _WHOLE,
        "run_id": _TEXT,
    },
    key=CONTACT_ACTIVITIES_KEY,
)

RUNS_KEY = ("workspace_id", "run_id")
RUNS = _schema(
    {
        "workspace_id": _TEXT,
        "run_id": _TEXT,
        "pipeline_name": _TEXT,
        "command": _TEXT,
        "started_at": _MOMENT,
        "ended_at": _MOMENT,
        "outcome": _TEXT,
        "exit_code": _WHOLE,
        "api_calls": _WHOLE,
        "problem": _TEXT,
    },
    key=RUNS_KEY,
)


class SentContact(NamedTuple):
    """A contact, what it was sent with that has no column, and the names of fields that are of another type."""

    contact: Contact
    surprises: dict[str, Raw]
    odd: frozenset[str] = frozenset()


_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_CONTACT = msgspec.json.Decoder(Contact)


def read_contact(text: Raw | bytes) -> SentContact:
    """A contact from its JSON. A value of another type than documented is null in the record, and never an error.

    Raises:
        msgspec.ValidationError: it is no object, or has no id.
    """
    sent = _FIELDS.decode(text)
    surprises = {name: sent[name] for name in sent.keys() - DOCUMENTED_CONTACT_FIELDS}
    try:
        return SentContact(_CONTACT.decode(text), surprises)
    except msgspec.ValidationError:
        return _read_field_by_field(sent, surprises)


def contacts_table(workspace_id: str, contacts: Sequence[SentContact]) -> pa.Table:
    """The raw rows of contacts. Column by column: row by row takes three times longer."""
    if not contacts:
        return CONTACTS.empty_table()
    fields = zip(*(structs.astuple(one.contact) for one in contacts), strict=True)
    columns: dict[str, Any] = {"workspace_id": [workspace_id] * len(contacts)}
    for name, values in zip(_CONTACT_TYPES, fields, strict=True):
        read = _READ.get(name)
        columns[name] = list(map(read, values)) if read else values
    columns["_extra"] = [_extra(one.surprises) for one in contacts]
    return pa.table(columns, schema=CONTACTS)


def without_nul(text: bytes) -> bytes:
    """NUL characters, which PostgreSQL and others cannot store, become the replacement character."""
    return _ESCAPED_NUL.sub(rb"\1\\ufffd", text) if _NUL.search(text) else text


def rows_table(schema: pa.Schema, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows as a table of one of the schemas above; a column that a row leaves out is null."""
    return pa.Table.from_pylist(list(rows), schema=schema)


def changes_table(contact_ids: Collection[str], shared: Mapping[str, Any]) -> pa.Table:
    """Rows of `membership_changes` that differ in their contact only: one by one they would take ten times longer."""
    columns = {
        field.name: pa.repeat(pa.scalar(shared[field.name], field.type), len(contact_ids))
        for field in MEMBERSHIP_CHANGES
        if field.name in shared
    }
    return pa.table({**columns, "contact_id": sorted(contact_ids)}, schema=MEMBERSHIP_CHANGES)


def _json_text(value: Raw | UnsetType) -> str | None:
    return None if value is UNSET or value == NULL else str(value, "utf-8")


def _as_text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _extra(surprises: Mapping[str, Raw]) -> str | None:
    return msgspec.json.encode(surprises, order="deterministic").decode() if surprises else None


def _read_field_by_field(sent: dict[str, Raw], surprises: dict[str, Raw]) -> SentContact:
    values: dict[str, Any] = {}
    odd: set[str] = set()
    for name in sent.keys() & _CONTACT_FIELD_TYPES.keys():
        try:
            values[name] = _lenient(sent[name], _CONTACT_FIELD_TYPES[name])
        except msgspec.ValidationError:
            odd.add(name)
    surprises |= {name: sent[name] for name in odd}
    return SentContact(msgspec.convert(values, Contact), surprises, frozenset(odd))


def _lenient(value: Raw, kind: Any) -> Any:
    """The value as documented, where it can be read so: a number as text, text as a number, a fraction of a second."""
    try:
        return msgspec.json.decode(value, type=kind, strict=False)
    except msgspec.ValidationError:
        if kind == str | None:
            return (
                str(bytes(value), "utf-8") if msgspec.json.decode(value, type=bool | int | float) is not None else None
            )
        if kind == int | None:
            return int(msgspec.json.decode(value, type=float, strict=False))
        raise


_READ: dict[str, Callable[[Any], Any]] = {"owner_id": _as_text} | dict.fromkeys(NESTED_CONTACT_FIELDS, _json_text)
