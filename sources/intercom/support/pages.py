"""Pages of a search for conversations or tickets: smaller ones where Intercom fails, and whether they are in order."""

from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import Raw

from ..api import JSON, UNKNOWN, ContactStamp, Intercom, Page, Unavailable
from ..catalog import Resource
from ..lists import Call, ListPage, one_page, query_call
from ..search import BY_CREATION, PagingEnd, date_of

SIZES = (150, 50, 15, 5, 1)
"""Records a page. A page of long tickets can be too much for Intercom, which then answers 500."""
ATTEMPTS = 2
"""Of a page that can still be asked for in a smaller size."""
GROWTH = 3
NEWEST_FIRST = {"field": "updated_at", "order": "descending"}


class SearchPages:
    """Pages of one resource's search.

    Attributes:
        is_ordered: each page came in the order that was asked for.
        is_cut: there may be a page that cannot be asked for.
        calls: answered ones.
    """

    def __init__(self, client: Intercom, resource: Resource) -> None:
        self.is_ordered, self.is_cut, self.calls = True, False, 0
        self._client = client
        self._resource = resource
        self._size = resource.per_page or SIZES[0]

    async def follow(
        self, client: Intercom, query: JSON, page: type[Page[Raw]], *, sort: JSON = BY_CREATION
    ) -> AsyncGenerator[Page[Raw], None]:
        """All pages of a query by Intercom's cursor, one after the other.

        Raises:
            Unavailable: a page failed in each size, or pages come without end.
            Refused: Intercom refuses the query.
        """
        following: Call | None = query_call(self._resource.path, query, sort=sort, per_page=self._size)
        last, end = None, PagingEnd()
        while following is not None:
            found, following, size = await self._asked(following)
            times = ([] if last is None else [last]) + [date_of(one) for one in found.records]
            self.is_ordered &= _are_ordered(times, is_descending=sort["order"] == "descending")
            self.is_cut |= found.is_cut
            last = times[-1] if times else last
            total = UNKNOWN if found.total_count is None else found.total_count
            yield page(found.records, total)
            if following is not None and following.body is not None:
                end.check(str(following.body["pagination"]), rows=len(found.records), total=total)
                following = following.at({"per_page": min(size * GROWTH, self._size)})

    def dated(self, page: Page[Raw]) -> int | None:
        """When the last record of a page was created; null where pages are not in order: then no window is cut."""
        return date_of(page.data[-1]) if page.data and self.is_ordered else None

    async def newest(self, everything: JSON) -> tuple[int | None, int | None]:
        """When the record that was updated last was updated, and how many records there are; null where unknown."""
        found, _, _ = await self._asked(query_call(self._resource.path, everything, sort=NEWEST_FIRST, per_page=1))
        stamps = [_updated_at(one) for one in found.records]
        return next(iter(stamps), None), found.total_count

    async def count(self, query: JSON) -> int | None:
        """How many records a query finds; null where Intercom does not say."""
        found, _, _ = await self._asked(query_call(self._resource.path, query, sort=BY_CREATION, per_page=1))
        return found.total_count

    async def _asked(self, call: Call) -> tuple[ListPage, Call | None, int]:
        """A page, the call behind it, and the size in which it came."""
        body: dict[str, Any] = call.body or {}
        asked = int(body["pagination"]["per_page"])
        for size in (asked, *(one for one in SIZES if one < asked)):
            try:
                attempts = ATTEMPTS if size > SIZES[-1] else None
                page, following = await one_page(self._client, self._resource, call.at({"per_page": size}), attempts)
            except Unavailable:
                if size == SIZES[-1]:
                    raise
                continue
            self.calls += 1
            return page, following, size
        raise AssertionError("the smallest page came, or its error was raised")


def _are_ordered(times: Sequence[int | None], *, is_descending: bool) -> bool:
    known = [one for one in times if one is not None]
    in_pairs = pairwise(reversed(known) if is_descending else known)
    return len(known) == len(times) and all(one <= following for one, following in in_pairs)


def _updated_at(record: Raw) -> int | None:
    try:
        return msgspec.json.decode(record, type=ContactStamp, strict=False).updated_at
    except (msgspec.DecodeError, RecursionError):
        return None
