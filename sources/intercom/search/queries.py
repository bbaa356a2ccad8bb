"""The query language of contact search, and how it matches times."""

from collections.abc import Collection
from dataclasses import dataclass

import pendulum

from ..api import JSON, Version

SEGMENT, TAG = "segment_id", "tag_id"
"""Fields that find the members of a group of contacts."""


def everyone() -> JSON:
    """All contacts; unlike `created_at > 0` it also finds those without a date and those before 1970."""
    return {"operator": "OR", "value": [_filter("role", "=", "user"), _filter("role", "=", "lead")]}


def updated_after(second: int, version: Version, timezone: str) -> JSON:
    """Contacts updated later than an epoch second, and under the day rule others of that day."""
    return _filter("updated_at", ">", Dates(version, timezone).bound_after(second))


def members_of(group_id: str, *, among: JSON | None = None, field: str = SEGMENT) -> JSON:
    """Contacts in a segment, or with a tag, or only those of them that match another query, too."""
    members = _filter(field, "=", group_id)
    return members if among is None else combined(members, among)


def with_ids(ids: Collection[str], *, group_id: str | None = None, field: str = SEGMENT) -> JSON:
    """Contacts with one of the ids, or only those of them in a segment, or with a tag."""
    one_of = _filter("id", "IN", sorted(ids))
    return one_of if group_id is None else members_of(group_id, among=one_of, field=field)


def combined(query: JSON, *filters: JSON) -> JSON:
    """Matches the query and all filters. It is nested as little as possible: Intercom allows two levels."""
    return all_of(*(query["value"] if query["operator"] == "AND" else [query]), *filters)


def all_of(*filters: JSON) -> JSON:
    """Contacts that match every filter."""
    return {"operator": "AND", "value": list(filters)}


def any_of(*filters: JSON) -> JSON:
    """Records that match one filter or more."""
    return {"operator": "OR", "value": list(filters)}


def is_after(field: str, second: int, dates: "Dates") -> JSON:
    """Records with a time later than an epoch second, and under the day rule others of that day."""
    return _filter(field, ">", dates.bound_after(second))


def is_equal(field: str, value: object) -> JSON:
    """Records whose field has that value."""
    return {"field": field, "operator": "=", "value": value}


def _filter(field: str, operator: str, value: str | int | list[str]) -> JSON:
    return {"field": field, "operator": operator, "value": value}


@dataclass(eq=False)
class Window:
    """Contacts created from an epoch second on and before another one; null where it is open.

    `since` moves forward while its pages are read: the window always holds what is still unread.
    """

    since: int | None = None
    until: int | None = None


@dataclass(frozen=True)
class Dates:
    """How search matches times: by the second, or by the day of the workspace's timezone (the day rule).

    Under the day rule neither `>` nor `<` finds times on the day of its value. The values sent are noons: noon stays on
    its day in spite of daylight saving, and by a clock that is some hours off.
    """

    version: Version
    timezone: str

    def edge(self, second: int) -> int:
        """The latest time, up to the second, at which a window can begin or end."""
        if self.version.exact_times:
            return second
        return self._day(second).int_timestamp

    def edge_after(self, second: int) -> int:
        """The earliest such time after the second."""
        if self.version.exact_times:
            return second + 1
        return self._day(second).add(days=1).int_timestamp

    def within(self, query: JSON, window: Window) -> JSON:
        """Matches of a query in a window, and under the day rule some of the days around it.

        No contact falls between two windows, even if Intercom counts days in another timezone: the bounds at which they
        meet are noons of consecutive days.
        """
        bounds = self.bounds("created_at", window)
        return combined(query, *bounds) if bounds else query

    def bounds(self, field: str, window: Window) -> list[JSON]:
        """Filters for a time in a window; none for an end that is open."""
        bounds: list[JSON] = []
        if window.since is not None:
            after = window.since - 1 if self.version.exact_times else self._noon(window.since, -1)
            bounds.append(_filter(field, ">", after))
        if window.until is not None:
            before = window.until if self.version.exact_times else self._noon(window.until, 0)
            bounds.append(_filter(field, "<", before))
        return bounds

    def bound_after(self, second: int) -> int:
        """The bound by which `>` finds all later times: under the day rule noon of the day before the second's."""
        return second if self.version.exact_times else self._noon(second, -1)

    def _day(self, second: int) -> pendulum.DateTime:
        return pendulum.from_timestamp(second).in_timezone(_zone(self.timezone)).start_of("day")

    def _noon(self, second: int, days: int) -> int:
        return self._day(second).add(days=days).set(hour=12).int_timestamp


def _zone(name: str) -> pendulum.Timezone:
    """A timezone by its name; UTC for an unknown one, since the day rule's overlap covers the difference."""
    try:
        return pendulum.Timezone(name)
    except (KeyError, ValueError):
        return pendulum.UTC
