"""Answers searches. The matches of each query are cached, and updated with what has changed since."""

from collections.abc import Iterable, Set
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ..people import Contact
from ..segments import SegmentMembers
from ..world import WorkspaceState
from .filters import AllOf, Filter, QueryContext, parse, segment_ids
from .matches import MatchRange, SortedMatches
from .requests import SearchRequest
from .timestamps import BY_SECOND, TimestampOperators, by_day_in
from .windows import ALL_CONTACTS, window

# Queries whose matches are cached. A sync searches one segment after the other, and few of the older ones again.
MOST_CACHED = 200

# Matches are selected from all sorted contacts if at least one contact in ten matches, and sorted otherwise.
MANY = 10


class Watermark(NamedTuple):
    """The state of all changes that matter to a query: how far the logs were read, and which contacts were unindexed.

    `segments` has the members of each segment that the query names, and how far their log of changes was read.
    """

    touched: int
    unindexed: frozenset[str]
    segments: tuple[tuple[SegmentMembers | None, int], ...]


class Searches:
    """Finds contacts. `cached` has the matches by query, and evaluates a query again only for changed contacts."""

    def __init__(self, workspace: WorkspaceState) -> None:
        self._workspace = workspace
        self.cached: dict[bytes, tuple[Watermark, SortedMatches]] = {}

    def matches(self, request: SearchRequest) -> MatchRange:
        """All contacts that match the request now.

        Raises:
            ApiError: Intercom would refuse the query.
        """
        timezone = self._workspace.timezone if request.version.by_day else None
        if request.query is None:
            return self._matches(None, request.field, timezone).whole()
        self._parsed(request.query, timezone)
        query, span = window(request.query, request.field, _operators(timezone))
        matches = self._matches(query, request.field, timezone)
        return matches.whole() if span is None else matches.between(span)

    def _matches(self, query: Any, field: str, timezone: str | None) -> SortedMatches:
        key = msgspec.json.encode([query, field, timezone])
        watermark = self._watermark(query)
        cached = self.cached.pop(key, None)
        changed = self._changed(cached[0], watermark) if cached else None
        if cached is None or changed is None:
            matches = self._found(query, field, timezone, watermark.unindexed)
        else:
            matches = cached[1]
            if changed:
                matches.update(self._evaluated(changed, self._filter(query, timezone), watermark.unindexed))
        self.cached[key] = (watermark, matches)
        if len(self.cached) > MOST_CACHED:
            del self.cached[next(iter(self.cached))]
        return matches

    def _watermark(self, query: Any) -> Watermark:
        """The state now. The list of all contacts is not a search, and has unindexed contacts, too."""
        touched = len(self._workspace.records.touched)
        unindexed = frozenset() if query is None else self._workspace.records.unindexed(self._workspace.now())
        segments = [self._segment(segment_id) for segment_id in sorted(segment_ids(query))]
        return Watermark(touched, unindexed, tuple((one, len(one.changed) if one else 0) for one in segments))

    def _changed(self, before: Watermark, now: Watermark) -> set[str] | None:
        """Ids of the contacts that may match now and did not before, or the reverse; None if any contact may."""
        changed = set(self._workspace.records.touched[before.touched : now.touched])
        changed |= before.unindexed ^ now.unindexed
        for (known, read), (members, length) in zip(before.segments, now.segments, strict=True):
            if members is not known:
                return None
            if members:
                changed.update(members.changed[read:length])
        return changed

    def _filter(self, query: Any, timezone: str | None) -> Filter:
        return AllOf(()) if query in (None, ALL_CONTACTS) else self._parsed(query, timezone)

    def _parsed(self, query: Any, timezone: str | None) -> Filter:
        """With a timezone, timestamps are compared by its days."""
        context = QueryContext(self._members, _operators(timezone), self._between, self._workspace.refuses)
        return parse(query, context)

    def _found(self, query: Any, field: str, timezone: str | None, unindexed: Set[str]) -> SortedMatches:
        ids = [contact_id for contact_id in self._ids(self._filter(query, timezone)) if contact_id not in unindexed]
        are_many = query is not None and len(ids) * MANY > len(self._workspace.contacts)
        return SortedMatches(field, self._workspace, ids, self._all_contacts(field) if are_many else None)

    def _ids(self, wanted: Filter) -> list[str]:
        """Ids of the contacts that match. A filter that names ids may add ids of contacts that do not exist."""
        contacts, candidates = self._workspace.contacts, wanted.candidates()
        # A copy, because another thread may change a served workspace.
        ids = list(contacts if candidates is None else candidates)
        if wanted.is_exact():
            return ids
        present = [contact for contact in map(contacts.get, ids) if contact]
        return [contact.id for contact in filter(wanted.matches, present)]

    def _evaluated(self, ids: Iterable[str], wanted: Filter, unindexed: Set[str]) -> dict[str, Contact | None]:
        """The contacts that match now by id, and None for the others."""
        contacts, matches = self._workspace.contacts, wanted.matches
        return {
            contact_id: contact
            if (contact := contacts.get(contact_id)) and contact_id not in unindexed and matches(contact)
            else None
            for contact_id in ids
        }

    def _all_contacts(self, field: str) -> SortedMatches:
        return self._matches(None, field, None)

    def _between(self, field: str, low: float, high: float) -> list[str]:
        return self._all_contacts(field).between((low, high)).ids()

    def _segment(self, segment_id: str) -> SegmentMembers | None:
        segment = self._workspace.segments.get(segment_id)
        return self._workspace.memberships.current(segment) if segment else None

    def _members(self, segment_id: str) -> Set[str]:
        segment = self._segment(segment_id)
        return segment.ids if segment else set()


def _operators(timezone: str | None) -> TimestampOperators:
    return by_day_in(ZoneInfo(timezone)) if timezone else BY_SECOND
