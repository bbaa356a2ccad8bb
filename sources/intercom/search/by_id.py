"""Looks contacts up by id, with evidence that the answer is complete."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ..api import PAGE_SIZE, ContactId, Intercom, Page, QueryRefused, each
from .pages import BY_CREATION
from .queries import named

QUESTION_SIZE = PAGE_SIZE - 1
"""Ids in one question by name: with its control the answer still fits on one page."""


@dataclass
class Answer:
    """The answer to a question by name: which of the ids asked for were found, and whether that is evidence."""

    found: set[str] = field(default_factory=set)
    is_evidence: bool = True

    def add(self, other: "Answer") -> None:
        """Takes in the answer to another part of the same question."""
        self.found |= other.found
        self.is_evidence &= other.is_evidence


async def ask(client: Intercom, ids: Collection[str], *, control: str | None, segment_id: str | None = None) -> Answer:
    """Asks by name who of `ids` is there (in the segment, if one is given).

    It is evidence only if every part's distinct rows equal its total and its `control` came back: a contact known to
    be there, asked along with the others. Where search knows no `id IN`, each contact is asked by itself.
    """
    answer = Answer()
    for part in _parts(sorted(ids), QUESTION_SIZE):
        try:
            answer.add(await _ask_part(client, part, control=control, segment_id=segment_id))
        except QueryRefused:
            answer.add(await _ask_one_by_one(client, part, segment_id))
    return answer


async def _ask_one_by_one(client: Intercom, ids: Sequence[str], segment_id: str | None) -> Answer:
    async def is_there(contact_id: str) -> bool:
        if segment_id is None:
            return (await client.contact_status(contact_id)).status == "present"
        return segment_id in (await client.segments_of(contact_id) or ())

    return Answer({contact_id for contact_id, found in (await each(ids, is_there)).items() if found})


async def _ask_part(client: Intercom, ids: Sequence[str], *, control: str | None, segment_id: str | None) -> Answer:
    asked = {*ids, control} if control else set(ids)
    page = await client.search(
        named(asked, segment_id=segment_id),
        sort=BY_CREATION,
        page=Page[ContactId],
        pagination={"per_page": PAGE_SIZE},
    )
    found = {contact.id for contact in page.data}
    whole = len(found) == page.total_count and found <= asked
    return Answer(found & set(ids), whole and (control is None or control in found))


def _parts(ids: Sequence[str], size: int) -> list[Sequence[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]
