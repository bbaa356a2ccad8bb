"""The contacts of a workspace, present and removed."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ..people import Contact, Removal
from ..segments import History, SearchIndex

# Intercom follows a merged contact through at most this many merges.
MOST_MERGES = 3


class ContactRecords:
    """All versions of all contacts, and the removals of contacts that are no longer present.

    `touched` is the log of the ids of contacts created, changed or removed; it only grows. `removals` has the order in
    which the contacts were removed. Search does not find a new contact until `index_lag` has passed.
    """

    def __init__(self, index_lag: timedelta) -> None:
        self._history: History[Contact] = History()
        self._index = SearchIndex(index_lag)
        self.present: Mapping[str, Contact] = self._history.present
        self.removals: dict[str, Removal] = {}
        self.touched: list[str] = []

    def at(self, at: datetime) -> Mapping[str, Contact]:
        """The contacts present at that time."""
        return self._history.at(at)

    def versions(self, contact_id: str) -> list[Contact]:
        """All versions of a contact, oldest first; empty for an unknown id."""
        return self._history.versions(contact_id)

    def unindexed(self, at: datetime) -> frozenset[str]:
        """Ids of the contacts that search does not find yet at that time."""
        return self._index.missing(at)

    def add(self, contact: Contact, at: datetime) -> None:
        """Records a new contact, which search finds later."""
        self._index.add(contact.id, at)
        self.record(contact, at)

    def record(self, contact: Contact, at: datetime) -> None:
        """Records a version of a contact."""
        self._history.record(contact.id, contact, at)
        self.removals.pop(contact.id, None)
        self.touched.append(contact.id)

    def remove(self, removal: Removal, at: datetime) -> None:
        contact_id = removal.contact.id
        self.removals[contact_id] = removal  # first: a request in another thread must find the id in one of the two
        self._history.record(contact_id, None, at)
        self.touched.append(contact_id)

    def survivor(self, contact_id: str) -> str | None:
        """The present contact into which a contact was merged, directly or over up to three merges; else None."""
        for _ in range(MOST_MERGES):
            removal = self.removals.get(contact_id)
            if removal is None or removal.merged_into is None:
                return None
            contact_id = removal.merged_into
            if contact_id in self.present:
                return contact_id
        return None
