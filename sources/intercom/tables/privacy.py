"""Which columns are left out, and which are replaced by a keyed hash.

The rules apply before any row is written: neither the warehouse nor a file on the way to it ever holds the values.
"""

import hmac
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Raw

from ..catalog import TABLES, Table
from ..wire import did_you_mean
from .contacts import CONTACTS, NESTED_CONTACT_FIELDS

NEEDED = frozenset(("workspace_id", "id", "role", "created_at", "updated_at"))
"""Columns that a sync needs."""
COLUMNS = tuple(name for name in CONTACTS.names if name not in NEEDED)
"""Columns that can be left out or hashed."""
ATTRIBUTES, EXTRA = "custom_attributes", "_extra"
NESTED = frozenset((*NESTED_CONTACT_FIELDS, EXTRA))
SHORTEST_KEY, LEAST_VARIETY = 32, 8
"""Characters of a key, and different ones: hashes under a key that can be guessed can be looked up."""

Redaction = Callable[[list[Any]], list[Any]]
"""Maps the values of a column."""
Rule = Callable[[str], str | None]
"""Maps one value."""

_FIELDS = msgspec.json.Decoder(dict[str, Raw])


@dataclass(frozen=True)
class Privacy:
    """The rules of one run. Columns of contacts have Intercom's names; `custom_attributes.plan` is a single attribute.

    Those of other tables begin with the table: `admins.email`, `companies.custom_attributes.plan`.

    `bodies_before`: of rows that were created before it, in epoch seconds, what people wrote is excluded, too.

    A hash is HMAC-SHA-256 of the value's text, in hexadecimal digits: equal values have equal hashes while the key
    stays the same.
    """

    excluded: frozenset[str] = frozenset()
    hashed: frozenset[str] = frozenset()
    key: bytes = field(default=b"", repr=False)
    bodies_before: int | None = None

    def redacted(self, table: pa.Table) -> pa.Table:
        """Rows of `contacts` or of `contact_activities`, with the rules applied."""
        if not self._redactions:
            return table
        for position, name in enumerate(table.column_names):
            if redact := self._redactions.get(name):
                kind = table.schema.field(name)
                table = table.set_column(position, kind, pa.array(redact(table[name].to_pylist()), kind.type))
        return table

    def hashes_of(self, column: str, text: str) -> tuple[str, ...]:
        """What a hashed column of contacts holds for a text; nothing for a column that is not hashed."""
        return (self._hash_of(column)(text),) if self.key and column in self.hashed else ()

    def treatment(self, name: str) -> str:
        """For messages: what happens to a value that has no column, or another type than its column."""
        if not self.excluded.isdisjoint((name, EXTRA)):
            return "left out"
        return "kept in _extra" if self.hashed.isdisjoint((name, EXTRA)) else "hashed in _extra"

    @cached_property
    def _redactions(self) -> Mapping[str, Redaction]:
        """By column; built once for all tables of a run."""
        if not (self.excluded or self.hashed):
            return {}
        named = self.excluded | self.hashed
        of_attributes = {name.partition(".")[2]: name for name in named if name.startswith(f"{ATTRIBUTES}.")}
        columns = {name: name for name in self._whole}
        redactions: dict[str, Redaction] = {EXTRA: _each(partial(self._without, named=columns))}
        if of_attributes:
            redactions[ATTRIBUTES] = _each(partial(self._without, named=of_attributes))
        hashes = {name: _each(self._hash_of(name)) for name in self.hashed}
        return redactions | dict.fromkeys(self.excluded, _nulls) | hashes

    def rules(self, table: str) -> Mapping[str, Rule]:
        """What happens to the values of a table of the catalogue, by column. Columns without a rule have none."""
        rules: dict[str, Rule] = {}
        for name in self.excluded | self.hashed:
            column, _, field_name = name.removeprefix(f"{table}.").partition(".")
            if not name.startswith(f"{table}."):
                continue
            if field_name:
                rules[column] = partial(self._without, named={**_named_in(rules.get(column)), field_name: name})
            elif name in self.excluded:
                rules[column] = _nothing
            else:
                rules[column] = self._nested if _kind(table, column) == "json" else self._hash_of(column)
        return rules

    def rules_of_old(self, table: Table) -> Mapping[str, Rule]:
        """The same for rows that were created before `bodies_before`."""
        bodies = {f"{table.table}.{name}" for name in table.bodies}
        more = {name for name in bodies if ".".join(name.split(".")[:2]) not in self.excluded | self.hashed}
        return replace(self, excluded=self.excluded | bodies & self.hashed | more).rules(table.table)

    def is_old(self, created_at: int | None) -> bool:
        return self.bodies_before is not None and created_at is not None and created_at < self.bodies_before

    @property
    def _whole(self) -> frozenset[str]:
        """Columns, without single attributes. `_extra` keeps values of unexpected types under these names."""
        return frozenset(name for name in self.excluded | self.hashed if "." not in name)

    def _without(self, text: str, *, named: Mapping[str, str]) -> str | None:
        """A JSON object without the named fields, or with their hashes; null for other values or if nothing is left."""
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
        """Ignores case and spaces, so that addresses from other systems have the same hash."""
        return self._text(address.strip().lower())

    def _nested(self, value: str | Raw) -> str:
        """The hash of a JSON value, as a JSON string; a string has the hash of its text, and null stays null."""
        text = canonical(value)
        return "null" if text is None else f'"{self._text(text)}"'

    def _text(self, text: str) -> str:
        digest = self._keyed.copy()
        digest.update(text.encode())
        return digest.hexdigest()

    @cached_property
    def _keyed(self) -> hmac.HMAC:
        """Copied for each value: a new one takes twice as long."""
        return hmac.new(self.key, digestmod="sha256")


