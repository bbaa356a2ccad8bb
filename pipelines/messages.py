"""What messages are made of: events, times and durations."""

from datetime import UTC, datetime
from typing import Any, Self

import pendulum


class Event(str):
    """The message of an event, for people, with a name and metrics for programs. Null metrics are left out.

    A logger takes it as its message: `logger.info(Event("Loading 7 rows", "load", rows=7))`.
    """

    name: str
    metrics: dict[str, Any]

    def __new__(cls, message: str, name: str, **metrics: Any) -> Self:
        event = super().__new__(cls, message)
        event.name = name
        event.metrics = {metric: value for metric, value in metrics.items() if value is not None}
        return event


class Step(Event):
    """The event that a step of a run starts."""


def utc_text(at: datetime, *, timespec: str = "seconds") -> str:
    """A time in UTC, such as 2026-03-02 09:30:00. `timespec` is that of `datetime.isoformat`."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", timespec)


def duration_text(seconds: float) -> str:
    """A duration such as 1 day 2 hours, rounded to seconds, and at least one second."""
    return pendulum.duration(seconds=max(1, round(seconds))).in_words()
