"""`resources`: the lists that can be loaded, whether they are chosen, and how they were last read."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import msgspec

from sources.intercom.catalog import RESOURCES, Resource, chosen

from ..destinations import Warehouse
from ..errors import NothingToRead

NEWEST = """
select table_name, status, problem, calls, fetched_count, observed_at
from (
    select *, row_number() over (partition by table_name order by observed_at desc) as recency
    from intercom.list_reads
) as ranked
where recency = 1
"""


@dataclass(frozen=True)
class LastReading:
    """The newest reading of a list."""

    status: str
    problem: str | None
    calls: int
    records: int
    observed_at: datetime


class KnownResource(msgspec.Struct, frozen=True):
    """A list, and what is known of it.

    `tables` are filled by it. `needs` is the scope of the token, `since` the first version that has the list.
    """

    resource: str
    group: str
    tables: tuple[str, ...]
    is_chosen: bool
    is_default: bool
    needs: str
    since: str
    last: LastReading | None


class KnownResources(msgspec.Struct, frozen=True):
    """All lists of the catalogue."""

    resources: tuple[KnownResource, ...]


def known_resources(warehouse: Warehouse, names: Collection[str]) -> KnownResources:
    """All lists. `names`: those that the configuration chooses."""
    last, wanted = _last_readings(warehouse), chosen(names)
    return KnownResources(tuple(_known(one, last.get(one.table), is_chosen=one in wanted) for one in RESOURCES))


def _known(resource: Resource, last: LastReading | None, *, is_chosen: bool) -> KnownResource:
    return KnownResource(
        resource=resource.table,
        group=resource.group,
        tables=tuple(table.table for table in resource.tables),
        is_chosen=is_chosen,
        is_default=resource.is_default,
        needs=resource.scope,
        since=resource.since,
        last=last,
    )


def _last_readings(warehouse: Warehouse) -> dict[str, LastReading]:
    """By table; empty before the first sync."""
    try:
        with warehouse.reading() as reader:
            return {name: LastReading(*rest) for name, *rest in reader(NEWEST)}
    except NothingToRead:
        return {}
