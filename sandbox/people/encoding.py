"""The JSON in which contacts are sent: it depends on the API version, and its fields can be changed on request."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from types import NoneType
from typing import Any

import msgspec

from .contacts import DECODED_CONTACTS, Contact, Json

# Returns the fields of an object, with the named one changed.
Change = Callable[[Json, str], Json]


@dataclass(frozen=True, eq=False)
class FieldChanges:
    """Changes of named fields, applied in order. `exempt` maps contacts to the edition that keeps its fields."""

    changes: tuple[tuple[str, Change], ...]
    exempt: Mapping[str, int] = field(default_factory=dict)

    def applied(self, contact: Contact, sent: Json) -> Json:
        """The changed fields, in a new object."""
        if self.exempt.get(contact.id) == contact.edition:
            return sent
        for name, change in self.changes:
            sent = _changed(sent, name, change)
        return sent


@dataclass(frozen=True, eq=False)
class ContactEncoder:
    """Encodes contacts for the versions with that type of `owner_id`, after all field changes."""

    owner_id: type[int] | type[str]
    field_changes: tuple[FieldChanges, ...] = ()

    def encode(self, contact: Contact) -> bytes:
        return self.encode_all([contact])[0]

    def encode_all(self, contacts: list[Contact]) -> list[bytes]:
        if self.field_changes:
            return [_encoded_with_changes(self, contact) for contact in contacts]
        alike = (self.owner_id, NoneType)
        return [contact.json if contact.owner_type in alike else self.with_owner(contact) for contact in contacts]

    def with_owner(self, contact: Contact) -> bytes:
        """The contact's stored JSON with the owner's type replaced: a contact is encoded once for all versions."""
        owner = contact.value("owner_id")
        return contact.json if owner is None else contact.json.replace(*_owner_fields(owner, self.owner_id(owner)), 1)


class ContactEncoding:
    """An encoder for each type of `owner_id`, and the field changes so far. The contacts themselves never change."""

    def __init__(self, contacts: Mapping[str, Contact]) -> None:
        self._contacts = contacts
        self._field_changes: tuple[FieldChanges, ...] = ()
        self._encoders = _encoders(())

    def encoder(self, owner_id: type[int] | type[str]) -> ContactEncoder:
        return self._encoders[owner_id]

    def change_fields(
        self,
        *,
        add: Mapping[str, Any] | None = None,
        remove: Iterable[str] = (),
        retype: Mapping[str, Callable[[Any], Any]] | None = None,
        null: Iterable[str] = (),
        only_updated: bool = False,
    ) -> None:
        """Changes the fields of all contacts sent from now on, after earlier changes.

        Args:
            add: fields by their names in search (`custom_attributes.plan`), with their value.
            remove: fields to leave out; removed last, after `add`, `retype` and `null`.
            retype: functions of a field's value. They are not called for null.
            null: fields to send as null.
            only_updated: whether a contact keeps its fields until its `updated_at` next moves.
        """
        exempt = {contact.id: contact.edition for contact in self._contacts.values()} if only_updated else {}
        self._field_changes += (FieldChanges(_changes(add or {}, retype or {}, null, remove), exempt),)
        self._encoders = _encoders(self._field_changes)


def _encoders(field_changes: tuple[FieldChanges, ...]) -> Mapping[type, ContactEncoder]:
    return {owner_id: ContactEncoder(owner_id, field_changes) for owner_id in (int, str)}


@cache
def _owner_fields(old: int | str, new: int | str) -> tuple[bytes, bytes]:
    """Both owners as they stand in a JSON object."""
    old_field, new_field = (msgspec.json.encode({"owner_id": owner})[1:-1] for owner in (old, new))
    return old_field, new_field


@lru_cache(maxsize=DECODED_CONTACTS)
def _encoded_with_changes(encoder: ContactEncoder, contact: Contact) -> bytes:
    sent = msgspec.json.decode(encoder.with_owner(contact), type=Json)
    for changes in encoder.field_changes:
        sent = changes.applied(contact, sent)
    return msgspec.json.encode(sent)


def _changes(
    add: Mapping[str, Any], retype: Mapping[str, Callable[[Any], Any]], null: Iterable[str], remove: Iterable[str]
) -> tuple[tuple[str, Change], ...]:
    return (
        *((name, partial(_set, value)) for name, value in add.items()),
        *((name, partial(_retype, convert)) for name, convert in retype.items()),
        *((name, _null) for name in null),
        *((name, _remove) for name in remove),
    )


def _changed(sent: Json, name: str, change: Change) -> Json:
    """A dotted name is of a field one level down; names of custom attributes may contain dots, too."""
    parent, _, child = name.partition(".")
    if not child:
        return change(sent, name)
    nested = sent.get(parent)
    return {**sent, parent: change(nested, child)} if isinstance(nested, dict) else sent


def _set(value: Any, fields: Json, name: str) -> Json:
    return {**fields, name: value}


def _retype(convert: Callable[[Any], Any], fields: Json, name: str) -> Json:
    old = fields.get(name)
    return fields if old is None else {**fields, name: convert(old)}


def _null(fields: Json, name: str) -> Json:
    return {**fields, name: None} if name in fields else fields


def _remove(fields: Json, name: str) -> Json:
    return {key: value for key, value in fields.items() if key != name}
