"""Why the warehouse and Intercom differ on a membership."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from heapq import nsmallest

from sources.intercom.api import ContactStatus, Intercom, QueryRefused, each
from sources.intercom.memberships import RememberedSegment
from sources.intercom.readings import LoadedTables
from sources.intercom.search import count, look_up, members_of

Pair = tuple[str, str]
"""A segment's id and a contact's."""


@dataclass(frozen=True)
class Explanation:
    """Why two answers differ though neither is wrong: a `reason` that programs can compare, and the same in words."""

    reason: str
    words: str


@dataclass(frozen=True)
class Known:
    """What the warehouse says of the sample: its contacts, each with the loaded `updated_at`, and their memberships.

    But for those in segments that the last sync left out, which are not compared.
    """

    contacts_known: int
    contacts: dict[str, int | None]
    pairs: set[Pair]
    segments: dict[str, RememberedSegment]

    def comparable(self, pairs: Iterable[Pair]) -> set[Pair]:
        """Those in segments that the last sync did not leave out."""
        excluded = {key for key, segment in self.segments.items() if segment.status == "excluded"}
        return {pair for pair in pairs if pair[0] not in excluded}


def known(tables: LoadedTables, *, sample: int, seed: int) -> Known:
    """What the raw tables say of a sample of a workspace's contacts."""
    contacts = tables.contacts()
    drawn = draw(contacts, sample, seed)
    if not drawn:
        return Known(0, {}, set(), {})
    found = Known(
        contacts_known=len(contacts),
        contacts=tables.loaded(drawn),
        pairs=tables.memberships(drawn),
        segments=tables.segments(),
    )
    return replace(found, pairs=found.comparable(found.pairs))


def draw(contact_ids: Iterable[str], size: int, seed: int) -> list[str]:
    """Random contacts, for the same seed the same ones: those that came or went since change no other's chance."""

    def lot(contact_id: str) -> bytes:
        return blake2b(f"{seed} {contact_id}".encode()).digest()

    return nsmallest(size, contact_ids, key=lot)


@dataclass(frozen=True)
class DifferenceExplainer:
    """Looks for what explains a difference: one clue after the other, each asked only about what is still open.

    `agreeing` are pairs that both sides tell: they show that a question about their segment is answered at all.
    """

    client: Intercom
    known: Known
    agreeing: set[Pair]

    async def explain(self, differing: set[Pair]) -> dict[Pair, Explanation]:
        """The explanations there are. The segment list comes first: one call may explain thousands of pairs."""
        found: dict[Pair, Explanation] = {}
        for clue in (self._segments, self._contacts, self._search, self._sizes):
            if still_open := differing - found.keys():
                try:
                    found |= await clue(still_open)
                except* QueryRefused:  # a search that knows no segments can explain nothing
                    pass
        return found

    async def _contacts(self, pairs: set[Pair]) -> dict[Pair, Explanation]:
        """Contacts that went, or were updated, since they were loaded."""
        places = await each({contact_id for _, contact_id in pairs}, self.client.contact_status)
        explained = {contact_id: self._contact(contact_id, place) for contact_id, place in places.items()}
        return {pair: why for pair in pairs if (why := explained[pair[1]])}

    def _contact(self, contact_id: str, place: ContactStatus) -> Explanation | None:
        if place.status != "present":
            into = f" into {place.merged_into}" if place.merged_into else ""
            return Explanation("contact_gone", f"the contact was {place.status}{into} since the last sync")
        if (place.updated_at or 0) > (self.known.contacts[contact_id] or 0):
            at = moment(datetime.fromtimestamp(place.updated_at or 0, UTC))
            return Explanation("contact_updated", f"the contact was updated at {at}, after it was loaded")
        return None

    async def _segments(self, pairs: set[Pair]) -> dict[Pair, Explanation]:
        """Segments that were made, edited or deleted since the last sync, or that it could not read."""
        listed = {segment.id: segment.updated_at for segment in await self.client.segments()}
        asked = {segment_id for segment_id, _ in pairs}
        exists = await each(asked - listed.keys(), self.client.segment_exists)
        explained = {one: self._segment(one, listed.get(one), exists.get(one)) for one in asked}
        return {pair: why for pair in pairs if (why := explained[pair[0]])}

    def _segment(self, segment_id: str, listed: int | None, exists: bool | None) -> Explanation | None:
        """`listed` is the version in Intercom's list; `exists` what Intercom says of a segment that is not in it."""
        before = self.known.segments.get(segment_id)
        if exists is False:
            return Explanation("segment_deleted", "the segment was deleted since the last sync")
        if before is None:
            return (
                Explanation("segment_made", "the segment was made since the last sync") if listed is not None else None
            )
        if listed is not None and listed != before.updated_at:
            at = moment(datetime.fromtimestamp(listed, UTC))
            return Explanation("segment_edited", f"the segment was edited at {at}, after it was read")
        if before.status == "incomplete" or before.swept is None:
            return Explanation("segment_unread", "the last sync could not read the segment completely, and said so")
        return None

    async def _search(self, pairs: set[Pair]) -> dict[Pair, Explanation]:
        """Where Intercom's search says what the warehouse says, and so contradicts Intercom's own list."""
        asked = defaultdict[str, set[str]](set)
        for segment_id, contact_id in pairs:
            asked[segment_id].add(contact_id)
        confirmed = await each(asked, lambda segment_id: self._confirmed(segment_id, asked[segment_id]))
        why = Explanation(
            "search_agrees", "Intercom's search agrees with the warehouse: Intercom's own two answers differ"
        )
        return {pair: why for pair in pairs if pair[1] in confirmed[pair[0]]}

    async def _confirmed(self, segment_id: str, contact_ids: Collection[str]) -> set[str]:
        """Contacts of whom search says what the warehouse says about the segment."""
        control = min(members_in(self.agreeing, segment_id), default=None)
        answer = await look_up(self.client, contact_ids, control=control, segment_id=segment_id)
        members = members_in(self.known.pairs, segment_id)
        absent = set(contact_ids) - members - answer.found if answer.is_evidence else set()
        if absent and control is None:  # then only those are missed whom search finds elsewhere
            absent = (await look_up(self.client, absent, control=None)).found
        return answer.found & members | absent

    async def _sizes(self, pairs: set[Pair]) -> dict[Pair, Explanation]:
        """Segments whose size moved, as by time alone, which no `updated_at` tells of: the weakest clue, so the last.

        New contacts move it, too, so one pair that is wrong may hide behind them until the next sweep.
        """
        asked = {segment_id for segment_id, _ in pairs} & self.known.segments.keys()
        totals = await each(asked, lambda segment_id: count(self.client, members_of(segment_id)))
        explained = {one: self._size(self.known.segments[one], total) for one, total in totals.items()}
        return {pair: why for pair in pairs if (why := explained.get(pair[0]))}

    def _size(self, before: RememberedSegment, total: int) -> Explanation | None:
        if before.swept is None or total == before.members:
            return None
        return Explanation(
            "size_moved",
            f"people came or went since the last look at {moment(before.observed_at)}: {before.members:,} "
            f"members then, {total:,} now; the next sweep takes them in",
        )


def members_in(pairs: Iterable[Pair], segment_id: str) -> set[str]:
    """The contacts that some pairs tell of a segment."""
    return {contact_id for one, contact_id in pairs if one == segment_id}


def moment(at: datetime) -> str:
    """A moment in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
