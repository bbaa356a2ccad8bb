"""Values of records as the columns of the catalogue hold them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import msgspec
from msgspec import Raw

from ..wire import Whole

NULL = Raw(b"null")

Fields = Mapping[str, Raw]


class Unfit(Exception):
    """A value that its column cannot hold."""


def fields_of(value: Raw) -> dict[str, Raw] | None:
    """The fields of an object; null for any other value."""
    try:
        return msgspec.json.decode(value, type=dict[str, Raw])
    except (msgspec.DecodeError, RecursionError):
        return None


def elements_of(value: Raw) -> list[Raw] | None:
    """The elements of a list; null for any other value."""
    try:
        return msgspec.json.decode(value, type=list[Raw])
    except (msgspec.DecodeError, RecursionError):
        return None


def at(fields: Fields, path: str) -> Raw | None:
    """The value at a path with dots; null where there is nothing."""
    name, _, rest = path.partition(".")
    value = fields.get(name)
    if value is None or not rest:
        return value
    inner = fields_of(value)
    return None if inner is None else at(inner, rest)


def read(value: Raw | None, kind: str) -> Any:
    """The value as a column of that kind holds it.

    Raises:
        Unfit: it is of another type.
    """
    if value is None or value == NULL:
        return None
    try:
        return _READERS[kind](value)
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError):
        raise Unfit from None


def _text(value: Raw) -> str:
    found = msgspec.json.decode(value, type=str | int | float | bool)
    return found if isinstance(found, str) else str(value, "utf-8")


def _integer(value: Raw) -> int:
    try:
        return msgspec.json.decode(value, type=Whole, strict=False)
    except msgspec.ValidationError:
        return msgspec.convert(int(_number(value)), Whole)


def _number(value: Raw) -> float:
    found = msgspec.json.decode(value, type=float, strict=False)
    if not isfinite(found):
        raise ValueError(found)
    return found


def _boolean(value: Raw) -> bool:
    return msgspec.json.decode(value, type=bool, strict=False)


def _time(value: Raw) -> int:
    """Epoch seconds, or ISO 8601; without a zone, or with the word UTC for it, it is in UTC."""
    try:
        return _integer(value)
    except msgspec.ValidationError:
        found = datetime.fromisoformat(msgspec.json.decode(value, type=str).strip().removesuffix(" UTC"))
        return int(found.replace(tzinfo=found.tzinfo or UTC).timestamp())


def canonical(value: Raw) -> str:
    """The same text for the same JSON in any spacing and order of keys."""
    try:
        return msgspec.json.encode(msgspec.json.decode(value), order="deterministic").decode()
    except msgspec.ValidationError:  # a number too large to decode: as it was sent
        return str(value, "utf-8")


_READERS: Mapping[str, Callable[[Raw], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "time": _time,
    "json": canonical,
}
