"""How search compares timestamps: to the second, or by calendar day. An operator not listed is not supported."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache, partial
from typing import NamedTuple

from ..segments import EQUALITY, ORDER, Comparison

# From one second up to, but not including, another one.
Span = tuple[float, float]

# What Python's calendar holds in every timezone; a moment beyond is taken for the last or first day of it.
FIRST_SECOND, LAST_SECOND = (int(datetime(year, 1, 2, tzinfo=UTC).timestamp()) for year in (1, 9999))


class Dates(NamedTuple):
    """The operators that a version has for timestamps: the standard ones, and those in custom attributes.

    `span` answers which seconds compare so with a standard one; None if they do not lie side by side.
    """

    standard: Mapping[str, Comparison]
    custom: Mapping[str, Comparison]
    span: Callable[[str, int], Span | None]


def in_days_of(timezone: tzinfo) -> Dates:
    """Up to 2.16: everything by the workspace's day."""
    return Dates(by_day(timezone), by_day(timezone), partial(_days, timezone))


def by_day(timezone: tzinfo) -> Mapping[str, Comparison]:
    """The wanted second stands for its day in `timezone`: `>` begins with the day after, `=` is a whole day."""
    return {sign: partial(_compares_by_day, timezone, sign) for sign in ("=", ">", "<")}


def _compares_by_day(timezone: tzinfo, sign: str, value: object, wanted: int | None) -> bool:
    if value is None or wanted is None:
        return sign == "=" and value is wanted
    low, high = _days(timezone, sign, wanted)
    return isinstance(value, int | float) and low <= value < high


@lru_cache(maxsize=1024)
def _days(timezone: tzinfo, sign: str, wanted: int) -> Span:
    start, end = _day(wanted, timezone)
    spans: Mapping[str, Span] = {"=": (start, end), ">": (end, math.inf), "<": (-math.inf, start)}
    return spans[sign]


def _seconds(sign: str, wanted: int) -> Span | None:
    spans: Mapping[str, Span] = {
        "=": (wanted, wanted + 1),
        ">": (wanted + 1, math.inf),
        ">=": (wanted, math.inf),
        "<": (-math.inf, wanted),
        "<=": (-math.inf, wanted + 1),
    }
    return spans.get(sign)


def _day(second: int, timezone: tzinfo) -> tuple[int, int]:
    """The first seconds of the day that `second` lies on, and of the day after: 23 or 25 hours, where clocks change."""
    noted = datetime.fromtimestamp(min(max(second, FIRST_SECOND), LAST_SECOND), timezone)
    midnight = noted.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return int(midnight.timestamp()), int((midnight + timedelta(days=1)).timestamp())


# From 2.17 on, whatever the workspace's timezone.
EXACT = Dates({**EQUALITY, **ORDER}, by_day(UTC), _seconds)
