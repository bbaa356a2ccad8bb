"""The forms in which contacts are sent: by version, and reshaped on request. What is true of them stays as it is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from types import NoneType
from typing import Any

import msgspec

from .contacts import READ, Contact, Json

# Answers the fields of an object with the named one changed.
Change = Callable[[Json, str], Json]


@dataclass(frozen=True, eq=False)
class Reshape:
    """Changes of named fields, made one after another. `spared` are editions of contacts to leave alone, by id."""

    changes: tuple[tuple[str, Change], ...]
    spared: Mapping[str, int] = field(default_factory=dict)

    def reshaped(self, contact: Contact, sent: Json) -> Json:
        """What is sent of the contact instead; nothing is changed in place."""
        if self.spared.get(contact.id) == contact.edition:
            return sent
        for name, change in self.changes:
            sent = _changed(sent, name, change)
        return sent


@dataclass(frozen=True, eq=False)
class Form:
    """How versions with that type of `owner_id` send contacts, after all the reshapes."""

    owner_id: type[int] | type[str]
    reshapes: tuple[Reshape, ...] = ()

    def encoded(self, contact: Contact) -> bytes:
        """The contact as it goes over the wire."""
        return self.rows([contact])[0]

    def rows(self, contacts: list[Contact]) -> list[bytes]:
        """The contacts as they go over the wire."""
        if self.reshapes:
            return [_reshaped(self, contact) for contact in contacts]
        alike = (self.owner_id, NoneType)
        return [contact.json if contact.owner_type in alike else self.owned(contact) for contact in contacts]

    def owned(self, contact: Contact) -> bytes:
        """The contact's own JSON, with the type of the owner changed in place: the contact is encoded once for all."""
        owner = contact.value("owner_id")
        return contact.json if owner is None else contact.json.replace(*_owners(owner, self.owner_id(owner)), 1)


@cache
def _owners(was: int | str, now: int | str) -> tuple[bytes, bytes]:
    old, new = (msgspec.json.encode({"owner_id": owner})[1:-1] for owner in (was, now))
    return old, new


@lru_cache(maxsize=READ)
def _reshaped(form: Form, contact: Contact) -> bytes:
    sent = msgspec.json.decode(form.owned(contact), type=Json)
    for reshape in form.reshapes:
        sent = reshape.reshaped(contact, sent)
    return msgspec.json.encode(sent)


def forms(reshapes: tuple[Reshape, ...] = ()) -> Mapping[type, Form]:
    """The form for each type of `owner_id`."""
    return {owner_id: Form(owner_id, reshapes) for owner_id in (int, str)}


def changes(
    add: Mapping[str, Any], retype: Mapping[str, Callable[[Any], Any]], null: Iterable[str], remove: Iterable[str]
) -> tuple[tuple[str, Change], ...]:
    """Changes in this order. Only `add` makes fields that are not there, and no function of `retype` is given null."""
    return (
        *((name, partial(_set, value)) for name, value in add.items()),
        *((name, partial(_turn, turn)) for name, turn in retype.items()),
        *((name, _null) for name in null),
        *((name, _remove) for name in remove),
    )


def _changed(sent: Json, name: str, change: Change) -> Json:
    """A dotted name is of a field one level down; custom attributes may have dots of their own."""
    parent, _, child = name.partition(".")
    if not child:
        return change(sent, name)
    nested = sent.get(parent)
    return {**sent, parent: change(nested, child)} if isinstance(nested, dict) else sent


def _set(value: Any, fields: Json, name: str) -> Json:
    return {**fields, name: value}


def _turn(turn: Callable[[Any], Any], fields: Json, name: str) -> Json:
    old = fields.get(name)
    return fields if old is None else {**fields, name: turn(old)}


def _null(fields: Json, name: str) -> Json:
    return {**fields, name: None} if name in fields else fields


def _remove(fields: Json, name: str) -> Json:
    return {key: value for key, value in fields.items() if key != name}