def problems(excluded: Collection[str], hashed: Collection[str], key: str | None) -> Iterator[str]:
    """What is wrong with the settings, in sentences that end with the next step."""
    for name in sorted({*excluded, *hashed}):
        if not _is_allowed(name):
            near = did_you_mean(name, COLUMNS)
            yield f"{name!r} cannot be excluded or hashed.{near} {_allowed_names()}"
    for name in sorted(set(excluded) & set(hashed)):
        yield f"{name} is both in exclude_columns and in hash_columns: remove it from one."
    parts = sorted(name for name in {*excluded, *hashed} if name.startswith(f"{ATTRIBUTES}."))
    if parts and ATTRIBUTES in {*excluded, *hashed}:
        yield f"{ATTRIBUTES} is listed, and {parts[0]} as a part of it: remove one of them."
    for name in sorted(hashed):
        if (name in COLUMNS and CONTACTS.field(name).type != pa.string()) or _holds_no_text(name):
            yield f"{name} holds no text, so it cannot hold a hash: move it to exclude_columns, or remove it."
    if hashed and _is_guessable(key or ""):
        yield (
            f"hash_columns needs a hash_key of at least {SHORTEST_KEY} random characters: set "
            "SOURCES__INTERCOM__HASH_KEY, or hash_key in .dlt/secrets.toml, to the output of `openssl rand -hex 32`. "
            "Keep that key: another key gives other hashes."
        )


def _is_guessable(key: str) -> bool:
    """Whether a key is short, has few different characters, or repeats itself."""
    return len(key) < SHORTEST_KEY or len(set(key)) < LEAST_VARIETY or key in (key + key)[1:-1]


def _is_allowed(name: str) -> bool:
    column, dot, attribute = name.partition(".")
    if dot and column in TABLES:
        return _is_allowed_in(TABLES[column], attribute)
    return (column == ATTRIBUTES and bool(attribute)) if dot else name in COLUMNS


def _is_allowed_in(table: Table, name: str) -> bool:
    """Whether a column of the catalogue, or a field of one that holds JSON, can be left out or hashed."""
    column, dot, field_name = name.partition(".")
    if column in table.key or column not in (*table.columns, EXTRA):
        return False
    return not dot or (bool(field_name) and _kind(table.table, column) == "json")


def _kind(table: str, column: str) -> str:
    return "json" if column == EXTRA else TABLES[table].columns[column].kind


def _holds_no_text(name: str) -> bool:
    """Whether a column of the catalogue holds numbers, times or truth values."""
    table, _, column = name.partition(".")
    return table in TABLES and column in TABLES[table].columns and _kind(table, column) not in ("text", "json")


def _nothing(_: str) -> None:
    return None


def _named_in(rule: Rule | None) -> Mapping[str, str]:
    """The fields that a rule names already."""
    return rule.keywords["named"] if isinstance(rule, partial) else {}


def _allowed_names() -> str:
    return (
        f"A sync needs {', '.join(sorted(NEEDED))}. Choose from {', '.join(COLUMNS)}, {ATTRIBUTES}.NAME for a single "
        "attribute, and TABLE.COLUMN for a column of another table: docs/tables.md has them."
    )


def _each(read: Callable[[str], str | None]) -> Redaction:
    return lambda values: [None if value is None else read(value) for value in values]


def _nulls(values: list[Any]) -> list[Any]:
    return [None] * len(values)


def canonical(value: str | Raw) -> str | None:
    """The same text for the same JSON value in any spacing and order of keys; null for null."""
    try:
        read = msgspec.json.decode(value)
    except msgspec.ValidationError:  # a number too large to decode: as it was sent
        return str(value, "utf-8") if isinstance(value, Raw) else value
    if read is None or isinstance(read, str):
        return read
    return msgspec.json.encode(read, order="deterministic").decode()
