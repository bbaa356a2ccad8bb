"""Operators that compare a value with a wanted one, by type. Unlisted operators are not supported for a type."""

import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

Comparison = Callable[[Any, Any], bool]


def _unless_null(compare: Comparison, value: Any, wanted: Any) -> bool:
    return value is not None and wanted is not None and compare(value, wanted)


def _numbers_only(compare: Comparison, value: Any, wanted: Any) -> bool:
    comparable = all(isinstance(side, int | float) and not isinstance(side, bool) for side in (value, wanted))
    return comparable and compare(value, wanted)


def _text_only(compare: Comparison, value: Any, wanted: str) -> bool:
    return isinstance(value, str) and compare(value, wanted)


def _not(compare: Comparison, value: Any, wanted: Any) -> bool:
    return not compare(value, wanted)


def _is_in(value: Any, wanted: frozenset[Any]) -> bool:
    return value in wanted


_INEQUALITIES: Mapping[str, Comparison] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_CONTAINS = partial(_text_only, operator.contains)

EQUALITY: Mapping[str, Comparison] = {"=": operator.eq, "!=": operator.ne}
ORDER: Mapping[str, Comparison] = {sign: partial(_unless_null, compare) for sign, compare in _INEQUALITIES.items()}
CHOICE: Mapping[str, Comparison] = {**EQUALITY, "IN": _is_in, "NIN": partial(_not, _is_in)}
TEXT: Mapping[str, Comparison] = {
    **CHOICE,
    "~": _CONTAINS,
    "!~": partial(_not, _CONTAINS),
    "^": partial(_text_only, str.startswith),
    "$": partial(_text_only, str.endswith),
}
NUMBER: Mapping[str, Comparison] = {**CHOICE, **ORDER}

# For custom attributes, whose values may have any type. A comparison of values that have no order is false.
ANY_TYPE: Mapping[str, Comparison] = {
    **TEXT,
    **{sign: partial(_numbers_only, compare) for sign, compare in _INEQUALITIES.items()},
}
