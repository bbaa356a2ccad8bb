"""Moments on the command line: 2026-01-31, 2026-01-31T15:30, 2026-01-31T15:30+01:00."""

from datetime import UTC, datetime

import typer

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
