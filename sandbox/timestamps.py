"""How search compares timestamps: to the second, or by calendar day. An operator not listed is not supported."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache, partial
from typing import NamedTuple

from sandbox.comparisons import EQUALITY, ORDER, Comparison
from sandbox.rules import DAY_SECONDS

# The standard timestamps in Preview and 2.17.
TO_THE_SECOND: Mapping[str, Comparison] = {**EQUALITY, **ORDER}

# What Python's calendar holds in every timezone; a moment beyond is taken for the last or first day of it.
FIRST_SECOND, LAST_SECOND = (int(datetime(year, 1, 2, tzinfo=UTC).timestamp()) for year in (1, 9999))

# No second lies further than that from another one of its day.
MOST_BESIDE = 2 * DAY_SECONDS


def by_day(timezone: tzinfo) -> Mapping[str, Comparison]:
    """The wanted second stands for its day in `timezone`: `>` begins with the day after, `=` is a whole day."""
    return {
        "=": partial(_on_the_day, timezone),
        ">": partial(_beside_the_day, timezone, _is_after),
        "<": partial(_beside_the_day, timezone, _is_before),
    }


def reach(sign: str, wanted: int | None) -> tuple[float, float] | None:
    """Outside of which seconds no timestamp compares so, by the second or by any timezone's day; None for any may."""
    if wanted is None:
        return None
    first, last = min(wanted, LAST_SECOND), max(wanted, FIRST_SECOND)
    if sign == "=":
        return first - MOST_BESIDE, last + MOST_BESIDE
    if sign in (">", ">="):
        return first, math.inf
    return (-math.inf, last) if sign in ("<", "<=") else None


class Dates(NamedTuple):
    """The operators that a version has for timestamps: the standard ones, and those in custom attributes."""

    standard: Mapping[str, Comparison]
    custom: Mapping[str, Comparison]


def in_days_of(timezone: tzinfo) -> Dates:
    """Up to 2.16: everything by the workspace's day."""
    return Dates(by_day(timezone), by_day(timezone))


def _on_the_day(timezone: tzinfo, value: object, wanted: int | None) -> bool:
    if value is None or wanted is None:
        return value is wanted
    start, end = _day(wanted, timezone)
    return isinstance(value, int | float) and start <= value < end


def _beside_the_day(
    timezone: tzinfo, lies: Callable[[float, tuple[int, int]], bool], value: object, wanted: int
) -> bool:
    return isinstance(value, int | float) and lies(value, _day(wanted, timezone))


def _is_after(second: float, day: tuple[int, int]) -> bool:
    return second >= day[1]


def _is_before(second: float, day: tuple[int, int]) -> bool:
    return second < day[0]


@lru_cache(maxsize=1024)
def _day(second: int, timezone: tzinfo) -> tuple[int, int]:
    """The first seconds of the day that `second` lies on, and of the day after: 23 or 25 hours, where clocks change."""
    noted = datetime.fromtimestamp(min(max(second, FIRST_SECOND), LAST_SECOND), timezone)
    midnight = noted.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return int(midnight.timestamp()), int((midnight + timedelta(days=1)).timestamp())


# From 2.17 on, whatever the workspace's timezone.
EXACT = Dates(TO_THE_SECOND, by_day(UTC))
