"""Lengths of time on the command line: 90s, 10m, 26h, 7d, 2w."""

import re
from datetime import timedelta

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
