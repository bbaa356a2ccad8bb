"""Records from JSON, field by field: one odd value costs that value, and never the records around it."""

import re
import types
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Raw

from .flaws import Flaws

Record = TypeVar("Record")

Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A whole number that a column can hold: JSON has no limit."""
Total = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Id = Annotated[str, msgspec.Meta(min_length=1)]

NULL = Raw(b"null")
_NUMBER = re.compile(rb"-?[0-9]{1,40}")


class Unfit(Exception):
    """A value that is needed cannot be read."""


def lenient(body: bytes | Raw, shape: type[Record], flaws: Flaws) -> Record:
    """A record, with the default for each value that does not fit. Elements of a list that do not fit are left out.

    Args:
        shape: a record; of `dict[str, Raw]` the fields are left as they are.
        flaws: counts what was left out, and fields that a record names in `_unknown`, with the value that stands for
            an unknown one. Any other value with a default is no flaw.

    Raises:
        msgspec.ValidationError: a value without a default cannot be read.
    """
    if get_origin(shape) is dict:
        return msgspec.json.decode(body, type=shape)
    try:
        read: Record = _value(Raw(body), shape, flaws, "")
    except Unfit as error:
        raise msgspec.ValidationError(f"{error} is missing or has another type") from None
    return read


def _value(sent: Raw, kind: Any, flaws: Flaws, place: str) -> Any:
    if get_origin(kind) is list:
        return _elements(sent, get_args(kind)[0], flaws, place)
    if (struct := _struct_of(kind)) and bytes(sent).lstrip()[:1] == b"{":
        return _record(sent, struct, flaws, place)
    return _scalar(sent, kind, place)


def _record(sent: Raw, shape: Any, flaws: Flaws, place: str) -> Any:
    fields: Mapping[str, Raw] = msgspec.json.decode(sent, type=dict[str, Raw])
    unknown: Mapping[str, Any] = getattr(shape, "_unknown", {})
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(shape):
        where = f"{place}.{field.name}" if place else field.name
        try:
            if field.name in fields:
                values[field.name] = _value(fields[field.name], _kinds(shape)[field.name], flaws, where)
            elif field.required:
                raise Unfit(where)
        except Unfit:
            if field.name in unknown:
                values[field.name] = unknown[field.name]
                flaws.update([] if _is_empty_page(fields) else [where])
            elif field.required:
                raise
    return (get_origin(shape) or shape)(**values)


def _is_empty_page(fields: Mapping[str, Raw]) -> bool:
    """Without rows null may stand for an empty list."""
    return fields.get("data") == NULL and fields.get("total_count") == Raw(b"0")


def _elements(sent: Raw, kind: Any, flaws: Flaws, place: str) -> list[Any]:
    try:
        elements = msgspec.json.decode(sent, type=list[Raw])
    except msgspec.ValidationError:
        raise Unfit(place) from None
    read = []
    for element in elements:
        try:
            read.append(element if kind is Raw else _value(element, kind, flaws, place))
        except Unfit as error:
            flaws[str(error)] += 1
    return read


def _scalar(sent: Raw, kind: Any, place: str) -> Any:
    """The value as documented, where it converts: a number as text, text as a number, a fraction cut."""
    plain = {getattr(one, "__origin__", one) for one in _options(kind)}
    try:
        return msgspec.json.decode(sent, type=kind, strict=not plain & {int, bool})
    except msgspec.DecodeError:
        pass
    try:
        if str in plain and _NUMBER.fullmatch(bytes(sent)):
            return bytes(sent).decode()
        if int in plain and abs(number := msgspec.json.decode(sent, type=float, strict=False)) < 2**63:
            return int(number)
    except (ValueError, msgspec.DecodeError):
        pass
    raise Unfit(place)


@cache
def _kinds(shape: Any) -> dict[str, Any]:
    """The type of each field, those of a generic record as it is used."""
    record, arguments = get_origin(shape) or shape, get_args(shape)
    kinds = get_type_hints(record, include_extras=True)
    if not arguments:
        return kinds
    bound = dict(zip(record.__parameters__, arguments, strict=True))
    lists = {name: bound.get(get_args(kind)[0]) for name, kind in kinds.items() if get_origin(kind) is list}
    return kinds | {name: types.GenericAlias(list, (one,)) for name, one in lists.items() if one}


def _options(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _struct_of(kind: Any) -> Any:
    structs = (one for one in _options(kind) if hasattr(get_origin(one) or one, "__struct_fields__"))
    return next(structs, None)
