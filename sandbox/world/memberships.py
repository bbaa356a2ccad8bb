"""Which contact is, and was, in which segment."""

from collections.abc import Mapping
from datetime import datetime
from threading import Lock

from ..people import Contact
from ..segments import History, Segment, SegmentMembers
from .clock import Clock
from .contact_records import ContactRecords


class Memberships:
    """The members of all segments, now or at any time since the workspace started."""

    def __init__(self, contacts: ContactRecords, segments: History[Segment], clock: Clock) -> None:
        self._contacts = contacts
        self._segments = segments
        self._clock = clock
        self._current: dict[str, SegmentMembers] = {}
        # The server's thread reads a served workspace while another thread changes it.
        self._updating = Lock()

    def current(self, segment: Segment) -> SegmentMembers:
        """The segment's members now; the caller must not change them. A new rule starts them again."""
        now = self._clock.second()
        with self._updating:
            members = self._current.get(segment.id)
            if members is None or members.rule is not segment.rule:
                members = SegmentMembers(segment.rule, self._contacts.present, self._contacts.touched)
                members.fill(now)
                self._current[segment.id] = members
            members.update(now)
            return members

    def members(self, segment_id: str, at: datetime | None = None) -> set[str]:
        """Ids of the contacts in a segment, now or at that time; empty for an unknown segment."""
        if at is not None:
            segment = self._segments.at(at).get(segment_id)
            return _members_at(segment, self._contacts.at(at), at) if segment else set()
        segment = self._segments.present.get(segment_id)
        return set(self.current(segment).ids) if segment else set()

    def pairs(self, at: datetime | None = None) -> set[tuple[str, str]]:
        """All pairs of segment id and contact id, now or at that time."""
        if at is None:
            segment_ids = list(self._segments.present)
            return {(segment_id, contact_id) for segment_id in segment_ids for contact_id in self.members(segment_id)}
        contacts, segments = self._contacts.at(at), self._segments.at(at)
        return {
            (segment_id, contact_id)
            for segment_id, segment in segments.items()
            for contact_id in _members_at(segment, contacts, at)
        }

    def searchable_pairs(self, at: datetime | None = None) -> set[tuple[str, str]]:
        """The pairs whose contact search finds."""
        hidden = self._contacts.unindexed(at or self._clock.now())
        return {pair for pair in self.pairs(at) if pair[1] not in hidden}


def _members_at(segment: Segment, contacts: Mapping[str, Contact], at: datetime) -> set[str]:
    second = int(at.timestamp())
    return {contact.id for contact in contacts.values() if segment.rule.holds(contact, second)}
