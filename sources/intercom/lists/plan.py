"""What reading the lists would cost."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from math import ceil

from ..api import JSON, ContactId, Intercom, Page, Refused, Unavailable, absence_codes, gathered, has
from ..catalog import BY_NAME, CONTACTS, OBJECT_TYPES, Resource
from ..memberships import RunOptions
from ..readings import RunInputs
from ..search import BY_CREATION, any_of, everyone, is_after, is_equal
from ..tables import PlannedList, Privacy
from .loaded import LastRead, LoadedLists
from .paging import Call, first_call, one_page, pages, period_call, query_call
from .rows import RecordReader

SCROLLED_A_PAGE = 100
CALLS_BESIDE_A_SEARCH = 3
"""What was updated last, whether search compares seconds, and the list of deleted records."""
SECONDS_OF_A_TRIAL = 3_600
"""The period for which a list is asked, to find out whether Intercom refuses it."""
COUNTED = Call("/companies/list?per_page=1", "/companies/list", body={})
"""Counts companies. Asking by a scroll would lock out other tools for a minute."""


async def planned_lists(client: Intercom, inputs: RunInputs, resources: Sequence[Resource]) -> list[PlannedList]:
    """The lists that a run would read, those that the version offers. One call for each that was never read."""
    options = inputs.options
    last = await asyncio.to_thread(LoadedLists(inputs.tables).last_reads)
    offered = [one for one in resources if has(options.version.name, one.since)]
    async with client:
        alone = [one for one in offered if not (one.parent or one.follows or one.periods or one.exported)]
        parents = await gathered(_planned(client, one, last.get(one.table), options) for one in alone)
    records = {one.table_name: one.records for one in parents} | {OBJECT_TYPES: len(options.custom_objects)}
    children = [_child(one, last.get(one.table), records, options) for one in offered if one.parent]
    return [*parents, *children]


async def refused_lists(
    client: Intercom, resources: Sequence[Resource], custom_objects: Sequence[str] = ()
) -> list[Resource]:
    """The lists whose first page Intercom refuses. What is asked for parent by parent is tried with one parent.

    Exports and lookups of single records are not tried, and no list where its parents are missing.
    """
    listed = [one for one in resources if not (one.follows or one.exported)]
    tables = sorted({one.parent.table for one in listed if one.parent})
    parents = dict(zip(tables, await gathered(_a_parent(client, one, custom_objects) for one in tables), strict=True))
    tried = [(one, call) for one in listed if (call := _trial(one, parents))]
    refused = await gathered(_is_refused(client, one, call) for one, call in tried)
    return [one for (one, _), is_refused in zip(tried, refused, strict=True) if is_refused]


def _trial(resource: Resource, parents: Mapping[str, str | None]) -> Call | None:
    """The call that tries a list. `parents`: the id of one parent, by table."""
    if resource.parent is None:
        return _first_page(resource, None)
    parent = parents[resource.parent.table]
    return first_call(resource, parent) if parent else None


async def _is_refused(client: Intercom, resource: Resource, call: Call) -> bool:
    try:
        await one_page(client, resource, call)
    except Refused as refused:
        is_gone = resource.parent and refused.codes & absence_codes(resource.path)
        return not is_gone
    except Unavailable:  # for now: a sync tries longer
        return False
    return False


async def _a_parent(client: Intercom, table: str, custom_objects: Sequence[str]) -> str | None:
    """The id of one contact, or of one record of a list. Null for an empty list, and for one that Intercom refuses."""
    if table == OBJECT_TYPES:
        return next(iter(custom_objects), None)
    if table == CONTACTS:
        found = await client.search(everyone(), sort=BY_CREATION, page=Page[ContactId], pagination={"per_page": 1})
        return next((contact.id for contact in found.data), None)
    resource = BY_NAME[table]
    try:
        page, _ = await one_page(client, resource, _first_page(resource, None))
    except (Refused, Unavailable):
        return None
    read = map(RecordReader(resource, Privacy()).read, page.records)
    return next((str(record.row.key[-1]) for record in read if record), None)


def _child(
    resource: Resource, last: LastRead | None, records: Mapping[str, int | None], options: RunOptions
) -> PlannedList:
    """One call for each parent; where Intercom counts the children, only a reading shows for how many."""
    parent = resource.parent
    if last is not None and last.status == "complete":
        is_whole = options.full or (parent is not None and parent.asks == "swept" and last.is_due(options))
        return PlannedList(resource.table, last.whole_calls if is_whole else last.calls, last.fetched)
    return PlannedList(resource.table, records.get(parent.table) if parent and not parent.counted else None)


async def _planned(client: Intercom, resource: Resource, last: LastRead | None, options: RunOptions) -> PlannedList:
    if last is not None and last.status == "complete" and not resource.searched:
        is_whole = not last.is_enough_with_changes(resource, options)
        return PlannedList(resource.table, last.whole_calls if is_whole else last.calls, last.fetched)
    changes = last and last.cursor and is_after("updated_at", last.cursor, options.dates)
    try:
        return await _estimated(client, resource, changes or None)
    except (Refused, Unavailable):  # the sync itself says why
        return PlannedList(resource.table, 1)


async def _estimated(client: Intercom, resource: Resource, query: JSON | None = None) -> PlannedList:
    """By the first page: the others are taken to be like it. `query`: what a search asks for, if not for everything."""
    async for page in pages(client, resource, _first_page(resource, query)):
        total = len(page.records) if page.total_count is None else page.total_count
        a_page = SCROLLED_A_PAGE if resource.scrolls else max(len(page.records), 1)
        size = sum(len(bytes(record)) for record in page.records) / max(len(page.records), 1)
        calls = max(1, ceil(total / a_page)) + resource.scrolls  # a scroll ends with an empty page
        calls += CALLS_BESIDE_A_SEARCH if resource.searched else 0
        return PlannedList(resource.table, calls, total, round(total * size / 1e6, 2))
    return PlannedList(resource.table, 1)


def _first_page(resource: Resource, query: JSON | None) -> Call:
    if resource.searched:
        everything = any_of(*(is_equal(name, value) for name, value in resource.searched.everything))
        return query_call(resource.path, query or everything, sort=BY_CREATION, per_page=resource.per_page or 1)
    if resource.periods:
        now = int(time.time())
        return period_call(resource, now - SECONDS_OF_A_TRIAL, now)
    return COUNTED if resource.scrolls else first_call(resource)
