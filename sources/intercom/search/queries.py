"""The query language of contact search, and how it matches times."""

from collections.abc import Collection
from dataclasses import dataclass

import pendulum

from ..api import JSON, Version


def everyone() -> JSON:
    """All contacts; unlike `created_at > 0` it also finds those without a date and those before 1970."""
    return _either(_filter("role", "=", "user"), _filter("role", "=", "lead"))


def updated_after(second: int, version: Version, timezone: str) -> JSON:
    """Contacts whose latest update is later than an epoch second, and under the day rule others of that day, too."""
    return _after("updated_at", second, version, timezone)


def created_after(second: int, version: Version, timezone: str) -> JSON:
    """Contacts made later than an epoch second, by the same rule; none of those without a date."""
    return _after("created_at", second, version, timezone)


def _after(field_name: str, second: int, version: Version, timezone: str) -> JSON:
    """Under the day rule `>` skips the rest of the day in the workspace's timezone that its value lies in.

    So what is asked for there is later than noon of the day before: noon stays on its day whatever daylight saving
    does.
    """
    if version.exact_times:
        return _filter(field_name, ">", second)
    day = pendulum.from_timestamp(second).in_timezone(zone(timezone)).start_of("day")
    return _filter(field_name, ">", day.subtract(days=1).set(hour=12).int_timestamp)


def zone(name: str) -> pendulum.Timezone:
    """A timezone by its name; UTC for one that nobody knows: the day that the cursor lies back makes up for it."""
    try:
        return pendulum.Timezone(name)
    except (KeyError, ValueError):
        return pendulum.UTC


def members_of(segment_id: str, *, among: JSON | None = None) -> JSON:
    """Contacts in a segment, or only those of them that answer to another query, too."""
    members = _filter("segment_id", "=", segment_id)
    return members if among is None else combined(members, among)


def named(ids: Collection[str], *, segment_id: str | None = None) -> JSON:
    """Contacts with one of the ids, or only those of them in a segment."""
    one_of: JSON = {"field": "id", "operator": "IN", "value": sorted(ids)}
    return one_of if segment_id is None else members_of(segment_id, among=one_of)


def combined(query: JSON, *filters: JSON) -> JSON:
    """Those who answer to a query and to the filters, nested no deeper than need be: Intercom allows two levels."""
    return all_of(*(query["value"] if query["operator"] == "AND" else [query]), *filters)


def all_of(*filters: JSON) -> JSON:
    """Contacts who answer to every filter."""
    return {"operator": "AND", "value": list(filters)}


def _filter(field_name: str, operator: str, value: str | int) -> JSON:
    return {"field": field_name, "operator": operator, "value": value}


def _either(*filters: JSON) -> JSON:
    return {"operator": "OR", "value": list(filters)}


@dataclass(eq=False)
class Window:
    """Contacts made from an epoch second on and before another one; null where it is open.

    `since` moves on while its pages are read: what it holds at any moment is still to be read.
    """

    since: int | None = None
    until: int | None = None


@dataclass(frozen=True)
class Dates:
    """How search matches times: by the second, or by the day of the workspace's timezone."""

    version: Version
    timezone: str

    def edge(self, second: int) -> int:
        """The last moment, not after the second, at which a window can begin or end."""
        if self.version.exact_times:
            return second
        return self._day(second).int_timestamp

    def edge_after(self, second: int) -> int:
        """The first such moment after the second."""
        if self.version.exact_times:
            return second + 1
        return self._day(second).add(days=1).int_timestamp

    def within(self, query: JSON, window: Window) -> JSON:
        """Those of a query who are in a window, and some of the days around it where Intercom counts other days.

        Under the day rule the bounds are noons: noon stays on its day in spite of daylight saving, and by a clock that
        is some hours off. Nobody is left out between two windows, whatever a day is: they share their noons.
        """
        bounds = self.bounds("created_at", window)
        return combined(query, *bounds) if bounds else query

    def bounds(self, field: str, window: Window) -> list[JSON]:
        """What search has to be asked, so that a time lies in a window; nothing for an end that is open."""
        bounds: list[JSON] = []
        if window.since is not None:
            after = window.since - 1 if self.version.exact_times else self._noon(window.since, -1)
            bounds.append({"field": field, "operator": ">", "value": after})
        if window.until is not None:
            before = window.until if self.version.exact_times else self._noon(window.until, 0)
            bounds.append({"field": field, "operator": "<", "value": before})
        return bounds

    def _day(self, second: int) -> pendulum.DateTime:
        return pendulum.from_timestamp(second).in_timezone(zone(self.timezone)).start_of("day")

    def _noon(self, second: int, days: int) -> int:
        return self._day(second).add(days=days).set(hour=12).int_timestamp
