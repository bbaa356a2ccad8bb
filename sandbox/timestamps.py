"""How search compares timestamps: to the second, or by calendar day. An operator not listed is not supported."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import partial

from sandbox.comparisons import EQUALITY, ORDER, Comparison

# The standard timestamps in Preview and 2.17.
TO_THE_SECOND: Mapping[str, Comparison] = {**EQUALITY, **ORDER}


def by_day(timezone: tzinfo) -> Mapping[str, Comparison]:
    """Both sides cut to the day they lie on in `timezone`: `>` begins with the day after, `=` is a whole day."""
    return {sign: partial(_compare_days, timezone, TO_THE_SECOND[sign]) for sign in ("=", ">", "<")}


def _compare_days(timezone: tzinfo, compare: Comparison, value: int | None, wanted: int | None) -> bool:
    return compare(_day(value, timezone), _day(wanted, timezone))


def _day(second: int | None, timezone: tzinfo) -> int | None:
    return None if second is None else datetime.fromtimestamp(second, timezone).toordinal()


# Date custom attributes, whatever the version and the workspace's timezone.
BY_UTC_DAY = by_day(UTC)
