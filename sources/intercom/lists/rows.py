"""Records of a list as rows of its tables, with the rows that are nested in them."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
from msgspec import Raw

from ..catalog import Column, Nested, Resource, Table
from ..tables import LIST_TABLES, NOTED, Privacy, Rule, key_of
from .values import NULL, Fields, Unfit, at, canonical, elements_of, fields_of, read

IMPLIED = frozenset(("type", "workspace_id", "app_id"))
"""Fields that say nothing about a record: they are no part of `_extra`."""
HASH_BYTES = 12

Key = tuple[Any, ...]


class Row(NamedTuple):
    """A row behind its workspace's id: its key, its values in the order of the table's columns, and their hash."""

    key: Key
    values: tuple[Any, ...]
    content_hash: str


class NestedRows(NamedTuple):
    """The rows of one nested table in one record. `is_whole`: Intercom has no more of them."""

    rows: tuple[Row, ...]
    is_whole: bool


@dataclass(frozen=True)
class Record:
    """One record of a list. `fields` are as sent; `dated` is the one that says when it was last changed."""

    row: Row
    fields: Fields
    nested: Mapping[str, NestedRows]
    dated: str = "updated_at"

    @property
    def id(self) -> str:
        """Its own id, without its parent's."""
        return str(self.row.key[-1])

    @property
    def updated_at(self) -> int:
        """When it was last changed; 0 where Intercom does not say that."""
        return self.number(self.dated)

    def number(self, path: str) -> int:
        """The number or time at a path; 0 for none."""
        try:
            return int(read(at(self.fields, path), "time") or 0)
        except Unfit:
            return 0

    def rows(self, table: Table) -> NestedRows:
        """Its rows of a table of its resource."""
        return self.nested.get(table.table) or NestedRows((self.row,), is_whole=True)


class RecordReader:
    """Reads the records of a list, of one parent where there is one.

    Args:
        parent: its key, if any.
    """

    def __init__(self, resource: Resource, privacy: Privacy, parent: Key = ()) -> None:
        self._resource = resource
        self._parent = parent
        self._privacy = privacy
        self._rules = {table.table: privacy.rules(table.table) for table in resource.tables}
        self._rules_of_old = {table.table: privacy.rules_of_old(table) for table in resource.tables}

    def read(self, value: Raw) -> Record | None:
        """A record; null for a value that is not an object, or that has no id."""
        return self.read_fields(fields_of(value))

    def read_fields(self, fields: Fields | None) -> Record | None:
        """A record of these fields, likewise."""
        row = fields and self._row(self._resource, fields, self._parent)
        if not fields or not row:
            return None
        nested = {one.table: self._nested(one, fields, row.key) for one in self._resource.nested}
        return Record(row, fields, nested, self._resource.newest_by)

    def _row(self, table: Table, fields: Fields, before: Key) -> Row | None:
        values, odd, rules = dict[str, Any](), dict[str, str](), self._rules_for(table, fields)
        for name, column in table.columns.items():
            sent = column.sent or name
            try:
                values[name] = _ruled(rules, name, _value(fields, name, column))
            except Unfit:
                values[name] = None
                odd[sent.partition(".")[0]] = name
        key = (*before, *(values[name] for name in table.key))
        if None in key:
            return None
        columns = [value for name, value in values.items() if name not in table.key]
        if table.has_extra:
            columns.append(_ruled(rules, "_extra", self._extra(table, fields, odd)))
        return Row(key, (*key, *columns), _hash(columns))

    def _rules_for(self, table: Table, fields: Fields) -> Mapping[str, Rule]:
        rules = self._rules_of_old if table.bodies and self._is_old(table, fields) else self._rules
        return rules[table.table]

    def _is_old(self, table: Table, fields: Fields) -> bool:
        try:
            return self._privacy.is_old(_value(fields, "created_at", table.columns["created_at"]))
        except Unfit:
            return False

    def _extra(self, table: Table, fields: Fields, odd: Mapping[str, str]) -> str | None:
        """What has no column, or does not fit into it, as a JSON object. `odd`: the column of each such field."""
        rules = self._rules[table.table]
        known = {(column.sent or name).partition(".")[0] for name, column in table.columns.items()}
        known |= {column.older for column in table.columns.values()} | {*table.ignored}
        if isinstance(table, Resource):
            known |= {one.within.partition(".")[0] for one in table.nested}
        surprises = {name: canonical(fields[name]) for name in fields.keys() - known - IMPLIED}
        surprises |= {name: canonical(fields[name]) for name, column in odd.items() if column not in rules}
        found = {name: Raw(text.encode()) for name, text in surprises.items()}
        return msgspec.json.encode(found, order="deterministic").decode() if found else None

    def _nested(self, table: Nested, fields: Fields, before: Key) -> NestedRows:
        sent = at(fields, table.within)
        named = _named(sent, table) if sent is not None and sent != NULL else None
        if named is None:
            return NestedRows((), is_whole=False)
        read_rows = [self._row(table, one, before) for one in named]
        rows = {row.key: row for row in read_rows if row}
        return NestedRows(tuple(rows.values()), None not in read_rows and not _is_cut(fields, table, len(named)))


