"""What the raw tables remember of a workspace, for the next run to compare with."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from sources.intercom.memberships import RememberedSegment

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
        """Segments ever scanned, by id, each with its newest scan and version."""
        versions = dict(self._newest("segments", "segment_id", "segment_id, updated_at"))
        scans = self._newest("segment_scans", "segment_id", "segment_id, observed_at, how, problem")
        return {row[0]: RememberedSegment(row[0], versions[row[0]], *row[1:]) for row in scans}

    def members(self, segment_id: str) -> set[str]:
        """Contacts whose newest change in the segment says that they are in it."""
        rows = self._newest(
            "membership_changes", "contact_id", "contact_id, is_member", "and segment_id = %s", segment_id
        )
        return {contact_id for contact_id, is_member in rows if is_member}

    def memberships(self, contact_ids: Collection[str]) -> set[tuple[str, str]]:
        """The pairs (segment, contact) that hold for these contacts."""
        ids, pairs = sorted(contact_ids), set()
        for start in range(0, len(ids), IDS_A_QUERY):
            part = ids[start : start + IDS_A_QUERY]
            condition = f"and contact_id in ({', '.join(['%s'] * len(part))})"
            columns = "segment_id, contact_id, is_member"
            rows = self._newest("membership_changes", "segment_id, contact_id", columns, condition, *part)
            pairs |= {(segment_id, contact_id) for segment_id, contact_id, is_member in rows if is_member}
        return pairs

    def contacts(self) -> set[str]:
        """Contacts loaded and not known to be removed."""
        loaded = self._rows("select id from {contacts} where workspace_id = %s", self._workspace_id)
        return {contact_id for (contact_id,) in loaded} - self.removed()

    def removed(self) -> set[str]:
        """Contacts whose newest removal says that they are gone."""
        rows = self._newest("contact_removals", "contact_id", "contact_id, status")
        return {contact_id for contact_id, status in rows if status != "active"}

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

    def _value(self, query: str, *values: str) -> datetime | None:
        rows = self._rows(query, *values)
        value: datetime | None = rows[0][0] if rows else None
        return value

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """The rows of a query in which `{table}` stands for a raw table."""
        with self._turn:
            try:
                rows = self._client.execute_sql(query.format_map(_Tables(self._client)), *values)
            except DatabaseUndefinedRelation:
                return []
        return [tuple(row) for row in rows or ()]


class _Tables(dict[str, str]):
    """The qualified name of any raw table."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        super().__init__()
        self._client = client

    def __missing__(self, table: str) -> str:
        return self._client.make_qualified_table_name(table)
