"""What reading the parts of conversations would cost."""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from ..api import Intercom, Refused, Unavailable, gathered, has
from ..catalog import BY_NAME, Resource, Searched
from ..lists import RecordReader, one_page, query_call
from ..readings import RunInputs
from ..search import any_of, is_equal
from ..tables import PlannedList
from .loaded import LoadedSupport

SAMPLED = 5
"""Lookups by which the size of the others is estimated."""
LATEST = {"field": "created_at", "order": "descending"}


async def planned_parts(
    client: Intercom, inputs: RunInputs, resources: Sequence[Resource], records: Mapping[str, int | None]
) -> list[PlannedList]:
    """The lookups that a run would make. Six calls, if there are any.

    Args:
        records: how many records of each searched list the run would read.
    """
    version = inputs.options.version.name
    following = [one for one in resources if one.follows and not (one.is_history or one.exported)]
    following = [one for one in following if has(version, one.since)]
    async with client:
        return [await _planned(client, inputs, one, records.get(one.follows)) for one in following]


async def _planned(client: Intercom, inputs: RunInputs, resource: Resource, changed: int | None) -> PlannedList:
    followed = BY_NAME[resource.follows]
    due = await asyncio.to_thread(LoadedSupport(inputs.tables).due, followed, resource, {})
    waiting = max(len(due), changed or 0)
    calls = min(waiting, inputs.options.limits.parts_budget)
    size = await _size(client, inputs, followed, resource) if calls else 0
    return PlannedList(resource.table, calls, waiting, round(calls * size / 1e6, 2))


async def _size(client: Intercom, inputs: RunInputs, followed: Resource, resource: Resource) -> float:
    """Bytes of a lookup, by some of the newest records; 0 where there is none, or where Intercom refuses them."""
    query = any_of(*(is_equal(name, value) for name, value in (followed.searched or Searched()).everything))
    reader = RecordReader(followed, inputs.fields.privacy)
    try:
        page, _ = await one_page(client, followed, query_call(followed.path, query, sort=LATEST, per_page=SAMPLED))
        ids = [record.id for record in map(reader.read, page.records) if record]
        answers = await gathered(_bytes_of(client, resource, one) for one in ids)
    except (Refused, Unavailable):
        return 0.0
    return sum(answers) / max(len(answers), 1)


async def _bytes_of(client: Intercom, resource: Resource, record_id: str) -> int:
    path = resource.path.replace("{id}", quote(record_id, safe=""))
    try:
        sent = await client.answer(path, label=resource.path)
    except (Refused, Unavailable):  # deleted, or for now: the sync itself says why
        return 0
    return sum(len(name) + len(bytes(value)) for name, value in sent.items())
