"""What reading the histories would cost. No call is made for it."""

import asyncio
from collections.abc import Mapping, Sequence
from math import ceil

from ..api import has
from ..catalog import CONTACTS, Resource
from ..lists import LastRead, LoadedLists
from ..readings import RunInputs
from ..tables import PlannedList
from .events import due_contacts
from .loaded import LoadedCalls
from .periods import due, first_second


async def planned_history(
    inputs: RunInputs, resources: Sequence[Resource], records: Mapping[str, int | None]
) -> list[PlannedList]:
    """The histories that a run would read: at least these calls.

    Args:
        records: how many records each list has, as far as that is known.
    """
    last = await asyncio.to_thread(LoadedLists(inputs.tables).last_reads)
    version = inputs.options.version.name
    chosen = [one for one in resources if one.is_history and has(version, one.since)]
    return [await _planned(inputs, one, last.get(one.table), records.get(one.follows)) for one in chosen]


async def _planned(inputs: RunInputs, resource: Resource, last: LastRead | None, followed: int | None) -> PlannedList:
    now = int(inputs.options.began_at.timestamp())
    if resource.periods:
        began = first_second(inputs.options, last.cursor if last else None)
        return PlannedList(resource.table, sum(1 for _ in due(began, now, resource.periods.days)))
    if resource.follows == CONTACTS:
        contacts = len(await asyncio.to_thread(due_contacts, inputs, resource, {}))
        is_first = inputs.saved.cursor is None
        return PlannedList(resource.table, None if is_first else min(contacts, inputs.options.limits.events_budget))
    due_calls = await asyncio.to_thread(LoadedCalls(inputs.tables).due, now)
    waiting = max(len(due_calls), followed or 0 if last is None else 0)
    a_call = resource.grouped.most if resource.grouped else 1
    return PlannedList(resource.table, ceil(waiting / a_call), waiting)
