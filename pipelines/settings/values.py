"""Values of settings as the types that they have to be: a variable is always text, and a file may have another type."""

import json
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

TRUE, FALSE = ("yes", "true", "t", "y", "1"), ("no", "false", "f", "n", "0")


def kind_of(hint: Any) -> Any:
    """The type that a field has where it is not null: `list` for `list[str] | None`."""
    inner = next(one for one in get_args(hint) if one is not NoneType) if isinstance(hint, UnionType) else hint
    return get_origin(inner) or inner


def as_kind(kind: Any, value: Any) -> Any:
    """The value as that type.

    Raises:
        ValueError: it cannot be one of that type.
    """
    return _READERS[kind](value) if kind in _READERS else value


def _text(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError
    return str(value)  # a version such as 2.11 needs no quotes


def _boolean(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in TRUE + FALSE:
        raise ValueError
    return text in TRUE


def _whole(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError
    return float(value)


def _list(value: Any) -> list[Any]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, list):
        raise ValueError
    return found


_READERS: Mapping[Any, Callable[[Any], Any]] = {
    str: _text,
    bool: _boolean,
    int: _whole,
    float: _number,
    list: _list,
}
