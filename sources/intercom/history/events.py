"""Events of contacts: each contact that was active since its last lookup is looked up once.

Intercom lists the events of 90 days, so a contact that was not active in that time has none to ask for. Events that are
loaded stay. The newest events come first, so a lookup ends where events are known.
"""

from collections.abc import Collection, Mapping
from contextlib import aclosing

import msgspec
from msgspec import Raw

from ..api import Refused, absence_codes
from ..catalog import DATA_EVENTS, Resource
from ..lists import ListPage, Record, first_call, pages
from ..readings import RunInputs
from ..search import date_of
from ..support import LookupRun
from ..tables import ListRead
from .loaded import ActiveContact, LoadedContacts

LISTED_SECONDS = 90 * 86_400
LATE_SECONDS = 86_400
"""Events may be sent late, with the time at which they happened."""
ABSENT = absence_codes("/contacts") | absence_codes("/users")


class EventRun(LookupRun):
    """Looks up the events of contacts, or their summaries."""

    async def read(self, seen: Mapping[str, int], ended: Collection[str]) -> ListRead:
        """As `LookupRun.read`. A refusal ends the lookups."""
        self._refusal = ""
        read = await super().read(seen, ended)
        return self._noted("refused", self._refusal, None) if self._refusal else read

    @property
    def _budget(self) -> int:
        return self._options.limits.events_budget

    def _due(self, seen: Mapping[str, int]) -> Mapping[str, int]:
        self._contacts = due_contacts(self._inputs, self._resource, seen)
        return {contact_id: one.active_at for contact_id, one in self._contacts.items()}

    def _ended(self) -> set[str]:
        """Contacts that are removed keep their events."""
        return set()

    async def _asked(self, contact_id: str) -> Record | None:
        if self._refusal:
            return None
        try:
            events = await self._events(contact_id, self._contacts[contact_id])
        except Refused as refused:
            if refused.codes.isdisjoint(ABSENT):
                self._refusal = refused.answer
                return None
            events = []
        record = None if events is None else self._record(contact_id, self._contacts[contact_id], events)
        self._unreadable += record is None
        return record

    async def _events(self, contact_id: str, contact: ActiveContact) -> list[Raw] | None:
        """The events that are not known; null where there are more than Intercom lets one ask for."""
        found, known_until = list[Raw](), 0 if self._options.full else contact.newest_at - LATE_SECONDS
        async with aclosing(pages(self._client, self._resource, first_call(self._resource, contact_id))) as following:
            async for page in following:
                self._calls += 1
                found += page.records
                if page.is_cut and page.records:
                    return None
                if not page.records or _oldest(page) < known_until:
                    break
        return found

    def _record(self, contact_id: str, contact: ActiveContact, events: Collection[Raw]) -> Record | None:
        newest_at = max((date_of(one) or 0 for one in events), default=0)
        fields: dict[str, object] = {"intercom_user_id": contact_id, "active_at": contact.active_at}
        fields |= {"newest_at": max(newest_at, contact.newest_at) or None, "events": list(events)}
        return self._reader.read_fields({name: Raw(msgspec.json.encode(value)) for name, value in fields.items()})


def due_contacts(inputs: RunInputs, resource: Resource, seen: Mapping[str, int]) -> dict[str, ActiveContact]:
    """The contacts to look up. Summaries count events of any age, so all contacts have one.

    Args:
        seen: those that the run has read and not loaded yet, and when each was last updated.
    """
    options, loaded = inputs.options, LoadedContacts(inputs.tables)
    since = int(options.began_at.timestamp()) - LISTED_SECONDS if resource is DATA_EVENTS else 0
    return loaded.due(resource, seen, since, is_full=options.full)


def _oldest(page: ListPage) -> int:
    return min((date_of(one) or 0 for one in page.records), default=0)
