"""An Intercom workspace in memory: generated contacts, segments as rules, a clock, and a complete history."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from ..lists import live_lists
from ..people import DAY_SECONDS, Contact, EventType, Removal, RemovalKind, generated_contact, population
from ..segments import Rule, Segment, SegmentTemplate, sparse_templates, templates
from ..support import live_support
from .clock import Clock
from .garbage_collection import excluded_from_garbage_collection
from .life import live
from .state import BEARER, WorkspaceState

# The number of contacts from which Python's garbage collection would cost much.
LARGE = 20_000

# The most contacts whose memberships are counted to choose segments.
SAMPLE = 2000


class Workspace(WorkspaceState):
    """A workspace with generated contacts and segments, and the changes that can happen in it.

    The same `seed` gives the same contacts and segments, with the same ids. Only a change of a contact moves its
    `updated_at`. Time alone moves members in and out of segments, and changes nothing else.

    Args:
        memberships: the most segments that a contact is in on average. Segments beyond it are replaced by smaller ones.
        timezone: of the days by which API versions up to 2.16 search.
        start: the time at which the clock starts, by default the real time; `monotonic` drives it from there.
        index_lag: seconds until search finds a new contact.
        companies, articles, conversations, tickets: how many of them the workspace has.
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
        companies: int = 60,
        articles: int = 40,
        conversations: int = 0,
        tickets: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            workspace_id=workspace_id,
            region=region,
            timezone=timezone,
            token=token,
            index_lag=index_lag,
            clock=Clock(start, monotonic=monotonic),
            list_sizes={"seed": seed, "companies": companies, "articles": articles},
            desk_sizes={"seed": seed, "conversations": conversations, "tickets": tickets},
        )
        self._random = Random(seed)
        with excluded_from_garbage_collection() if contacts >= LARGE else nullcontext():
            self._generate_contacts(contacts)
            self._generate_segments(segments, memberships)

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Moves the clock. Members change by age alone."""
        self._clock.advance(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))

    def live(self, *, days: float = 1, churn: float = 0.01, silent: float = 0.1) -> None:
        """Moves the clock by `days`, and changes a share `churn` of the contacts a day.

        `silent` is the share of visits that do not move `updated_at`.
        """
        live(self, self._random, days=days, churn=churn, silent=silent)

    def live_lists(self, changes: int) -> None:
        """Changes records of the lists beside contacts and segments, as many times."""
        live_lists(self.lists, self._random, self._clock.second(), changes)

    def live_support(self, changes: int) -> None:
        """Changes conversations and tickets, as many times. There has to be a conversation."""
        live_support(self.desk, self._random, self._clock.second(), changes)

    def sign_up(self, *, role: str = "user", **attributes: Any) -> str:
        """Creates a contact without tags, generated except for `attributes`; returns its id."""
        contact_id = attributes.pop("id", None) or self._new_id()
        now = self._clock.second()
        contact = generated_contact(
            self._random, contact_id, workspace_id=self.workspace_id, role=role, created_at=now, now=now
        )
        self.records.add(contact.updated(attributes), self.now())
        self._announce("contact.created", contact_id)
        return contact_id

    def update(self, contact_id: str, **attributes: Any) -> None:
        """Changes attributes and `updated_at`; merges `custom_attributes` and `location` with the old ones."""
        self._record(self.contacts[contact_id].updated({"updated_at": self._clock.second(), **attributes}))

    def see(self, contact_id: str) -> None:
        """A visit that moves only `last_seen_at`: Intercom does not document that it moves `updated_at`."""
        self._record(self.contacts[contact_id].updated({"last_seen_at": self._clock.second()}))

    def track(self, contact_id: str, name: str, *, ago: int = 0, **metadata: Any) -> None:
        """An event of a contact, which moves `updated_at` and `last_seen_at`. `ago`: seconds."""
        now = self._clock.second()
        self.events.add(self.contacts[contact_id], name, now - ago, metadata)
        self.update(contact_id, last_seen_at=now)

    def tag(self, contact_id: str, name: str) -> None:
        """Adds a tag, which moves `updated_at`."""
        self._set_tags(contact_id, self.contacts[contact_id].tags | {name})

    def untag(self, contact_id: str, name: str) -> None:
        """Removes a tag, which moves `updated_at`."""
        self._set_tags(contact_id, self.contacts[contact_id].tags - {name})

    def delete(self, contact_id: str) -> None:
        """Deletes a contact for good. Only the list of removed contacts and the feed still report it."""
        self._announce("contact.deleted", contact_id)
        self._remove(contact_id, "deleted")

    def archive(self, contact_id: str) -> None:
        """Removes a contact from lists, searches and segments until `unarchive`. It is still found by id."""
        self._remove(contact_id, "archived")

    def unarchive(self, contact_id: str) -> None:
        """Restores an archived contact, and moves its `updated_at`."""
        removal = self.records.removals[contact_id]
        if removal.kind != "archived":
            raise KeyError(contact_id)
        self._record(removal.contact.updated({"updated_at": self._clock.second()}))

    def block(self, contact_id: str) -> None:
        """Removes a contact from lists, searches and segments; the API cannot restore it."""
        self._remove(contact_id, "blocked")

    def merge(self, lead_id: str, user_id: str) -> None:
        """Merges the first contact into the second, of which only `updated_at` changes.

        Intercom merges only leads into users. The sandbox does not check that, so that merges can follow one another.
        """
        if lead_id == user_id:
            raise ValueError("a contact is not merged into itself")
        self.update(user_id)
        self._remove(lead_id, "merged", merged_into=user_id)
        self._announce("contact.merged", user_id, merge_source=lead_id)

    def make_segment(self, name: str, rule: Rule, person_type: str = "user") -> str:
        """Creates a segment; returns its id."""
        return self._add_segment(SegmentTemplate(name, rule, person_type), self._clock.second())

    def rename_segment(self, segment_id: str, name: str) -> None:
        """Changes the name and `updated_at`; the members stay."""
        self._change_segment(segment_id, name=name)

    def edit_segment(self, segment_id: str, rule: Rule) -> None:
        """Changes the rule and `updated_at`, and with them the members."""
        self._change_segment(segment_id, rule=rule)

    def delete_segment(self, segment_id: str) -> None:
        """Deletes a segment without a trace, as Intercom does."""
        if segment_id not in self.segments:
            raise KeyError(segment_id)
        self._segments.record(segment_id, None, self.now())

    def _generate_contacts(self, count: int) -> None:
        ids = [self._new_id() for _ in range(count)]
        now = self.now()
        for contact in population(self._random, ids, workspace_id=self.workspace_id, now=int(now.timestamp())):
            self.records.record(contact, now)

    def _generate_segments(self, count: int, memberships: float | None) -> None:
        now = self._clock.second()
        for age, template in enumerate(_initial_templates(self.contacts, count, memberships, now), start=1):
            self._add_segment(template, now - age * 13 * DAY_SECONDS)

    def _add_segment(self, template: SegmentTemplate, created_at: int) -> str:
        name, rule, person_type = template.name, template.rule, template.person_type
        segment = Segment(self._new_id(), name, person_type, created_at, created_at, rule)
        self._segments.record(segment.id, segment, self.now())
        return segment.id

    def _change_segment(self, segment_id: str, **changes: Any) -> None:
        segment = replace(self.segments[segment_id], updated_at=self._clock.second(), **changes)
        self._segments.record(segment_id, segment, self.now())

    def _record(self, contact: Contact) -> None:
        self.records.record(contact, self.now())

    def _set_tags(self, contact_id: str, tags: Iterable[str]) -> None:
        self._record(self.contacts[contact_id].tagged(tags, updated_at=self._clock.second()))

    def _remove(self, contact_id: str, kind: RemovalKind, *, merged_into: str | None = None) -> None:
        removal = Removal(self.contacts[contact_id], kind, self._clock.second(), merged_into)
        self.records.remove(removal, self.now())

    def _announce(self, event_type: EventType, contact_id: str, *, merge_source: str | None = None) -> None:
        self.feed.add(event_type, self.contacts[contact_id], self.now(), merge_source=merge_source)

    def _new_id(self) -> str:
        return f"{self._random.getrandbits(96):024x}"


def _initial_templates(
    contacts: Mapping[str, Contact], count: int, memberships: float | None, now: int
) -> list[SegmentTemplate]:
    if memberships is None:
        return templates(count)
    sample = list(contacts.values())[:: len(contacts) // SAMPLE + 1]
    return sparse_templates(count, memberships, sample, now)
