"""Searches cut by time: bounds of the timestamp that an answer is sorted by, taken out of the query."""

from functools import reduce
from typing import Any, NamedTuple

from .fields import TIMESTAMPS, integer
from .timestamps import Dates, Span

# What is left of a query that has bounds only. Nobody can ask it: Intercom refuses groups of none.
ANYBODY: dict[str, Any] = {"operator": "AND", "value": []}


class Window(NamedTuple):
    """What a query asks besides the timestamp, and the seconds between which it asks it; None for any or no second."""

    query: Any
    span: Span | None


def window(query: Any, field: str, dates: Dates) -> Window:
    """The bounds of a timestamp taken out of a query, which has to be one that search does not refuse."""
    if query["operator"] == "AND" and "field" not in query:
        parts = [window(part, field, dates) for part in query["value"]]
        asked = [part.query for part in parts if part.query is not ANYBODY]
        return Window(_all_of(asked), reduce(_overlap, (part.span for part in parts)))
    span = _span(query, field, dates)
    return Window(ANYBODY if span else query, span)


def _span(query: dict[str, Any], field: str, dates: Dates) -> Span | None:
    if field not in TIMESTAMPS or query.get("field") != field or query.get("value") is None:
        return None
    return dates.span(query["operator"], integer(query["value"]))


def _overlap(one: Span | None, other: Span | None) -> Span | None:
    if one is None or other is None:
        return one or other
    return max(one[0], other[0]), min(one[1], other[1])


def _all_of(asked: list[Any]) -> Any:
    """No group around a single query, so that it is the one that others ask without bounds."""
    if len(asked) == 1:
        return asked[0]
    return {"operator": "AND", "value": asked} if asked else ANYBODY
