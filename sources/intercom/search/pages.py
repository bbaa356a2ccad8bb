"""Contact search: all pages of a query, and counts.

Every read is sorted by `created_at`, which no edit changes. Sorted by `updated_at` descending, Intercom's default, a
read misses contacts that are edited while it pages.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeVar

from ..api import (
    JSON,
    PAGE_SIZE,
    UNKNOWN,
    Activities,
    ContactId,
    ContactStamp,
    Intercom,
    Page,
    QueryRefused,
    Unavailable,
    next_page,
)
from .queries import everyone, members_of

Record = TypeVar("Record")

MOST_EMPTY_PAGES = 20
"""Empty pages in a row that are followed."""
MOST_CONTACTS = 1_000_000
"""Instead of a total that cannot be read."""
BEYOND_TOTAL, SPARE_ROWS = 2, 3_000
"""Rows that are read: contacts that are created during a read are more than the total at its start."""

TRIED_SEGMENTS = 5

BY_CREATION = {"field": "created_at", "order": "ascending"}


async def pages(
    client: Intercom, query: JSON, page: type[Page[Record]], *, sort: JSON = BY_CREATION
) -> AsyncGenerator[Page[Record], None]:
    """All pages of a query by Intercom's cursor, one after the other.

    Raises:
        Unavailable: paging would never end: a cursor came a second time, or pages are empty or exceed the total.
    """
    cursor, end = None, PagingEnd()
    while True:
        pagination = {"per_page": PAGE_SIZE, "starting_after": cursor}
        try:
            answer = await client.search(query, sort=sort, page=page, pagination=pagination)
        except QueryRefused:
            if cursor is None:
                raise
            client.usage.flaws["/contacts/search pages.next"] += 1  # a wrong cursor: what follows stays unread
            return
        yield answer
        cursor = next_cursor(answer)
        if cursor is None:
            return
        end.check(cursor, rows=len(answer.data), total=answer.total_count)


class PagingEnd:
    """Notices that pages come without end."""

    def __init__(self) -> None:
        self._seen = set[str]()
        self._rows = self._total = self._empty = 0

    def check(self, cursor: str, *, rows: int, total: int) -> None:
        """Counts a page, and compares it with those before."""
        self._rows += rows
        self._total = max(self._total, MOST_CONTACTS if total == UNKNOWN else total)
        self._empty = 0 if rows else self._empty + 1
        is_beyond = self._rows > BEYOND_TOTAL * self._total + SPARE_ROWS
        if cursor in self._seen or self._empty > MOST_EMPTY_PAGES or is_beyond:
            raise Unavailable(
                "Intercom's search pages without end: it returned to a page that it had already sent, or announces "
                "more pages than its total has. Nothing was changed. Run the command again later."
            )
        self._seen.add(cursor)


def next_cursor(page: Page[Any] | Activities) -> str | None:
    """The cursor of the page after this one; null on the last page, and where the next one cannot be followed.

    The readers count rows: without the pages that follow there are fewer than Intercom's total.
    """
    return (next_page(page.pages) or {}).get("starting_after")


async def newest(client: Intercom) -> tuple[ContactStamp | None, int]:
    """The contact updated last, null in an empty workspace, and how many contacts there are.

    Raises:
        Unavailable: Intercom counts contacts, but twice shows none. An unreadable total makes the contact null.
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
    if answer.total_count == UNKNOWN or client.usage.flaws:
        return None, UNKNOWN
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
    """Whether search accepts `segment_id`: one call, and up to four more if the first is refused.

    Each is for another segment, since search may refuse a single one. True for an empty list.
    """
    for segment_id in segment_ids[:TRIED_SEGMENTS]:
        try:
            await count(client, members_of(segment_id))
        except QueryRefused:
            continue
        return True
    return not segment_ids
