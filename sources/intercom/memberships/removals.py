"""Which contacts were removed from the workspace, and what became of them.

Search shows active contacts only: deleted, merged, archived and blocked ones just disappear from it. A contact counts
as removed when a lookup by id does not find it. The reason comes from the activity feed and the list of removed
contacts, where the version has them, or from the contact's own address.
"""

from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field, replace

from ..api import PAGE_SIZE, Activity, Intercom, RemovedContact, each
from ..search import look_up, newest, next_cursor
from .evidence import Removal

MOST_STATUS_CALLS = 150
"""Removed contacts of which a run requests the status one by one; others are `unknown` until a later run."""
MOST_FEED_PAGES = 2_000
MOST_LIST_PAGES = 200
"""The list of removed contacts holds all there ever were, in no known order: longer ones are read in part."""
MOST_MERGES = 3
"""How far a merged contact is followed to the one it is now; Intercom itself goes no further."""

STATUSES = {
    "archived": "archived",
    "blocked": "blocked",
    "merged": "merged",
    "pending_deletion": "deleted",
    "permanently_deleted": "deleted",
}


async def feed_pages(client: Intercom, after: str | None) -> AsyncIterator[tuple[list[Activity], str | None]]:
    """Pages of the activity feed after a cursor, oldest first, each with the cursor to save with it.

    The feed's last page has a cursor, too. An empty page ends the read and proves nothing: Intercom sends one also
    while it cannot read its store. So the saved cursor stays the last one received, and never passes an activity that
    cannot be read.
    """
    page = await client.activities(after)
    if page is None and after is not None:  # Intercom does not know the cursor any more
        page = await client.activities(after := None)
    seen, saved, flaws = set[str](), after, _feed_flaws(client)
    for _ in range(MOST_FEED_PAGES):
        if page is None or not page.data:
            return
        following = next_cursor(page) or page.data[-1].id
        unseen = {one.id: one for one in page.data if one.id not in seen}
        seen |= unseen.keys()
        saved = following if _feed_flaws(client) == flaws else saved
        yield list(unseen.values()), saved
        if len(page.data) < PAGE_SIZE or following == after:
            return
        after = following
        page = await client.activities(after)


def _feed_flaws(client: Intercom) -> int:
    return sum(count for place, count in client.usage.flaws.items() if place.startswith("/contacts/activities"))


def reported_removals(activities: Iterable[Activity]) -> dict[str, Removal]:
    """Removals by contact. The activity of a merge belongs to the contact that survives it."""
    removals: dict[str, Removal] = {}
    for one in activities:
        if one.event_type == "contact.deleted" and one.contact_id:
            removals[one.contact_id] = Removal("deleted", happened_at=one.created_at)
        if one.event_type == "contact.merged" and one.merge_source_id:
            target = one.merge_target_id or one.contact_id
            removals[one.merge_source_id] = Removal("merged", target, one.created_at)
    return removals


@dataclass
class RemovalFinder:
    """Finds, in one run, which contacts were removed and why. `reports` are the reasons known so far.

    Args:
        witness: a contact known to exist, which proves that lookups by id work. A workspace without contacts has none.
        accept: believe that a workspace without contacts is empty.
    """

    client: Intercom
    witness: str | None
    has_list: bool
    accept: bool = False
    reports: dict[str, Removal] = field(default_factory=dict)
    _status_calls: int = field(default=0, init=False)
    _list_was_read: bool = field(default=False, init=False)

    async def not_found(self, contact_ids: Collection[str]) -> set[str]:
        """Contacts that a lookup by id does not find; none if its answer is not evidence."""
        if not contact_ids or (self.witness is None and not self.accept):
            return set()
        lookup = await look_up(self.client, contact_ids, control=self.witness)
        if not lookup.is_evidence:  # the witness itself may be removed by now: use another one
            stamp, _ = await newest(self.client)
            lookup = await look_up(self.client, contact_ids, control=stamp.id if stamp else self.witness)
        return set(contact_ids) - lookup.found if lookup.is_evidence else set()

    async def explain(self, removed: Collection[str]) -> dict[str, Removal]:
        """Why each contact was removed: `unknown` if a later run has to find out."""
        if len(self._unexplained(removed)) > MOST_STATUS_CALLS:
            await self.read_list()
        requested = self._unexplained(removed)[: MOST_STATUS_CALLS - self._status_calls]
        self._status_calls += len(requested)
        for contact_id, contact_status in (await each(requested, self.client.contact_status)).items():
            # present at its address, but not in search: that is an archived contact, whether or not the answer says so
            status = "archived" if contact_status.status == "present" else contact_status.status
            self.reports[contact_id] = Removal(status, contact_status.merged_into)
        return {contact_id: self._final(self.reports.get(contact_id, Removal("unknown"))) for contact_id in removed}

    async def read_list(self) -> None:
        """Reads the list of removed contacts, once. Reports of the feed, which have a time, are not replaced."""
        if self._list_was_read or not self.has_list:
            return
        self._list_was_read = True
        listed: dict[str, Removal] = {}
        for number in range(1, MOST_LIST_PAGES + 1):
            page = await self.client.removed_contacts(number)
            before = len(listed)
            listed |= _listed(page.data if page else [])
            if page is None or len(page.data) < PAGE_SIZE or len(listed) == before:
                break
        self.reports = listed | self.reports

    def _unexplained(self, removed: Collection[str]) -> list[str]:
        return sorted(set(removed) - self.reports.keys())

    def _final(self, removal: Removal) -> Removal:
        """Follows a merge into a contact that was merged itself, up to the contact that is there now."""
        for _ in range(MOST_MERGES):
            further = self.reports.get(removal.merged_into or "")
            if further is None or further.status != "merged":
                break
            removal = replace(removal, merged_into=further.merged_into)
        return removal


def _listed(contacts: Iterable[RemovedContact]) -> dict[str, Removal]:
    return {one.id: Removal(STATUSES[one.status], one.merged_into_id) for one in contacts if one.status in STATUSES}
