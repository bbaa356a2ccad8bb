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

from ...messages import utc_text

Pair = tuple[str, str]
"""A segment id and a contact id."""


@dataclass(frozen=True)
class Explanation:
    """Why the two sides differ although neither is wrong: `reason` is for programs, `words` are for people."""

    reason: str
    words: str


@dataclass(frozen=True)
class KnownSample:
    """The sample in the warehouse: its contacts, each with its loaded `updated_at`, and their memberships.

    Segments that the last sync excluded are not compared.
    """

    contacts_known: int
    contacts: dict[str, int | None]
    pairs: set[Pair]
    segments: dict[str, RememberedSegment]

    def comparable(self, pairs: Iterable[Pair]) -> set[Pair]:
        """The pairs of segments that the last sync did not exclude."""
        excluded = {key for key, segment in self.segments.items() if segment.status == "excluded"}
        return {pair for pair in pairs if pair[0] not in excluded}


def read_sample(tables: LoadedTables, *, sample: int, seed: int) -> KnownSample:
    contacts = tables.contacts()
    chosen = choose(contacts, sample, seed)
    if not chosen:
        return KnownSample(0, {}, set(), {})
    known = KnownSample(
        contacts_known=len(contacts),
        contacts=tables.loaded(chosen),
        pairs=tables.memberships(chosen),
        segments=tables.segments(),
    )
    return replace(known, pairs=known.comparable(known.pairs))


def choose(contact_ids: Iterable[str], size: int, seed: int) -> list[str]:
    """Random contacts. The same seed chooses the same ones; a new contact replaces one at most."""

    def rank(contact_id: str) -> bytes:
        return blake2b(f"{seed} {contact_id}".encode()).digest()

    return nsmallest(size, contact_ids, key=rank)


@dataclass(frozen=True)
class DifferenceExplainer:
    """Searches for explanations: one kind after the other, each only for the differences that are still unexplained.

    `agreeing` are pairs that both sides have. A search that finds one of them is evidence for the others it returns.
    """

    client: Intercom
    known: KnownSample
    agreeing: set[Pair]

    async def explain(self, differing: set[Pair]) -> dict[Pair, Explanation]:
        """The segment list comes first: one call may explain thousands of pairs."""
        explained: dict[Pair, Explanation] = {}
        for kind in (self._segments, self._contacts, self._search, self._sizes):
            if unexplained := differing - explained.keys():
                try:
                    explained |= await kind(unexplained)
                except* QueryRefused:  # a search without segment_id explains nothing
                    pass
        return explained

    async def _contacts(self, pairs: set[Pair]) -> dict[Pair, Explanation]:
        """Contacts that were removed or updated since they were loaded."""
        statuses = await each({contact_id for _, contact_id in pairs}, self.client.contact_status)
        reasons = {contact_id: self._contact(contact_id, status) for contact_id, status in statuses.items()}
        return {pair: reason for pair in pairs if (reason := reasons[pair[1]])}

    def _contact(self, contact_id: str, now: ContactStatus) -> Explanation | None:
        if now.status == "unknown":
            return None
        if now.status != "present":
            into = f" into {now.merged_into}" if now.merged_into else ""
            return Explanation("contact_gone", f"the contact was {now.status}{into} since the last sync")
        if (now.updated_at or 0) > (self.known.contacts[contact_id] or 0):
            at = _second(now.updated_at or 0)
            return Explanation("contact_updated", f"the contact was updated at {at}, after it was loaded")
        return None

    async def _segments(self, pairs: set[Pair]) -> dict[Pair, Explanation]:
        """Segments that were created, edited or deleted since the last sync, or that it could not read."""
        listed = {segment.id: segment.updated_at for segment in await self.client.segments()}
        segment_ids = {segment_id for segment_id, _ in pairs}
        exists = await each(segment_ids - listed.keys(), self.client.segment_exists)
        reasons = {one: self._segment(one, listed.get(one), exists.get(one)) for one in segment_ids}
        return {pair: reason for pair in pairs if (reason := reasons[pair[0]])}

    def _segment(self, segment_id: str, listed: int | None, exists: bool | None) -> Explanation | None:
        """`listed`: its `updated_at` in Intercom's list. `exists`: for a segment that is not in the list."""
        before = self.known.segments.get(segment_id)
        if exists is False:
            return Explanation("segment_deleted", "the segment was deleted since the last sync")
        if before is None:
            if listed is None:
                return None
            return Explanation("segment_made", "the segment was created since the last sync")
        if listed and listed != before.updated_at:
            at = _second(listed)
            return Explanation("segment_edited", f"the segment was edited at {at}, after it was read")
        if before.status == "incomplete" or before.swept is None:
            return Explanation("segment_unread", "the last sync did not read the segment completely, and reported that")
        return None

    async def _search(self, pairs: set[Pair]) -> dict[Pair, Explanation]:
        """Pairs for which Intercom's search agrees with the warehouse and contradicts the contact's segment list."""
        contacts = defaultdict[str, set[str]](set)
        for segment_id, contact_id in pairs:
            contacts[segment_id].add(contact_id)
        confirmed = await each(contacts, lambda segment_id: self._confirmed(segment_id, contacts[segment_id]))
        reason = Explanation(
            "search_agrees", "Intercom's search agrees with the warehouse, and contradicts the contact's segment list"
        )
        return {pair: reason for pair in pairs if pair[1] in confirmed[pair[0]]}

    async def _confirmed(self, segment_id: str, contact_ids: Collection[str]) -> set[str]:
        """Contacts for which search and warehouse agree about the segment."""
        control = min(members_in(self.agreeing, segment_id), default=None)
        answer = await look_up(self.client, contact_ids, control=control, group_id=segment_id)
        members = members_in(self.known.pairs, segment_id)
        absent = set(contact_ids) - members - answer.found if answer.is_evidence else set()
        if absent and control is None:  # absence from the segment counts only for contacts that search finds without it
            absent = (await look_up(self.client, absent, control=None)).found
        return answer.found & members | absent

    async def _sizes(self, pairs: set[Pair]) -> dict[Pair, Explanation]:
        """Segments whose size changed: members can change with time alone, and then no `updated_at` changes.

        This is the weakest kind, so it comes last: a size that changed for another reason can hide a wrong pair until
        the next sweep.
        """
        segment_ids = {segment_id for segment_id, _ in pairs} & self.known.segments.keys()
        totals = await each(segment_ids, lambda segment_id: count(self.client, members_of(segment_id)))
        reasons = {one: self._size(self.known.segments[one], total) for one, total in totals.items()}
        return {pair: reason for pair in pairs if (reason := reasons.get(pair[0]))}

    def _size(self, before: RememberedSegment, total: int) -> Explanation | None:
        if before.swept is None or total == before.members:
            return None
        return Explanation(
            "size_moved",
            f"the segment's size changed since the last scan at {utc_text(before.observed_at)} UTC: {before.members:,} "
            f"members then, {total:,} now; the next sweep records the change",
        )


def members_in(pairs: Iterable[Pair], segment_id: str) -> set[str]:
    return {contact_id for one, contact_id in pairs if one == segment_id}


def _second(epoch: int) -> str:
    return f"{utc_text(datetime.fromtimestamp(epoch, UTC))} UTC"
