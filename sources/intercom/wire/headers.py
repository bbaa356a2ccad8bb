"""Values of headers. One that cannot be read counts as absent: proxies join, cut and rewrite headers."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_WHOLE_NUMBER = re.compile(r"\s*-?[0-9]{1,15}\s*", re.ASCII)
"""Python's `int` also reads `1_000`, and `isdigit` accepts `²`."""


def whole_number(headers: Mapping[str, str], name: str) -> int | None:
    """A header's number of up to 15 digits; null where it is absent or anything else."""
    sent = headers.get(name, "")
    return int(sent) if _WHOLE_NUMBER.fullmatch(sent) else None


def date(headers: Mapping[str, str]) -> float | None:
    """The `Date` in epoch seconds; null where it is absent or not a date."""
    try:
        sent = parsedate_to_datetime(headers["date"])
        return (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).timestamp()
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):
        return None
