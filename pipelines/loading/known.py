"""What the raw tables remember of a workspace, for the next run to compare with."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from sources.intercom.api import Activity
from sources.intercom.memberships import LastSweep, RememberedSegment, Removal, reported_removals

IDS_A_QUERY = 1_000


@contextmanager
def remembering(pipeline: dlt.Pipeline, workspace_id: str) -> Iterator["RawMemory"]:
    """A workspace's memory, over one connection that closes afterwards."""
    with pipeline.sql_client() as client:
        yield RawMemory(client, workspace_id)


class RawMemory:
    """One workspace's past; see `sources.intercom.memberships.Memory`. A table not loaded yet remembers nothing.

    May be asked from several threads: they take turns on the one connection.
    """

    def __init__(self, client: SqlClientBase[Any], workspace_id: str) -> None:
        self._client = client
        self._workspace_id = workspace_id
        self._turn = Lock()

    def segments(self) -> dict[str, RememberedSegment]:
        """Segments ever scanned, by id, each with its newest scan and version, and its last complete sweep."""
        newest = self._newest("segments", "segment_id", "segment_id, updated_at, name")
        versions = {segment_id: (updated_at, name) for segment_id, updated_at, name in newest}
        whole = "and status = 'complete' and how <> 'deleted'"
        sweeps = self._newest("segment_scans", "segment_id", "segment_id, observed_at, count, members", whole)
        swept = {segment_id: LastSweep(*rest) for segment_id, *rest in sweeps}
        scans = self._newest("segment_scans", "segment_id", "segment_id, observed_at, how, status, problem, members")
        return {
            key: RememberedSegment(
                key, versions[key][0], observed_at, how, status, problem, members, swept.get(key), versions[key][1]
            )
            for key, observed_at, how, status, problem, members in scans
        }

    def members(self, segment_id: str) -> set[str]:
        """Contacts whose newest change in the segment says that they are in it."""
        rows = self._newest(
            "membership_changes", "contact_id", "contact_id, is_member", "and segment_id = %s", segment_id
        )
        return {contact_id for contact_id, is_member in rows if is_member}

    def memberships(self, contact_ids: Collection[str]) -> set[tuple[str, str]]:
        """The pairs (segment, contact) that hold for these contacts."""
        columns = "segment_id, contact_id, is_member"
        rows = self._newest_among("membership_changes", "segment_id, contact_id", columns, contact_ids)
        return {(segment_id, contact_id) for segment_id, contact_id, is_member in rows if is_member}

    def contacts(self) -> set[str]:
        """Contacts loaded and not known to be removed."""
        loaded = self._rows("select id from {contacts} where workspace_id = %s", self._workspace_id)
        return {contact_id for (contact_id,) in loaded} - self.removed().keys()

    def contact_count(self) -> int:
        """How many contacts are loaded and not known to be removed."""
        rows = self._rows("select count(*) from {contacts} where workspace_id = %s", self._workspace_id)
        return (rows[0][0] if rows else 0) - len(self.loaded(self.removed()))

    def updated_after(self, second: int) -> int:
        """How many contacts are loaded with a later `updated_at` and not known to be removed."""
        query = "select count(*) from {contacts} where workspace_id = %s and updated_at > %s"
        rows = self._rows(query, self._workspace_id, second)
        removed = self.loaded(self.removed()).values()
        return (rows[0][0] if rows else 0) - sum(
            updated_at is not None and updated_at > second for updated_at in removed
        )

    def loaded(self, contact_ids: Collection[str]) -> dict[str, int | None]:
        """Those of the contacts that are loaded, with the `updated_at` they were loaded with."""
        query = "select id, updated_at from {contacts} where workspace_id = %s and id in "
        return dict(row for part in _parts(contact_ids) for row in self._among(query, part))

    def removed(self) -> dict[str, str]:
        """Contacts whose newest removal says that they are gone, with its status."""
        rows = self._newest("contact_removals", "contact_id", "contact_id, status")
        return {contact_id: status for contact_id, status in rows if status != "active"}

    def reported(self) -> dict[str, Removal]:
        """Loaded contacts that the activity feed told to be deleted or merged, and that are not removed yet."""
        columns = ("id", "event_type", "contact_id", "merge_source_id", "merge_target_id", "created_at")
        rows = self._rows(
            f"select {', '.join(columns)} from {{contact_activities}} where workspace_id = %s and event_type in "  # noqa: S608
            "('contact.deleted', 'contact.merged') order by created_at",
            self._workspace_id,
        )
        removals = reported_removals(Activity(**dict(zip(columns, row, strict=True))) for row in rows)
        open_reports = removals.keys() - self.removed().keys()
        return {contact_id: removals[contact_id] for contact_id in self.loaded(open_reports)}

    def newest_observation(self) -> datetime | None:
        """The latest moment in the log: the clock has to be past it."""
        return self._value("select max(observed_at) from {segment_scans} where workspace_id = %s", self._workspace_id)

    def newest_run(self, pipeline_name: str) -> datetime | None:
        """When the last loaded run of a pipeline ended."""
        query = "select max(ended_at) from {runs} where workspace_id = %s and pipeline_name = %s"
        return self._value(query, self._workspace_id, pipeline_name)

    def _newest(self, table: str, key: str, columns: str, condition: str = "", *values: str) -> list[tuple[Any, ...]]:
        return self._rows(
            f"select {columns} from (select *, row_number() over (partition by {key} order by observed_at desc) as "  # noqa: S608
            f"recency from {{{table}}} where workspace_id = %s {condition}) as rows where recency = 1",
            self._workspace_id,
            *values,
        )

    def _newest_among(
        self, table: str, key: str, columns: str, contact_ids: Collection[str]
    ) -> Iterator[tuple[Any, ...]]:
        for part in _parts(contact_ids):
            yield from self._newest(table, key, columns, f"and contact_id in ({', '.join(['%s'] * len(part))})", *part)

    def _among(self, query: str, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        return self._rows(f"{query} ({', '.join(['%s'] * len(ids))})", self._workspace_id, *ids)

    def _value(self, query: str, *values: str) -> datetime | None:
        rows = self._rows(query, *values)
        value: datetime | None = rows[0][0] if rows else None
        return value

    def _rows(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        """The rows of a query in which `{table}` stands for a raw table."""
        with self._turn:
            try:
                rows = self._client.execute_sql(query.format_map(_Tables(self._client)), *values)
            except DatabaseUndefinedRelation:
                return []
        return [tuple(row) for row in rows or ()]


def _parts(ids: Collection[str]) -> Iterator[Sequence[str]]:
    ordered = sorted(ids)
    return (ordered[start : start + IDS_A_QUERY] for start in range(0, len(ordered), IDS_A_QUERY))


class _Tables(dict[str, str]):
    """The qualified name of any raw table."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        super().__init__()
        self._client = client

    def __missing__(self, table: str) -> str:
        return self._client.make_qualified_table_name(table)
