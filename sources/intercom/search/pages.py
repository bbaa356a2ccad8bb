"""Contact search: all pages of a query, and counts.

Every read is sorted by `created_at`, which no edit changes. Sorted by `updated_at` descending, Intercom's default, a
read misses contacts that are edited while it pages.
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
    """All pages of a query by Intercom's cursor, one after the other.

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
                "Intercom's search returned to a page that it had already sent. Run the command again later."
            )
        seen.add(cursor)


def next_cursor(page: Page[Any] | Activities) -> str | None:
    """The cursor of the page after this one, null on the last page.

    Raises:
        Unreadable: there is a next page, but no cursor for it. To treat that as the end would lose contacts.
    """
    following = page.pages.next if page.pages else None
    if following is None:
        return None
    if isinstance(following, Cursor):
        return following.starting_after
    cursors = parse_qs(urlsplit(following).query).get("starting_after")
    if not cursors:
        raise Unreadable("Intercom's search announces a next page, but with no cursor that this release can read.")
    return cursors[0]


async def newest(client: Intercom) -> tuple[ContactStamp | None, int]:
    """The contact updated last, null in an empty workspace, and how many contacts there are.

    Raises:
        Unavailable: Intercom counts contacts, but twice shows none.
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
    raise Unavailable(
        f"Intercom's search counts {answer.total_count:,} contacts but showed none, twice. Nothing was changed. Run "
        "the command again later."
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
    """Whether search accepts `segment_id`: one call, and a second one if the first is refused.

    The second is for another segment, since the first may just have been deleted. True for an empty list.
    """
    for segment_id in segment_ids[:2]:
        try:
            await count(client, members_of(segment_id))
        except QueryRefused:
            continue
        return True
    return not segment_ids
