"""What of contacts is not to be kept: columns that are left out, and those of which a keyed hash is kept.

It is applied to the rows of a table before anything of them is written: neither the warehouse nor a file on the way to
it ever holds what is left out here.
"""

import hmac
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Raw

from .contacts import CONTACTS, NESTED_CONTACT_FIELDS

NEEDED = frozenset(("workspace_id", "id", "role", "created_at", "updated_at"))
"""What a sync itself goes by."""
COLUMNS = tuple(name for name in CONTACTS.names if name not in NEEDED)
"""What can be named."""
ATTRIBUTES, EXTRA = "custom_attributes", "_extra"
NESTED = frozenset((*NESTED_CONTACT_FIELDS, EXTRA))
SHORTEST_KEY = 16

Veil = Callable[[list[Any]], list[Any]]
"""What becomes of the values of a column."""

_FIELDS = msgspec.json.Decoder(dict[str, Raw])


@dataclass(frozen=True)
class Privacy:
    """Which columns of contacts are left out, and of which a hash is kept.

    Columns are named as Intercom names them; `custom_attributes.plan` is a single attribute. Equal values have equal
    hashes for as long as the key stays: HMAC-SHA-256 of the value's text, in hexadecimal digits.
    """

    excluded: frozenset[str] = frozenset()
    hashed: frozenset[str] = frozenset()
    key: bytes = field(default=b"", repr=False)

    def veiled(self, table: pa.Table) -> pa.Table:
        """Rows of `contacts` or of `contact_activities`, as they may be written."""
        if not self._veils:
            return table
        for position, name in enumerate(table.column_names):
            if veil := self._veils.get(name):
                kind = table.schema.field(name)
                table = table.set_column(position, kind, pa.array(veil(table[name].to_pylist()), kind.type))
        return table

    def fate(self, name: str) -> str:
        """What becomes of a value that its field's column cannot take, or that has none."""
        if not self.excluded.isdisjoint((name, EXTRA)):
            return "left out"
        return "kept in _extra" if self.hashed.isdisjoint((name, EXTRA)) else "hashed in _extra"

    @cached_property
    def _veils(self) -> Mapping[str, Veil]:
        """Made once, for all tables of a run."""
        if not (self.excluded or self.hashed):
            return {}
        of_attributes = {name.partition(".")[2]: name for name in self.excluded | self.hashed if "." in name}
        veils: dict[str, Veil] = {EXTRA: _each(partial(self._without, named={name: name for name in self._whole}))}
        if of_attributes:
            veils[ATTRIBUTES] = _each(partial(self._without, named=of_attributes))
        return veils | dict.fromkeys(self.excluded, _nulls) | {name: _each(self._hash_of(name)) for name in self.hashed}

    @property
    def _whole(self) -> frozenset[str]:
        """Columns named as a whole: a value of an unexpected type is kept in `_extra` under its column's name."""
        return frozenset(name for name in self.excluded | self.hashed if "." not in name)

    def _without(self, text: str, *, named: Mapping[str, str]) -> str | None:
        """A JSON object without what is not to be kept of it; null where nothing is left, or it is no object."""
        try:
            fields = _FIELDS.decode(text)
        except msgspec.ValidationError:
            return None
        found = fields.keys() & named.keys()
        if not found:
            return text
        kept = {name: value for name, value in fields.items() if name not in found}
        hashed = {name: Raw(self._nested(fields[name]).encode()) for name in found if named[name] in self.hashed}
        return msgspec.json.encode(kept | hashed, order="deterministic").decode() if kept or hashed else None

    def _hash_of(self, name: str) -> Callable[[str], str]:
        if name == "email":
            return self._email
        return self._nested if name in NESTED else self._text

    def _email(self, address: str) -> str:
        """Spelling that means nothing is not told apart, so that addresses from elsewhere can be joined."""
        return self._text(address.strip().lower())

    def _nested(self, value: str | Raw) -> str:
        """The hash of a JSON value, as a JSON string: of text that of the text itself. No value has none."""
        text = _canonical(value)
        return "null" if text is None else f'"{self._text(text)}"'

    def _text(self, text: str) -> str:
        digest = self._keyed.copy()
        digest.update(text.encode())
        return digest.hexdigest()

    @cached_property
    def _keyed(self) -> hmac.HMAC:
        """To be copied: a new one for each value would take twice as long."""
        return hmac.new(self.key, digestmod="sha256")


KEEPS_ALL = Privacy()


def problems(excluded: Collection[str], hashed: Collection[str], key: str | None) -> Iterator[str]:
    """What is wrong with such settings, in sentences that end in the next step."""
    for name in sorted({*excluded, *hashed}):
        if not _can_be_named(name):
            yield f"{name!r} cannot be excluded or hashed. {_whatever_can_be()}"
    for name in sorted(set(excluded) & set(hashed)):
        yield f"{name} is both in exclude_columns and in hash_columns: take it out of one."
    parts = sorted(name for name in {*excluded, *hashed} if name.startswith(f"{ATTRIBUTES}."))
    if parts and ATTRIBUTES in {*excluded, *hashed}:
        yield f"{ATTRIBUTES} is named whole, and {parts[0]} as a part of it: take one out."
    for name in sorted(hashed):
        if name in COLUMNS and CONTACTS.field(name).type != pa.string():
            yield f"{name} holds no text, so a hash has no place in it: put it into exclude_columns, or take it out."
    if hashed and len(key or "") < SHORTEST_KEY:
        yield (
            f"hash_columns needs a hash_key of at least {SHORTEST_KEY} characters: set SOURCES__INTERCOM__HASH_KEY, or "
            "hash_key in .dlt/secrets.toml, to what `openssl rand -hex 32` prints, and keep it: with another one the "
            "hashes are others, too."
        )


def _can_be_named(name: str) -> bool:
    column, dot, attribute = name.partition(".")
    return (column == ATTRIBUTES and bool(attribute)) if dot else name in COLUMNS


def _whatever_can_be() -> str:
    return (
        f"A sync needs {', '.join(sorted(NEEDED))}. What can be named: {', '.join(COLUMNS)}, and {ATTRIBUTES}.NAME for "
        "a single attribute."
    )


def _each(read: Callable[[str], str | None]) -> Veil:
    return lambda values: [None if value is None else read(value) for value in values]


def _nulls(values: list[Any]) -> list[Any]:
    return [None] * len(values)


def _canonical(value: str | Raw) -> str | None:
    """What is the same for the same JSON value, however it was spaced and ordered; null for null."""
    try:
        read = msgspec.json.decode(value)
    except msgspec.ValidationError:  # a number too large to be read: as it was sent
        return str(value, "utf-8") if isinstance(value, Raw) else value
    if read is None or isinstance(read, str):
        return read
    return msgspec.json.encode(read, order="deterministic").decode()
