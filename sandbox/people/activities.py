"""The feed of what happened to contacts' identities: they were created, merged or deleted, in this order of time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .contacts import Contact, Json

EventType = Literal["contact.created", "contact.deleted", "contact.merged"]


@dataclass(frozen=True)
class Activity:
    """One event. `contact` is as it was then; of a merge it is the target, and `merge_source` the other's id."""

    id: str
    event_type: EventType
    contact: Contact
    created_at: int
    merge_source: str | None = None

    @property
    def json(self) -> Json:
        """The object as it goes over the wire. As in Intercom's example a deleted contact has no external_id."""
        is_deleted, is_merged = self.event_type == "contact.deleted", self.merge_source is not None
        event: Json = {
            "type": "contact_activity",
            "id": self.id,
            "event_type": self.event_type,
            "contact_id": self.contact.id,
            "external_id": None if is_deleted else self.contact.attributes["external_id"],
            "role": self.contact.attributes["role"],
            "merge_source_id": self.merge_source,
            "merge_target_id": self.contact.id if is_merged else None,
            "created_at": self.created_at,
        }
        return {key: value for key, value in event.items() if value is not None}


class Feed:
    """All activities, the oldest first."""

    def __init__(self) -> None:
        self._activities: list[Activity] = []
        self._places: dict[str, int] = {}

    def add(
        self, event_type: EventType, contact: Contact, moment: datetime, *, merge_source: str | None = None
    ) -> None:
        """Notes what has just happened, under an id of the milliseconds and a number that is never used again."""
        place = len(self._activities)
        activity_id = f"{int(moment.timestamp() * 1000)}.{place + 1:06x}"
        activity = Activity(activity_id, event_type, contact, int(moment.timestamp()), merge_source)
        self._activities.append(activity)
        self._places[activity_id] = place

    def after(self, activity_id: str | None, how_many: int) -> list[Activity]:
        """The next ones after the one with that id, or the first ones of all. Raises KeyError for an unknown id."""
        start = 0 if activity_id is None else self._places[activity_id] + 1
        return self._activities[start : start + how_many]
