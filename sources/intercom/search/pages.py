"""Contact search: queries, and reading all pages of one.

Every read is sorted by `created_at`, which no edit changes: sorted by `updated_at` descending, Intercom's default,
contacts touched while paging are missed. Paging is by Intercom's cursor, in the body.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from ..api import (
    JSON,
    PAGE_SIZE,
    Activities,
    ContactId,
    ContactStamp,
    Cursor,
    Intercom,
    Page,
    QueryRefused,
    Unavailable,
    Unreadable,
)
from .queries import everyone, members_of

Record = TypeVar("Record")

BY_CREATION = {"field": "created_at", "order": "ascending"}


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
