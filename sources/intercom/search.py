"""Contact search: queries, and reading all pages of one.

Every read is sorted by `created_at`, which no edit changes: sorted by `updated_at` descending, Intercom's default,
contacts touched while paging are missed. Paging is by Intercom's cursor, in the body.
"""

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import pendulum

from .client import JSON, PAGE_SIZE, Intercom, QueryRefused, Unavailable, Unreadable, each
from .records import Activities, ContactId, ContactStamp, Cursor, Page
from .versions import Version

Record = TypeVar("Record")

BY_CREATION = {"field": "created_at", "order": "ascending"}
QUESTION_SIZE = PAGE_SIZE - 1
"""Ids in one question by name: with its control the answer still fits on one page."""


def everyone() -> JSON:
    """All contacts; unlike `created_at > 0` it also finds those without a date and those before 1970."""
    return _either(_filter("role", "=", "user"), _filter("role", "=", "lead"))


def updated_after(second: int, version: Version, timezone: str) -> JSON:
    """Contacts whose latest update is later than an epoch second, and under the day rule others of that day, too."""
    return _after("updated_at", second, version, timezone)


def created_after(second: int, version: Version, timezone: str) -> JSON:
    """Contacts made later than an epoch second, by the same rule; none of those without a date."""
    return _after("created_at", second, version, timezone)


def _after(field_name: str, second: int, version: Version, timezone: str) -> JSON:
    """Under the day rule `>` skips the rest of the day in the workspace's timezone that its value lies in.

    So what is asked for there is later than noon of the day before: noon stays on its day whatever daylight saving
    does.
    """
    if version.exact_times:
        return _filter(field_name, ">", second)
    day = pendulum.from_timestamp(second).in_timezone(zone(timezone)).start_of("day")
    return _filter(field_name, ">", day.subtract(days=1).set(hour=12).int_timestamp)


def zone(name: str) -> pendulum.Timezone:
    """A timezone by its name; UTC for one that nobody knows: the day that the cursor lies back makes up for it."""
    try:
        return pendulum.Timezone(name)
    except (KeyError, ValueError):
        return pendulum.UTC


def members_of(segment_id: str, *, among: JSON | None = None) -> JSON:
    """Contacts in a segment, or only those of them that answer to another query, too."""
    members = _filter("segment_id", "=", segment_id)
    return members if among is None else combined(members, among)


def named(ids: Collection[str], *, segment_id: str | None = None) -> JSON:
    """Contacts with one of the ids, or only those of them in a segment."""
    one_of: JSON = {"field": "id", "operator": "IN", "value": sorted(ids)}
    return one_of if segment_id is None else members_of(segment_id, among=one_of)


def combined(query: JSON, *filters: JSON) -> JSON:
    """Those who answer to a query and to the filters, nested no deeper than need be: Intercom allows two levels."""
    return all_of(*(query["value"] if query["operator"] == "AND" else [query]), *filters)


def all_of(*filters: JSON) -> JSON:
    """Contacts who answer to every filter."""
    return {"operator": "AND", "value": list(filters)}


async def pages(
    client: Intercom, query: JSON, page: type[Page[Record]], *, sort: JSON = BY_CREATION
) -> AsyncGenerator[Page[Record], None]:
    """All pages of a query, one after the other.

    Raises:
        Unavailable: a cursor came a second time, so paging would never end.
    """
    cursor, seen = None, set[str]()
    while True:
        answer = await client.search(
            query,
            sort=sort,
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


def next_cursor(page: Page[Any] | Activities) -> str | None:
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


async def newest(client: Intercom) -> tuple[ContactStamp | None, int]:
    """The contact updated last, null in an empty workspace, and how many contacts there are.

    Raises:
        Unavailable: contacts are counted, but twice none was shown.
    """
    for _ in range(2):
        answer = await client.search(
            everyone(),
            sort={"field": "updated_at", "order": "descending"},
            page=Page[ContactStamp],
            pagination={"per_page": 1},
        )
        if answer.data or not answer.total_count:
            return next(iter(answer.data), None), answer.total_count
    raise does_not_add_up(answer.total_count, 0)


def does_not_add_up(counted: int, shown: int) -> Unavailable:
    """Search shows other contacts than it counts, so what it shows is not all."""
    return Unavailable(
        f"Intercom's search counts {counted:,} contacts but showed {shown:,}, twice. Nothing was changed; run the "
        "command again later."
    )


async def count(client: Intercom, query: JSON) -> int:
    """How many contacts a query finds: one call."""
    answer = await client.search(
        query,
        sort=BY_CREATION,
        page=Page[ContactId],
        pagination={"per_page": 1},
    )
    return answer.total_count


async def knows_segments(client: Intercom, segment_ids: Sequence[str]) -> bool:
    """Whether search can be asked for the members of a segment: one call, and a second where the first is refused.

    The second asks for another segment, should the first just have been deleted. True where there are none.
    """
    for segment_id in segment_ids[:2]:
        try:
            await count(client, members_of(segment_id))
        except QueryRefused:
            continue
        return True
    return not segment_ids


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
            return (await client.whereabouts(contact_id)).status == "present"
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


def _filter(field_name: str, operator: str, value: str | int) -> JSON:
    return {"field": field_name, "operator": operator, "value": value}


def _either(*filters: JSON) -> JSON:
    return {"operator": "OR", "value": list(filters)}
