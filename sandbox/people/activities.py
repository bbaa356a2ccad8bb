"""The feed of contact activities: contacts created, merged and deleted, oldest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .contacts import Contact, Json

EventType = Literal["contact.created", "contact.deleted", "contact.merged"]


@dataclass(frozen=True)
class Activity:
    """One event, with the contact as it was then.

    For a merge, `contact` is the surviving contact and `merge_source` the id of the contact merged into it.
    """

    id: str
    event_type: EventType
    contact: Contact
    created_at: int
    merge_source: str | None = None

    @property
    def json(self) -> Json:
        """The object in the API's answer. As in Intercom's example, a deleted contact has no external_id."""
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
    """All activities of a workspace."""

    def __init__(self) -> None:
        self._activities: list[Activity] = []
        self._positions: dict[str, int] = {}

    def add(self, event_type: EventType, contact: Contact, at: datetime, *, merge_source: str | None = None) -> None:
        """Appends an event. Its id is the time in milliseconds and a serial number."""
        position = len(self._activities)
        activity_id = f"{int(at.timestamp() * 1000)}.{position + 1:06x}"
        activity = Activity(activity_id, event_type, contact, int(at.timestamp()), merge_source)
        self._activities.append(activity)
        self._positions[activity_id] = position

    def after(self, activity_id: str | None, limit: int) -> list[Activity]:
        """The activities after that id; without an id, from the first one on.

        Raises:
            KeyError: the feed has no activity with that id.
        """
        start = 0 if activity_id is None else self._positions[activity_id] + 1
        return self._activities[start : start + limit]
