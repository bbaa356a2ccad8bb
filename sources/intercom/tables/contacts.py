"""Contacts as typed records, and the rows of the raw table.

Field names are Intercom's own; times are its epoch seconds. Nested values stay JSON text (`msgspec.Raw`), and fields
that a record does not have are kept in `_extra`. Columns are renamed and typed later, in `sql/staging`.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
from msgspec import UNSET, Raw, UnsetType, structs

from ..wire import Id, Whole, shallow
from .schemas import TEXT, arrow_type, table_schema


class Contact(msgspec.Struct, kw_only=True, gc=False):
    """A contact, one field per documented field; see "Contacts" in Intercom's reference."""

    id: Id
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
    created_at: Whole | None = None
    updated_at: Whole | None = None
    signed_up_at: Whole | None = None
    last_seen_at: Whole | None = None
    last_replied_at: Whole | None = None
    last_contacted_at: Whole | None = None
    last_email_opened_at: Whole | None = None
    last_email_clicked_at: Whole | None = None
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
    android_last_seen_at: Whole | None = None
    ios_app_name: str | None = None
    ios_app_version: str | None = None
    ios_device: str | None = None
    ios_os_version: str | None = None
    ios_sdk_version: str | None = None
    ios_last_seen_at: Whole | None = None
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


NULL = Raw(b"null")
_CONTACT_FIELD_TYPES = {field.name: field.type for field in msgspec.structs.fields(Contact)}
_CONTACT_TYPES = {field.name: arrow_type(field.type) for field in msgspec.structs.fields(Contact)}
DOCUMENTED_CONTACT_FIELDS = frozenset(_CONTACT_TYPES) | {"type", "workspace_id"}
"""Fields with a column, and two that the table or its key implies."""
NESTED_CONTACT_FIELDS = tuple(f.name for f in msgspec.structs.fields(Contact) if f.type == Raw | UnsetType)
CONTACTS_KEY = ("workspace_id", "id")
CONTACTS = table_schema({"workspace_id": TEXT, **_CONTACT_TYPES, "_extra": TEXT}, key=CONTACTS_KEY)


class SentContact(NamedTuple):
    """A contact, its fields without a column, and the names of fields of another type than documented."""

    contact: Contact
    surprises: dict[str, Raw]
    odd: frozenset[str] = frozenset()


_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_CONTACT = msgspec.json.Decoder(Contact)


def read_contact(text: Raw | bytes) -> SentContact:
    """A contact from its JSON. A value of another type than documented becomes null, and is never an error.

    Raises:
        msgspec.ValidationError: it is not an object, or has no id.
    """
    try:
        sent = _FIELDS.decode(text)
    except RecursionError:
        text, _ = shallow(bytes(text))
        sent = _FIELDS.decode(text)
    surprises = {name: sent[name] for name in sent.keys() - DOCUMENTED_CONTACT_FIELDS}
    try:
        return SentContact(_CONTACT.decode(text), surprises)
    except msgspec.ValidationError:
        return _read_field_by_field(sent, surprises)


def contacts_table(workspace_id: str, contacts: Sequence[SentContact]) -> pa.Table:
    """Contacts as raw rows, column by column: row by row takes three times longer."""
    if not contacts:
        return CONTACTS.empty_table()
    fields = zip(*(structs.astuple(one.contact) for one in contacts), strict=True)
    columns: dict[str, Any] = {"workspace_id": [workspace_id] * len(contacts)}
    for name, values in zip(_CONTACT_TYPES, fields, strict=True):
        read = _READ.get(name)
        columns[name] = list(map(read, values)) if read else values
    columns["_extra"] = [_extra(one.surprises) for one in contacts]
    return pa.table(columns, schema=CONTACTS)


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
    """The value as documented, where it converts: a number as text, text as a number, a fraction of a second."""
    try:
        return msgspec.json.decode(value, type=kind, strict=False)
    except msgspec.ValidationError:
        if kind == str | None:
            return (
                str(bytes(value), "utf-8") if msgspec.json.decode(value, type=bool | int | float) is not None else None
            )
        if kind == Id and msgspec.json.decode(value, type=int) is not None:
            return str(bytes(value), "utf-8")
        if kind == Whole | None and isfinite(number := msgspec.json.decode(value, type=float, strict=False)):
            return msgspec.convert(int(number), Whole)
        raise


_READ: dict[str, Callable[[Any], Any]] = {"owner_id": _as_text} | dict.fromkeys(NESTED_CONTACT_FIELDS, _json_text)
