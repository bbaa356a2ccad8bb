"""Pages of any list: what one call asks for, and how the next page is found in an answer.

Paging follows the answer, never a description: a cursor, a URL, or the number of a page.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Raw

from ..api import JSON, PAGE_SIZE, Intercom, Pages, Unavailable, is_unfollowed, next_page
from ..catalog import Resource
from ..search import BY_CREATION
from ..wire import Flaws, Total, Whole, lenient

MOST_PAGES, MOST_SCROLLED = 1_000, 100_000
"""Of a list that does not say how many records it has, and of a scroll, which never says it."""
NULL = Raw(b"null")


class Counts(msgspec.Struct):
    """What an answer says about its pages; `page` and `total_pages` may also be within `pages`."""

    pages: Pages | None = None
    total_count: Total | None = None
    page: Whole | None = None
    total_pages: Whole | None = None
    scroll_param: str | None = None


class Numbered(msgspec.Struct):
    """The number of a page, where it is within `pages`."""

    page: Whole | None = None
    total_pages: Whole | None = None


class Within(msgspec.Struct):
    pages: Numbered | None = None


@dataclass(frozen=True)
class Call:
    """One call. `path` has its parent's id; `label` has `{id}` instead, for counters and messages."""

    path: str
    label: str
    asked: Mapping[str, str] = field(default_factory=dict)
    body: JSON | None = None

    @property
    def address(self) -> str:
        return f"{self.path}?{urlencode(self.asked)}" if self.asked else self.path

    def at(self, place: Mapping[str, str | int]) -> "Call":
        """The call for another page."""
        if self.body is not None:
            return replace(self, body=self.body | {"pagination": {**self.body.get("pagination", {}), **place}})
        return replace(self, asked={**self.asked, **{name: str(value) for name, value in place.items()}})


@dataclass(frozen=True)
class ListPage:
    """Records as sent. `total_count` counts those of all pages. `is_cut`: more may follow, and cannot be asked for."""

    records: list[Raw]
    total_count: int | None
    is_cut: bool


def first_call(resource: Resource, parent: str = "") -> Call:
    """The call for the first page, of one parent's list where there is a parent."""
    size = {"per_page": str(resource.per_page)} if resource.per_page else {}
    path = resource.path.replace("{id}", quote(parent, safe=""))
    asked = {name: value.replace("{id}", parent) for name, value in resource.asked.items()}
    return Call(path, resource.path, asked | size)


def period_call(resource: Resource, after: int, before: int) -> Call:
    """The call for the first page of the records created between two times, in epoch seconds."""
    periods = resource.periods
    if periods is None:
        raise ValueError(f"{resource.table} is not asked for periods")
    return first_call(resource).at({periods.after: after, periods.before: before})


def group_call(resource: Resource, parents: Sequence[str]) -> Call:
    """The call for the records of these parents."""
    if resource.grouped is None:
        raise ValueError(f"{resource.table} is not asked for groups")
    return Call(resource.path, resource.path, body={resource.grouped.parameter: [*parents]})


def search_call(resource: Resource, cursor: int) -> Call:
    """The call for the first page of the records changed after `cursor`."""
    search = resource.search
    if search is None:
        raise ValueError(f"{resource.table} has no search")
    query = {"field": search.field, "operator": ">", "value": cursor}
    return query_call(search.path, query, sort=BY_CREATION, per_page=PAGE_SIZE)


def query_call(path: str, query: JSON, *, sort: JSON, per_page: int) -> Call:
    """The call for the first page of a search."""
    return Call(path, path, body={"query": query, "sort": sort, "pagination": {"per_page": per_page}})


async def pages(client: Intercom, resource: Resource, call: Call) -> AsyncGenerator[ListPage, None]:
    """All pages of a list, in order.

    Raises:
        Refused: Intercom refuses the list.
        Unavailable: an answer has no list, a page came twice, or pages come without end.
    """
    asked: list[Call] = []
    following: Call | None = call
    scrolls = resource.scrolls and call.body is None  # a scroll has the same parameter on each page
    while following is not None and (scrolls or following not in asked):
        asked.append(following)
        page, following = await one_page(client, resource, following)
        yield page
        if len(asked) > max(MOST_SCROLLED if scrolls else MOST_PAGES, page.total_count or 0):
            break
    if following is not None:
        raise Unavailable(
            f"{call.label} sends its pages without end: page {len(asked):,} leads to one that was read before, or is "
            "one too many. Nothing was changed. Run the command again later."
        )


async def one_page(
    client: Intercom, resource: Resource, call: Call, attempts: int | None = None
) -> tuple[ListPage, Call | None]:
    """One page, and the call for the one behind it. `attempts`: how often it is tried, if not as often as others."""
    sent = await client.answer(call.address, label=call.label, body=call.body, attempts=attempts)
    counts, records = _counts(sent), _records(sent, resource, call)
    following, is_cut = _next(call, counts, records, scrolls=resource.scrolls and call.body is None)
    return ListPage(records, counts.total_count, is_cut), following


def _counts(sent: Mapping[str, Raw]) -> Counts:
    """Field by field: what cannot be read is unknown."""
    known = {name: sent[name] for name in Counts.__struct_fields__ if name in sent}
    body = msgspec.json.encode(known)
    counts, numbered = lenient(body, Counts, Flaws()), lenient(body, Within, Flaws()).pages
    if counts.page is not None or numbered is None:
        return counts
    return msgspec.structs.replace(counts, page=numbered.page, total_pages=numbered.total_pages)


def _records(sent: Mapping[str, Raw], resource: Resource, call: Call) -> list[Raw]:
    """The list of an answer; one that is no list, but a record, counts as a list of that."""
    field = resource.rows
    value = sent.get(field, NULL)
    try:
        found: Any = msgspec.json.decode(value, type=list[Raw] | dict[str, Raw] | None)
    except msgspec.DecodeError:
        found = None
    if found is None:  # taken for an empty list, it would delete all records
        raise Unavailable(
            f"Intercom's answer to {call.label} has no {field}, which holds its records. Nothing was changed. Run the "
            "command again later."
        )
    return [value] if isinstance(found, dict) else found


def _next(call: Call, counts: Counts, records: list[Raw], *, scrolls: bool) -> tuple[Call | None, bool]:
    """The call for the next page, and whether there may be one that cannot be asked for."""
    if scrolls:
        is_cut = bool(records) and not counts.scroll_param
        following = {"scroll_param": counts.scroll_param} if records and counts.scroll_param else None
    else:
        following, is_cut = next_page(counts.pages), is_unfollowed(counts.pages)
        if following is None and not is_cut and counts.page and counts.page < (counts.total_pages or 0):
            following = {"page": str(counts.page + 1)}
    return (call.at(following) if following else None), is_cut
