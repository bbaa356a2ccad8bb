"""An Intercom workspace in memory: contacts, segments as rules, a clock, and the truth about every past moment."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Any

from ..people import (
    DAY_SECONDS,
    Contact,
    EventType,
    Feed,
    Form,
    Removal,
    Reshape,
    Way,
    changes,
    forms,
    made_up_contact,
    population,
)
from ..segments import History, Index, Memberships, Outline, Roll, Rule, Segment, outlines, sparse_outlines
from .clock import Clock
from .collection import kept_from_collection
from .faults import Faults, Following
from .life import live
from .versions import Version

# Opens a workspace that nobody gave a token of its own.
BEARER = "sandbox-token"

# From so many contacts on the collector of garbage is kept away from them: see `kept_from_collection`.
LARGE = 20_000

# Of so many contacts the memberships are counted to choose segments by.
SAMPLE = 2000

# How far Intercom follows a merged contact to the one it is now.
MOST_MERGES = 3


class Workspace:
    """Made-up contacts in made-up segments, the same ones (and the same ids) for the same `seed`.

    `start` is where the clock begins; from there it runs as `monotonic` does, real seconds unless told
    otherwise. Only changes of a contact move its `updated_at`; time passing moves members, nothing else.
    `index_lag` is for how many seconds search does not find a contact that has just been made.

    `memberships` is about how many segments a contact is in on average, at most: those that would make it more are
    left out, and smaller ones are there in their place.

    `refuses` may be filled with what search is to refuse: a field (`segment_id`), or a field with an operator
    (`id IN`). `told_count` answers the count that is told of a segment with so many members; None is told as null.
    """

    def __init__(
        self,
        *,
        contacts: int = 5000,
        segments: int = 25,
        memberships: float | None = None,
        seed: int = 0,
        workspace_id: str = "sandbox",
        region: str = "US",
        timezone: str = "America/Los_Angeles",
        start: datetime | None = None,
        token: str = BEARER,
        index_lag: float = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workspace_id = workspace_id
        self.region = region
        self.timezone = timezone
        self.token = token
        self.calls: Counter[str] = Counter()
        self.refused = 0
        self.faults = Faults()
        self.odd_pages_next: Following = "absent"
        self.refuses: set[str] = set()
        self.told_count: Callable[[int], int | None] = _true_count
        self.feed = Feed()
        self._clock = Clock(start, monotonic=monotonic)
        self._random = Random(seed)
        self._contacts: History[Contact] = History()
        self._segments: History[Segment] = History()
        self._memberships = Memberships(self._contacts.present)
        self._index = Index(timedelta(seconds=index_lag))
        self._removals: dict[str, Removal] = {}
        self._reshapes: tuple[Reshape, ...] = ()
        self._forms = forms()
        with kept_from_collection() if contacts >= LARGE else nullcontext():
            self._settle(contacts)
            self._found_segments(segments, memberships)

    @property
    def contacts(self) -> Mapping[str, Contact]:
        """The contacts that are there now, by id."""
        return MappingProxyType(self._contacts.present)

    @property
    def segments(self) -> Mapping[str, Segment]:
        """The segments that are there now, by id, in the order they were made."""
        return MappingProxyType(self._segments.present)

    @property
    def removals(self) -> Mapping[str, Removal]:
        """How the contacts went that are not there any more, by id, in the order in which they went."""
        return MappingProxyType(self._removals)

    @property
    def touched(self) -> Sequence[str]:
        """Ids of contacts in the order in which they were made, changed or removed; it only grows."""
        return self._memberships.touched

    def versions(self, contact_id: str) -> list[Contact]:
        """Everything that a contact has been, the oldest first; none of a contact that nobody knows."""
        return self._contacts.versions(contact_id)

    def now(self) -> datetime:
        """The present on the workspace's clock, in UTC."""
        return self._clock.now()

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Moves the clock and nothing else: whoever enters or leaves a segment by it does so by age alone."""
        self._clock.advance(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))

    def live(self, *, days: float = 1, churn: float = 0.01, silent: float = 0.1) -> None:
        """Lets `days` pass with changes spread over them, a share `churn` of the contacts being changed a day.

        `silent` is the share of people seen again whose updated_at stays where it was.
        """
        live(self, self._random, days=days, churn=churn, silent=silent)

    def members(self, segment_id: str, at: datetime | None = None) -> set[str]:
        """Ids of the contacts in a segment, now or `at` a moment since the workspace began; empty if unknown."""
        if at is not None:
            return self._members_at(self._segments.at(at).get(segment_id), self._contacts.at(at), at)
        segment = self.segments.get(segment_id)
        return set(self.roll(segment).members) if segment else set()

    def pairs(self, at: datetime | None = None) -> set[tuple[str, str]]:
        """Every (segment_id, contact_id), now or `at` a moment since the workspace began."""
        if at is None:
            return {(segment, contact) for segment in list(self.segments) for contact in self.members(segment)}
        contacts, segments = self._contacts.at(at), self._segments.at(at)
        return {
            (segment_id, contact)
            for segment_id, segment in segments.items()
            for contact in self._members_at(segment, contacts, at)
        }

    def searchable_pairs(self, at: datetime | None = None) -> set[tuple[str, str]]:
        """Those of the pairs that search can show, now or `at` a moment: all, unless there is an `index_lag`."""
        hidden = self.unindexed(at)
        return {pair for pair in self.pairs(at) if pair[1] not in hidden}

    def unindexed(self, at: datetime | None = None) -> frozenset[str]:
        """Ids of the contacts that search does not find yet, now or `at` a moment."""
        return self._index.missing(at or self.now())

    def roll(self, segment: Segment) -> Roll:
        """Who is in the segment now, not to be changed by the caller."""
        return self._memberships.roll(segment.id, segment.rule, self._clock.second())

    def sign_up(self, *, role: str = "user", **attributes: Any) -> str:
        """A new contact, made up except for `attributes`, without tags; answers its id."""
        contact_id = attributes.pop("id", None) or self._new_id()
        second = self._clock.second()
        contact = made_up_contact(
            self._random,
            contact_id,
            workspace_id=self.workspace_id,
            role=role,
            created_at=second,
            now=second,
        )
        self._index.add(contact_id, self.now())
        self._record(contact_id, contact.updated(attributes))
        self._tell("contact.created", contact_id)
        return contact_id

    def update(self, contact_id: str, **attributes: Any) -> None:
        """Changes attributes and `updated_at`; `custom_attributes` and `location` only as far as given."""
        changed = {"updated_at": self._clock.second(), **attributes}
        self._record(contact_id, self.contacts[contact_id].updated(changed))

    def see(self, contact_id: str) -> None:
        """A visit that moves `last_seen_at` alone: Intercom does not say that it moves `updated_at`."""
        self._record(contact_id, self.contacts[contact_id].updated({"last_seen_at": self._clock.second()}))

    def delete(self, contact_id: str) -> None:
        """Deletes for good: only the list of contacts that are not active, and the feed, tell of the contact."""
        self._tell("contact.deleted", contact_id)
        self._remove(contact_id, "deleted")

    def archive(self, contact_id: str) -> None:
        """Takes the contact out of lists, searches and segments until it is unarchived; it is still told by its id."""
        self._remove(contact_id, "archived")

    def unarchive(self, contact_id: str) -> None:
        """Brings an archived contact back as it was, with `updated_at` moved."""
        removal = self._removals[contact_id]
        if removal.way != "archived":
            raise KeyError(contact_id)
        self._record(contact_id, removal.contact.updated({"updated_at": self._clock.second()}))

    def block(self, contact_id: str) -> None:
        """Takes the contact out of lists, searches and segments; the API has no way back."""
        self._remove(contact_id, "blocked")

    def merge(self, lead_id: str, user_id: str) -> None:
        """Makes one contact of two: the first is gone, the second has its `updated_at` moved and else stays as it is.

        Intercom merges only leads into users. That is not checked here, so that merges can follow one another.
        """
        if lead_id == user_id:
            raise ValueError("a contact is not merged into itself")
        self.update(user_id)
        self._remove(lead_id, "merged", merged_into=user_id)
        self._tell("contact.merged", user_id, merge_source=lead_id)

    def survivor(self, contact_id: str) -> str | None:
        """Whom a merged contact has become, three merges on at most; None if it was not merged, or into nobody."""
        for _ in range(MOST_MERGES):
            removal = self._removals.get(contact_id)
            if removal is None or removal.merged_into is None:
                return None
            contact_id = removal.merged_into
            if contact_id in self.contacts:
                return contact_id
        return None

    def reshape(
        self,
        *,
        add: Mapping[str, Any] | None = None,
        remove: Iterable[str] = (),
        retype: Mapping[str, Callable[[Any], Any]] | None = None,
        null: Iterable[str] = (),
        only_updated: bool = False,
    ) -> None:
        """From now on contacts are sent with other fields, after any reshape before; what is true of them stays.

        Fields are named as in search (`custom_attributes.plan`) and added, retyped, nulled and removed in this
        order; `retype` is given no null. With `only_updated` only in contacts whose `updated_at` is moved from now on.
        """
        spared = {contact.id: contact.edition for contact in self.contacts.values()} if only_updated else {}
        self._reshapes += (Reshape(changes(add or {}, retype or {}, null, remove), spared),)
        self._forms = forms(self._reshapes)

    def form(self, version: Version) -> Form:
        """How contacts are sent to whoever asks in that version."""
        return self._forms[version.owner_id]

    def tag(self, contact_id: str, name: str) -> None:
        """Adds a tag, which moves `updated_at`."""
        contact = self.contacts[contact_id]
        self._record(contact_id, contact.tagged(contact.tags | {name}, updated_at=self._clock.second()))

    def untag(self, contact_id: str, name: str) -> None:
        """Takes a tag away, which moves `updated_at`."""
        contact = self.contacts[contact_id]
        self._record(contact_id, contact.tagged(contact.tags - {name}, updated_at=self._clock.second()))

    def make_segment(self, name: str, rule: Rule, person_type: str = "user") -> str:
        """A new segment; answers its id."""
        return self._found_segment(Outline(name, rule, person_type), self._clock.second())

    def rename_segment(self, segment_id: str, name: str) -> None:
        """Changes the name and `updated_at`; the members stay."""
        self._redefine(segment_id, name=name)

    def edit_segment(self, segment_id: str, rule: Rule) -> None:
        """Changes the rule and `updated_at`, and so the members, all at once."""
        self._redefine(segment_id, rule=rule)

    def delete_segment(self, segment_id: str) -> None:
        """Deletes without a trace, as Intercom does."""
        if segment_id not in self.segments:
            raise KeyError(segment_id)
        self._segments.record(segment_id, None, self.now())

    def _settle(self, contacts: int) -> None:
        ids = [self._new_id() for _ in range(contacts)]
        moment = self.now()
        for contact in population(self._random, ids, workspace_id=self.workspace_id, now=self._clock.second()):
            self._contacts.record(contact.id, contact, moment)
            self._memberships.touch(contact.id)

    def _found_segments(self, how_many: int, memberships: float | None) -> None:
        people = list(self.contacts.values())
        sample, now = people[:: len(people) // SAMPLE + 1], self._clock.second()
        mix = outlines(how_many) if memberships is None else sparse_outlines(how_many, memberships, sample, now)
        for age, outline in enumerate(mix, start=1):
            self._found_segment(outline, self._clock.second() - age * 13 * DAY_SECONDS)

    def _found_segment(self, outline: Outline, created_at: int) -> str:
        name, rule, person_type = outline.name, outline.rule, outline.person_type
        segment = Segment(self._new_id(), name, person_type, created_at, created_at, rule)
        self._segments.record(segment.id, segment, self.now())
        return segment.id

    def _new_id(self) -> str:
        return f"{self._random.getrandbits(96):024x}"

    def _remove(self, contact_id: str, way: Way, *, merged_into: str | None = None) -> None:
        removal = Removal(self.contacts[contact_id], way, self._clock.second(), merged_into)
        self._removals[contact_id] = removal  # first, since whoever asks by the id finds it in one of the two
        self._record(contact_id, None)

    def _tell(self, event_type: EventType, contact_id: str, *, merge_source: str | None = None) -> None:
        self.feed.add(event_type, self.contacts[contact_id], self.now(), merge_source=merge_source)

    def _record(self, contact_id: str, contact: Contact | None) -> None:
        self._contacts.record(contact_id, contact, self.now())
        if contact:
            self._removals.pop(contact_id, None)
        self._memberships.touch(contact_id)

    def _redefine(self, segment_id: str, **changes: Any) -> None:
        segment = replace(self.segments[segment_id], updated_at=self._clock.second(), **changes)
        self._segments.record(segment_id, segment, self.now())

    def _members_at(self, segment: Segment | None, contacts: Mapping[str, Contact], at: datetime) -> set[str]:
        second = int(at.timestamp())
        if segment is None:
            return set()
        return {contact.id for contact in contacts.values() if segment.rule.holds(contact, second)}


def _true_count(size: int) -> int:
    return size
