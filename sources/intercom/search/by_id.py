"""Lookups of contacts by id, with evidence that the answer is complete."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ..api import PAGE_SIZE, ContactId, Intercom, Page, QueryRefused, each
from .pages import BY_CREATION
from .queries import SEGMENT, with_ids

IDS_A_LOOKUP = PAGE_SIZE - 1
"""With the control the answer still fits on one page."""


@dataclass
class Lookup:
    """Which of the ids were found, and whether the answer is evidence."""

    found: set[str] = field(default_factory=set)
    is_evidence: bool = True

    def add(self, other: "Lookup") -> None:
        """Adds the answer for other ids."""
        self.found |= other.found
        self.is_evidence &= other.is_evidence


async def look_up(
    client: Intercom, ids: Collection[str], *, control: str | None, group_id: str | None = None, field: str = SEGMENT
) -> Lookup:
    """Which of the contacts are in the segment, or have the tag; without either, which are in the workspace.

    It is evidence only if in every answer the distinct rows equal the total and the `control` came back: a contact
    known to be there, looked up along with the others. Where search refuses `id IN`, contacts are looked up one by one.
    """
    lookup = Lookup()
    for part in _parts(sorted(ids), IDS_A_LOOKUP):
        try:
            lookup.add(await _look_up_together(client, part, control=control, group_id=group_id, field=field))
        except QueryRefused:
            lookup.add(await _look_up_one_by_one(client, part, group_id, field))
    return lookup


async def _look_up_together(
    client: Intercom, ids: Sequence[str], *, control: str | None, group_id: str | None, field: str
) -> Lookup:
    wanted = {*ids, control} if control else set(ids)
    page = await client.search(
        with_ids(wanted, group_id=group_id, field=field),
        sort=BY_CREATION,
        page=Page[ContactId],
        pagination={"per_page": PAGE_SIZE},
    )
    found = {contact.id for contact in page.data}
    is_whole = len(found) == page.total_count and found <= wanted
    return Lookup(found & set(ids), is_whole and (control is None or control in found))


async def _look_up_one_by_one(client: Intercom, ids: Sequence[str], group_id: str | None, field: str) -> Lookup:
    async def is_there(contact_id: str) -> bool | None:
        if group_id is None:
            status = (await client.contact_status(contact_id)).status
            return None if status == "unknown" else status == "present"
        memberships = await (client.segments_of(contact_id) if field == SEGMENT else client.tags_of(contact_id))
        if memberships is None or group_id in memberships.group_ids:
            return memberships is not None
        return False if memberships.is_whole else None

    answers = await each(ids, is_there)
    return Lookup({contact_id for contact_id, found in answers.items() if found}, None not in answers.values())


def _parts(ids: Sequence[str], size: int) -> list[Sequence[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]
