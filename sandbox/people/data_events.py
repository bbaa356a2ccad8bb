"""Events that the workspace's own systems have sent about contacts, and their summaries."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from .contacts import Contact, Json

LISTED_SECONDS = 90 * 86_400
MILLISECONDS = 1_000


class DataEvent(NamedTuple):
    """An event of a contact. `number` is its place among all events."""

    number: int
    name: str
    created_at: int
    json: Json

    @property
    def cursor(self) -> int:
        """Its time in milliseconds, other than that of any other event of the same second."""
        return self.created_at * MILLISECONDS + self.number % MILLISECONDS


class DataEvents:
    """All events of a workspace. `is_refused`: the token may not read them."""

    def __init__(self) -> None:
        self.is_refused = False
        self._events: dict[str, list[DataEvent]] = {}
        self._count = 0

    def add(self, contact: Contact, name: str, at: int, metadata: Json) -> None:
        """An event; one of the same name and second is ignored."""
        events = self._events.setdefault(contact.id, [])
        if any((one.name, one.created_at) == (name, at) for one in events):
            return
        self._count += 1
        sent = {
            "type": "event",
            "id": f"00000000-0000-4000-8000-{self._count:012x}",
            "created_at": at,
            "event_name": name,
            "user_id": contact.value("external_id"),
            "intercom_user_id": contact.id,
            "email": contact.value("email"),
            "metadata": metadata,
        }
        events.append(DataEvent(self._count, name, at, sent))

    def of(self, contact_id: str) -> list[DataEvent]:
        """The events of a contact, the newest first."""
        return sorted(self._events.get(contact_id, ()), key=lambda one: one.cursor, reverse=True)

    def listed(self, contact_id: str, now: int) -> list[DataEvent]:
        """Those that Intercom lists."""
        return [one for one in self.of(contact_id) if one.created_at > now - LISTED_SECONDS]

    def summaries(self, contact_id: str) -> Iterator[Json]:
        """How often each event happened, and when, of any age."""
        events = sorted(self.of(contact_id), key=lambda one: (one.name, one.created_at))
        for name, group in groupby(events, key=lambda one: one.name):
            times = [one.created_at for one in group]
            ends = {"first": _text(times[0]), "last": f"{_text(times[-1])} "}
            yield {"name": name, **ends, "count": len(times), "description": f"About {name}"}


def _text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat(timespec="milliseconds")
