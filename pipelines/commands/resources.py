"""`resources`: the lists that can be loaded, whether they are chosen, and how they were last read."""

from collections.abc import Collection

import msgspec

from sources.intercom.catalog import RESOURCES, Resource, chosen

from ..destinations import Warehouse
from ..errors import NothingToRead
from ..folder import read_journal
from .status import ListStatus, newest_readings


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
    last: ListStatus | None


class KnownResources(msgspec.Struct, frozen=True):
    """All lists of the catalogue."""

    resources: tuple[KnownResource, ...]


def known_resources(warehouse: Warehouse, names: Collection[str], workspace: str) -> KnownResources:
    """All lists. `names`: those that the configuration chooses."""
    last, wanted = _last_readings(warehouse, workspace), chosen(names)
    return KnownResources(tuple(_known(one, last.get(one.table), is_chosen=one in wanted) for one in RESOURCES))


def _known(resource: Resource, last: ListStatus | None, *, is_chosen: bool) -> KnownResource:
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


def _last_readings(warehouse: Warehouse, workspace: str) -> dict[str, ListStatus]:
    """By table; empty before the workspace's first sync."""
    runs = [run for run in read_journal(warehouse.journal) if run.pipeline_name == workspace and run.workspace_id]
    try:
        with warehouse.reading() as reader:
            found = newest_readings(reader).get(str(runs[-1].workspace_id), []) if runs else []
            return {one.table_name: one for one in found}
    except NothingToRead:
        return {}
