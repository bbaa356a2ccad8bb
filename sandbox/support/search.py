"""Search for conversations and tickets: a query, evaluated for each record."""

from collections.abc import Callable, Iterable
from typing import Any

from ..people import Json

TIMES = ("created_at", "updated_at")
PLAIN = ("id", "open", "read", "state", "priority", "admin_assignee_id", "team_assignee_id")
MOST_LEVELS = 2

Day = Callable[[int], tuple[int, int]]
"""The first second of the day of a second, and of the next day, where search compares days."""


class BadQuery(ValueError):
    """A query that Intercom refuses."""


def found(records: Iterable[Json], query: Any, day: Day | None) -> list[Json]:
    """The records that match."""
    check(query)
    return [one for one in records if _matches(one, query, day)]


def check(query: Any, level: int = 0) -> None:
    """Raises BadQuery for a query that nests too deeply, or that has another form or field."""
    if not isinstance(query, dict) or level > MOST_LEVELS:
        raise BadQuery("query is not an object, or nests too deeply")
    if query.get("operator") in ("AND", "OR"):
        if not isinstance(query.get("value"), list) or not query["value"]:
            raise BadQuery("value is not a list of filters")
        for one in query["value"]:
            check(one, level + 1)
        return
    if query.get("field") not in (*TIMES, *PLAIN):
        raise BadQuery(f"{query.get('field')} is not a valid search field")
    allowed = (">", "<", "=") if query["field"] in TIMES else ("=", "!=", "IN")
    if query.get("operator") not in allowed:
        raise BadQuery(f"{query.get('operator')} is not a valid operator")


def _matches(record: Json, query: Json, day: Day | None) -> bool:
    if query["operator"] in ("AND", "OR"):
        inner = (_matches(record, one, day) for one in query["value"])
        return all(inner) if query["operator"] == "AND" else any(inner)
    value, wanted, operator = record[query["field"]], query["value"], query["operator"]
    if query["field"] in TIMES:
        return _compares(value, operator, int(wanted), day)
    if operator == "IN":
        return value in wanted
    return bool((value == wanted) == (operator == "="))


def _compares(value: int, operator: str, wanted: int, day: Day | None) -> bool:
    """`>` finds equal times too, as Intercom documents it. Days that are not over yet are no days after."""
    start, end = day(wanted) if day else (wanted, wanted)
    if operator == ">":
        return value >= end
    if operator == "<":
        return value < start if day else value <= start
    return start <= value < end if day else value == wanted
