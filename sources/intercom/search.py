"""Contact search: queries, and reading all pages of one.

Every read is sorted by `created_at`, which no edit changes: sorted by `updated_at` descending, Intercom's default,
contacts touched while paging are missed. Paging is by Intercom's cursor, in the body.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import pendulum

from .client import JSON, PAGE_SIZE, Intercom, Unavailable, Unreadable
from .records import ContactId, ContactStamp, Cursor, Page
from .versions import Version

Record = TypeVar("Record")

BY_CREATION = {"field": "created_at", "order": "ascending"}
QUESTION_SIZE = PAGE_SIZE - 1
"""Ids in one question by name: with its control the answer still fits on one page."""


def everyone() -> JSON:
    """All contacts; unlike `created_at > 0` it also finds those without a date and those before 1970."""
    return _either(_filter("role", "=", "user"), _filter("role", "=", "lead"))


def updated_after(second: int, version: Version, timezone: str) -> JSON:
    """Contacts whose latest update is later than an epoch second, and under the day rule others of that day, too.

    There `>` skips the rest of the day in the workspace's timezone that its value lies in, so what is asked for is
    later than noon of the day before: noon stays on its day whatever daylight saving does.
    """
    if version.exact_times:
        return _filter("updated_at", ">", second)
    day = pendulum.from_timestamp(second).in_timezone(_zone(timezone)).start_of("day")
    return _filter("updated_at", ">", day.subtract(days=1).set(hour=12).int_timestamp)


def _zone(name: str) -> pendulum.Timezone:
    """A timezone by its name; UTC for one that nobody knows: the day that the cursor lies back makes up for it."""
    try:
        return pendulum.Timezone(name)
    except (KeyError, ValueError):
        return pendulum.UTC


def members_of(segment_id: str) -> JSON:
    """Contacts in a segment."""
    return _filter("segment_id", "=", segment_id)


def among(ids: Collection[str], *, segment_id: str | None = None) -> JSON:
    """Contacts with one of the ids, or only those of them in a segment."""
    named: JSON = {"field": "id", "operator": "IN", "value": sorted(ids)}
    return named if segment_id is None else _both(members_of(segment_id), named)


async def pages(client: Intercom, query: JSON, page: type[Page[Record]]) -> AsyncIterator[Page[Record]]:
    """All pages of a query, one after the other.

    Raises:
        Unavailable: a cursor came a second time, so paging would never end.
    """
    cursor, seen = None, set[str]()
    while True:
        answer = await client.search(
            query,
            sort=BY_CREATION,
            page=page,
            pagination={"per_page": PAGE_SIZE, "starting_after": cursor},
        )
        yield answer
        cursor = next_cursor(answer)
        if cursor is None:
            return
        if cursor in seen:
            raise Unavailable(
                "Intercom's search came back to a page it had already given. Run the command again later."
            )
        seen.add(cursor)


def next_cursor(page: Page[Any]) -> str | None:
    """The cursor of the page after this one, null on the last page.

    Raises:
        Unreadable: there is a next page, but no cursor leads to it; taking that for the end would lose contacts.
    """
    following = page.pages.next if page.pages else None
    if following is None:
        return None
    if isinstance(following, Cursor):
        return following.starting_after
    cursors = parse_qs(urlsplit(following).query).get("starting_after")
    if not cursors:
        raise Unreadable(
            "Intercom's search tells of a next page in a way that this release cannot follow. Nothing was changed. "
            "Look for a newer release, or report this message."
        )
    return cursors[0]


async def newest(client: Intercom) -> ContactStamp | None:
    """The contact updated last, null in an empty workspace."""
    answer = await client.search(
        everyone(),
        sort={"field": "updated_at", "order": "descending"},
        page=Page[ContactStamp],
        pagination={"per_page": 1},
    )
    return answer.data[0] if answer.data else None


async def count(client: Intercom, query: JSON) -> int:
    """How many contacts a query finds: one call."""
    answer = await client.search(
        query,
        sort=BY_CREATION,
        page=Page[ContactId],
        pagination={"per_page": 1},
    )
    return answer.total_count


@dataclass
class Sighting:
    """What one read of a segment saw: distinct ids, and whether Intercom's total stood still meanwhile."""

    ids: set[str] = field(default_factory=set)
    totals: set[int] = field(default_factory=set)

    @property
    def total(self) -> int | None:
        """Intercom's total, null where it moved while the pages were read: then nothing can be compared with it."""
        return next(iter(self.totals)) if len(self.totals) == 1 else None


async def sight(client: Intercom, segment_id: str) -> Sighting:
    """Reads all pages of a segment."""
    seen = Sighting()
    async for page in pages(client, members_of(segment_id), Page[ContactId]):
        seen.ids.update(contact.id for contact in page.data)
        seen.totals.add(page.total_count)
    return seen


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
    be there, asked along with the others.
    """
    answer = Answer()
    for part in _parts(sorted(ids), QUESTION_SIZE):
        answer.add(await _ask_part(client, part, control=control, segment_id=segment_id))
    return answer


async def _ask_part(client: Intercom, ids: Sequence[str], *, control: str | None, segment_id: str | None) -> Answer:
    asked = {*ids, control} if control else set(ids)
    page = await client.search(
        among(asked, segment_id=segment_id),
        sort=BY_CREATION,
        page=Page[ContactId],
        pagination={"per_page": PAGE_SIZE},
    )
    found = {contact.id for contact in page.data}
    whole = len(found) == page.total_count and found <= asked
    return Answer(found & set(ids), whole and (control is None or control in found))


def _parts(ids: Sequence[str], size: int) -> list[Sequence[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _filter(field_name: str, operator: str, value: str | int) -> JSON:
    return {"field": field_name, "operator": operator, "value": value}


def _both(*filters: JSON) -> JSON:
    return {"operator": "AND", "value": list(filters)}


def _either(*filters: JSON) -> JSON:
    return {"operator": "OR", "value": list(filters)}
