"""Tracked attributes: their values in contacts as they are read, and the changes since they were last logged."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Raw

from ..wire import did_you_mean
from .contacts import CONTACTS, NESTED_CONTACT_FIELDS, SentContact
from .privacy import ATTRIBUTES, EXTRA, canonical
from .schemas import CONTACT_ATTRIBUTE_CHANGES, TEXT, rows_table

ATTRIBUTE_VALUES = pa.schema({"contact_id": TEXT, "attribute": TEXT, "value": TEXT})
TRACKABLE = tuple(
    name for name in CONTACTS.names if name not in (*NESTED_CONTACT_FIELDS, EXTRA, "workspace_id", "id", "updated_at")
)
"""Columns that can be tracked, beside single custom attributes."""

_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_Value = tuple[str, str, str | None]


def tracked_values(names: Iterable[str], contacts: Sequence[SentContact], rows: pa.Table) -> pa.Table:
    """The values of these attributes, as texts; null where a contact has none. Values that cannot be read are left out.

    `rows` are those contacts as they are loaded, with the privacy rules applied.
    """
    values = [value for name in names for value in _values_of(name, contacts, rows)]
    columns = [list(column) for column in zip(*values, strict=True)] or [[], [], []]
    return pa.table(columns, schema=ATTRIBUTE_VALUES)


def _values_of(name: str, contacts: Sequence[SentContact], rows: pa.Table) -> Iterator[_Value]:
    field, _, attribute = name.partition(".")
    for one, value in zip(contacts, rows[field].to_pylist(), strict=True):
        if field in one.odd:
            continue
        if not attribute:
            yield one.contact.id, name, _as_text(value)
        elif value is not None and (fields := _object(value)) is not None:
            found = fields.get(attribute)
            yield one.contact.id, name, None if found is None else canonical(found)


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()


def _object(text: str) -> dict[str, Raw] | None:
    try:
        return _FIELDS.decode(text)
    except msgspec.ValidationError:
        return None


def attribute_changes(
    observed: pa.Table,
    known: Mapping[tuple[str, str], str | None],
    *,
    stamp: Mapping[str, str],
    observed_at: datetime,
    observed_after: datetime | None,
) -> pa.Table:
    """Rows of `contact_attribute_changes`: the observed values that differ from the known ones.

    Args:
        known: the values logged last, by contact and attribute.
        observed_after: the values were the known ones until then.
    """
    return rows_table(
        CONTACT_ATTRIBUTE_CHANGES,
        [
            {
                **stamp,
                **value,
                "observed_at": observed_at,
                "observed_after": observed_after if key in known else None,
            }
            for value in observed.to_pylist()
            if (key := (value["contact_id"], value["attribute"])) not in known or known[key] != value["value"]
        ],
    )


def tracking_problems(tracked: Iterable[str], excluded: Iterable[str]) -> Iterator[str]:
    """What is wrong with `track_attributes`, in sentences that end with the next step."""
    hidden = frozenset(excluded)
    for name in sorted(set(tracked)):
        field, dot, attribute = name.partition(".")
        if not (attribute if dot and field == ATTRIBUTES else name in TRACKABLE):
            yield (
                f"{name!r} cannot be tracked.{did_you_mean(name, TRACKABLE)} Choose from {', '.join(TRACKABLE)}, and "
                f"{ATTRIBUTES}.NAME for a single attribute."
            )
        elif not hidden.isdisjoint((name, field)):
            yield f"{name} is both in track_attributes and in exclude_columns: remove it from one."
