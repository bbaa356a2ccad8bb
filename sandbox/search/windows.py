"""Time windows in queries: bounds on the timestamp by which an answer is sorted, separated from the query.

All windows of one search then share the cached matches of one query.
"""

from functools import reduce
from typing import Any, NamedTuple

from .fields import TIMESTAMPS, integer
from .timestamps import Span, TimestampOperators

# What is left of a query that consists of bounds. No client can send it: Intercom refuses empty groups.
ALL_CONTACTS: dict[str, Any] = {"operator": "AND", "value": []}


class Window(NamedTuple):
    """A query without its bounds, and their span of seconds; None without bounds."""

    query: Any
    span: Span | None


def window(query: Any, field: str, operators: TimestampOperators) -> Window:
    """Separates the bounds on a timestamp from a query, which must be valid."""
    if query["operator"] == "AND" and "field" not in query:
        parts = [window(part, field, operators) for part in query["value"]]
        rest = [part.query for part in parts if part.query is not ALL_CONTACTS]
        return Window(_all_of(rest), reduce(_overlap, (part.span for part in parts)))
    span = _span(query, field, operators)
    return Window(ALL_CONTACTS if span else query, span)


def _span(query: dict[str, Any], field: str, operators: TimestampOperators) -> Span | None:
    if field not in TIMESTAMPS or query.get("field") != field or query.get("value") is None:
        return None
    return operators.span(query["operator"], integer(query["value"]))


def _overlap(one: Span | None, other: Span | None) -> Span | None:
    if one is None or other is None:
        return one or other
    return max(one[0], other[0]), min(one[1], other[1])


def _all_of(queries: list[Any]) -> Any:
    """A single query stays without a group, so that it equals the same query without bounds."""
    if len(queries) == 1:
        return queries[0]
    return {"operator": "AND", "value": queries} if queries else ALL_CONTACTS