def _value(fields: Fields, name: str, column: Column) -> Any:
    value = read(at(fields, column.sent or name), column.kind)
    if value is None and column.older:
        value = read(at(fields, column.older), column.kind)
    return None if column.none and value == column.none else value


def _ruled(rules: Mapping[str, Rule], column: str, value: Any) -> Any:
    rule = rules.get(column)
    return value if rule is None or value is None else rule(value)


def _named(sent: Raw, table: Nested) -> list[Fields] | None:
    """The nested rows as objects. A plain value is the value of the only column, a name that of `keyed_by`."""
    if table.keyed_by:
        by_name = fields_of(sent)
        if by_name is None:
            return None
        keyed = ((name, fields_of(value)) for name, value in by_name.items() if name != "type" and value != NULL)
        return [{**inner, table.keyed_by: Raw(msgspec.json.encode(name))} for name, inner in keyed if inner is not None]
    elements = elements_of(sent)
    if elements is None:
        return None
    (first, column), *_ = table.columns.items()
    return [fields_of(one) or {column.sent or first: one} for one in elements if one != NULL]


def _is_cut(fields: Fields, table: Nested, found: int) -> bool:
    """Whether the object around a nested list says that there are more rows."""
    around = fields_of(at(fields, table.within.rpartition(".")[0]) or NULL) if "." in table.within else None
    if around is None:
        return False
    try:
        has_more, total = read(around.get("has_more"), "boolean"), read(around.get("total_count"), "integer")
    except Unfit:
        return True
    return bool(has_more) or (total is not None and total > found)


def _hash(values: Iterable[Any]) -> str:
    return hashlib.blake2b(msgspec.json.encode(list(values)), digest_size=HASH_BYTES).hexdigest()


def table_of(table: Table, resource: Resource, rows: Sequence[Row], noted: Mapping[str, Any]) -> pa.Table:
    """Rows as they are loaded; at least one. `noted`: the columns that all of them share."""
    names, values = columns_of(table, resource), zip(*(row.values for row in rows), strict=True)
    columns: dict[str, Any] = dict(zip(names, values, strict=True))
    columns |= {name: [value] * len(rows) for name, value in noted.items()}
    columns["content_hash"] = [row.content_hash for row in rows]
    return pa.table(columns, schema=LIST_TABLES[table.table])


def columns_of(table: Table, resource: Resource) -> Iterator[str]:
    """The columns of `Row.values`, in order."""
    key = key_of(table, resource)
    yield from key
    yield from (name for name in LIST_TABLES[table.table].names if name not in (*key, "workspace_id", *NOTED))
