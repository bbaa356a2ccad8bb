"""Durations and times on the command line: 90s, 10m, 26h, 7d, 2w; 2026-01-31, 2026-01-31T15:30+01:00."""

import re
from datetime import UTC, datetime, timedelta

import typer

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
MOST_DAYS = 36_525


def duration(text: str) -> timedelta:
    """A length of time from a number and a unit: seconds, minutes, hours, days or weeks.

    Raises:
        typer.BadParameter: it is none, or longer than a century.
    """
    written = re.fullmatch(r"(\d{1,8})([smhdw])", text.strip())
    length = timedelta(**{UNITS[written[2]]: int(written[1])}) if written else None
    if length is None or length > timedelta(days=MOST_DAYS):
        raise typer.BadParameter(f"{text!r} is no length of time: write 90s, 10m, 26h, 7d or 2w.")
    return length


EARLIEST_YEAR = 1900
"""Whoever means an earlier one has mistyped it; calendars of other timezones need some room before it, too."""


def moment(text: str) -> datetime:
    """A date, which is its first moment, or a date and time, in ISO 8601; in UTC where it tells no timezone.

    Raises:
        typer.BadParameter: it is none, or before 1900.
    """
    try:
        told = datetime.fromisoformat(text.strip())
        found = told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        found = None
    if found is None or found.year < EARLIEST_YEAR:
        raise typer.BadParameter(f"{text!r} is no date: write 2026-01-31, 2026-01-31T15:30 or 2026-01-31T15:30+01:00.")
    return found
