"""How search compares timestamps: by second or by calendar day. Unlisted operators are not supported."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache, partial
from typing import NamedTuple

from ..segments import EQUALITY, ORDER, Comparison

# From one second up to, but not including, another.
Span = tuple[float, float]

# The limits of Python's calendar in every timezone; times beyond them count as the first or last day.
FIRST_SECOND, LAST_SECOND = (int(datetime(year, 1, 2, tzinfo=UTC).timestamp()) for year in (1, 9999))


class TimestampOperators(NamedTuple):
    """A version's operators for standard timestamps, and for timestamps in custom attributes.

    `span` returns the seconds that an operator for standard timestamps matches; None if they are not contiguous.
    """

    standard: Mapping[str, Comparison]
    custom: Mapping[str, Comparison]
    span: Callable[[str, int], Span | None]


def by_day_in(timezone: tzinfo) -> TimestampOperators:
    """Up to 2.16: all timestamps by the workspace's day."""
    return TimestampOperators(_day_operators(timezone), _day_operators(timezone), partial(_days, timezone))


def _day_operators(timezone: tzinfo) -> Mapping[str, Comparison]:
    """The wanted second stands for its whole day: `=` matches that day, `>` starts with the next day."""
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
    """The first second of the day of `second`, and of the next day: 23 or 25 hours apart when clocks change."""
    local = datetime.fromtimestamp(min(max(second, FIRST_SECOND), LAST_SECOND), timezone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return int(midnight.timestamp()), int((midnight + timedelta(days=1)).timestamp())


# From 2.17 on. Custom attributes are still compared by day, always in UTC.
BY_SECOND = TimestampOperators({**EQUALITY, **ORDER}, _day_operators(UTC), _seconds)
