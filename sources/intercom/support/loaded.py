"""What earlier runs have loaded of conversations and tickets."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from dlt.common.utils import chunks

from ..catalog import Resource
from ..readings import LoadedTables

SETTLED_SECONDS = 300
"""How long ago a record must have changed when it was looked up: it may have changed again within the same second, and
clocks may differ by five minutes."""
IDS_A_QUERY = 1_000


class LoadedSupport:
    """The tables of one workspace. Those that are not loaded yet are empty."""

    def __init__(self, tables: LoadedTables) -> None:
        self._tables = tables

    def complete_at(self, resource: Resource) -> dict[str, datetime]:
        """When the resource was last read completely in each way."""
        query = (
            "select how, max(observed_at) from {list_reads} where workspace_id = %s and table_name = %s "
            "and status = 'complete' group by how"
        )
        return dict(self._tables.ask(query, resource.table))

    def present_count(self, resource: Resource) -> int:
        """How many of its records are loaded, and not marked as deleted."""
        query = f"select count(*) from {{{resource.table}}} where workspace_id = %s and not is_deleted"  # noqa: S608 (our own names)
        return sum(count for (count,) in self._tables.ask(query))

    def due(self, records: Resource, lookups: Resource, seen: Mapping[str, int]) -> dict[str, int]:
        """The records that changed since their last lookup, or have none, and when each was last updated.

        Args:
            seen: records that a run has read and not loaded yet, with their times.
        """
        if not self._tables.ask(f"select 1 from {{{lookups.table}}} where workspace_id = %s limit 1"):  # noqa: S608
            known = f"select id, coalesce(updated_at, 0) from {{{records.table}}} where workspace_id = %s"  # noqa: S608
            return {**dict(self._tables.ask(f"{known} and not is_deleted")), **seen}
        changed = (
            "l.id is null or coalesce(l.updated_at, -1) < coalesce(r.updated_at, 0) "
            f"or extract(epoch from l.observed_at) < r.updated_at + {SETTLED_SECONDS}"
        )
        query = (
            f"select r.id, coalesce(r.updated_at, 0) from {{{records.table}}} as r left join {{{lookups.table}}} as l "  # noqa: S608
            f"on l.workspace_id = r.workspace_id and l.id = r.id where r.workspace_id = %s and not r.is_deleted "
            f"and ({changed})"
        )
        due = dict(self._tables.ask(query))
        looked_up = dict(self._looked_up(lookups, seen))
        return due | {one: at for one, at in seen.items() if one in due or looked_up.get(one, -1) < at}

    def ended(self, records: Resource, lookups: Resource) -> set[str]:
        """Records that are marked as deleted, and whose lookups are not."""
        query = (
            f"select l.id from {{{records.table}}} as r join {{{lookups.table}}} as l on l.workspace_id = "  # noqa: S608
            "r.workspace_id and l.id = r.id where r.workspace_id = %s and r.is_deleted and not l.is_deleted"
        )
        return {record_id for (record_id,) in self._tables.ask(query)}

    def _looked_up(self, lookups: Resource, ids: Mapping[str, int]) -> Iterator[tuple[str, int]]:
        for part in chunks(sorted(ids), IDS_A_QUERY):
            marks = ", ".join(["%s"] * len(part))
            query = f"select id, updated_at from {{{lookups.table}}} where workspace_id = %s and id in ({marks})"  # noqa: S608
            yield from ((key, -1 if at is None else at) for key, at in self._tables.ask(query, *part))
