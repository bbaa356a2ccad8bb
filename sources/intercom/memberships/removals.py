"""Who is gone from the workspace, and what became of them.

Search shows active contacts only: deleted, merged, archived and blocked ones just disappear from it. A contact counts
as gone when search, asked for it by name, does not find it; why is told by the activity feed and the list of removed
contacts, where the version has them, or by the contact's own address.
"""

from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field, replace

from ..api import PAGE_SIZE, Activity, Intercom, RemovedContact, each
from ..search import ask, newest, next_cursor
from .evidence import Removal

MOST_ASKED_BY_ID = 150
"""Gone contacts a run asks for by their own address; of the others it says `unknown`, and asks in later runs."""
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


async def feed(client: Intercom, after: str | None) -> AsyncIterator[tuple[list[Activity], str]]:
    """Pages of the activity feed after a cursor, the oldest first, each with the cursor behind it.

    The feed's last page has a cursor, too. An empty page ends the reading and proves nothing: Intercom sends one also
    while it cannot read its store, so whoever keeps the cursor keeps the last one seen.
    """
    page = await client.activities(after)
    if page is None and after is not None:  # the cursor is not known any more
        page = await client.activities(after := None)
    for _ in range(MOST_FEED_PAGES):
        if page is None or not page.data:
            return
        behind = next_cursor(page) or page.data[-1].id
        yield page.data, behind
        if len(page.data) < PAGE_SIZE or behind == after:
            return
        after = behind
        page = await client.activities(after)


def told(activities: Iterable[Activity]) -> dict[str, Removal]:
    """The removals that activities tell of, by contact. A merge is told under the contact that survives it."""
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
    """Finds out, in one run, which contacts are gone and why. `reports` is what was told of contacts so far.

    `witness` is a contact known to exist, which proves that questions by name are answered; in a workspace that shows
    nobody only a user can say that it really is empty: `accept`.
    """

    client: Intercom
    witness: str | None
    has_list: bool
    accept: bool = False
    reports: dict[str, Removal] = field(default_factory=dict)
    _asked: int = field(default=0, init=False)
    _list_was_read: bool = field(default=False, init=False)

    async def vanished(self, contact_ids: Collection[str]) -> set[str]:
        """Those whom search, asked by name, does not find; nobody where its answer is no evidence."""
        if not contact_ids or (self.witness is None and not self.accept):
            return set()
        answer = await ask(self.client, contact_ids, control=self.witness)
        if not answer.is_evidence:  # the witness itself may have gone: another one
            stamp, _ = await newest(self.client)
            answer = await ask(self.client, contact_ids, control=stamp.id if stamp else self.witness)
        return set(contact_ids) - answer.found if answer.is_evidence else set()

    async def explain(self, gone: Collection[str]) -> dict[str, Removal]:
        """Why each of them is gone: `unknown` where a later run has to find out."""
        if len(self._unexplained(gone)) > MOST_ASKED_BY_ID:
            await self.read_list()
        asked = self._unexplained(gone)[: MOST_ASKED_BY_ID - self._asked]
        self._asked += len(asked)
        for contact_id, contact_status in (await each(asked, self.client.contact_status)).items():
            # there by its address, yet in no search: that is what archiving does, whether or not the answer says so
            status = "archived" if contact_status.status == "present" else contact_status.status
            self.reports[contact_id] = Removal(status, contact_status.merged_into)
        return {contact_id: self._followed(self.reports.get(contact_id, Removal("unknown"))) for contact_id in gone}

    async def read_list(self) -> None:
        """Takes in the list of removed contacts, once. What the feed told, with its time, is not replaced."""
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

    def _unexplained(self, gone: Collection[str]) -> list[str]:
        return sorted(set(gone) - self.reports.keys())

    def _followed(self, removal: Removal) -> Removal:
        """A merge into a contact that was merged itself leads to the one that is there now."""
        for _ in range(MOST_MERGES):
            further = self.reports.get(removal.merged_into or "")
            if further is None or further.status != "merged":
                break
            removal = replace(removal, merged_into=further.merged_into)
        return removal


def _listed(contacts: Iterable[RemovedContact]) -> dict[str, Removal]:
    return {one.id: Removal(STATUSES[one.status], one.merged_into_id) for one in contacts if one.status in STATUSES}
