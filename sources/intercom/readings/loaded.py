"""The raw tables of one workspace as they are loaded, for the next run to compare with."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from threading import RLock
from types import TracebackType
from typing import Any, Self

from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from ..api import Activity
from ..memberships import LastSweep, RememberedSegment, Removal, SegmentVersion, reported_removals

IDS_A_QUERY = 1_000
SCANS = ("segment_scans", "company_segment_scans", "contact_tag_scans")

Connect = Callable[[], SqlClientBase[Any]]


class LoadedTables:
    """The raw tables of one workspace. A table that is not loaded yet is empty.

    A context manager that can be nested: one connection is open until the outermost block ends. Queries of several
    threads take turns on it. `connect` makes the client, as `dlt.Pipeline.sql_client` does; null where nothing can be
    loaded, because there is no pipeline. It is called once, since dlt reads its schema for that.
    """

    def __init__(self, connect: Connect | None, workspace_id: str) -> None:
        self._connect = None if connect is None else cache(connect)
        self._workspace_id = workspace_id
        self._client: SqlClientBase[Any] | None = None
        self._blocks = 0
        self._turn = RLock()

    def __enter__(self) -> Self:
        with self._turn:
            if self._connect and not self._blocks:
                self._client = self._connect().__enter__()
            self._blocks += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._turn:
            self._blocks -= 1
            if self._client and not self._blocks:
                client, self._client = self._client, None
                client.__exit__(kind, error, trace)  # type: ignore[arg-type]  # dlt types what is null after a block that succeeds

    def segments(self) -> dict[str, RememberedSegment]:
        """Segments ever scanned, by id, each with its newest scan and last complete sweep.

        The version is the newest one that was loaded when that scan ended: an edit that is loaded without a scan is
        still to be noticed.
        """
        whole = "and status = 'complete' and how <> 'deleted'"
        sweeps = self._newest("segment_scans", "segment_id", "segment_id, observed_at, count, members", whole)
        swept = {segment_id: LastSweep(*rest) for segment_id, *rest in sweeps}
        scans = self._newest("segment_scans", "segment_id", "segment_id, observed_at, how, status, problem, members")
        scanned_at = {segment_id: observed_at for segment_id, observed_at, *_ in scans}
        versions = self._versions_until(scanned_at)
        return {
            key: RememberedSegment(
                key,
                versions[key].updated_at,
                observed_at,
                how,
                status,
                problem,
                members,
                swept.get(key),
                versions[key].name,
            )
            for key, observed_at, how, status, problem, members in scans
        }

    def versions(self) -> dict[str, list[SegmentVersion]]:
        """The loaded definitions of each segment, the newest last."""
        rows = self._rows(
            "select segment_id, updated_at, name, person_type, created_at, observed_at from {segments} "
            "where workspace_id = %s order by observed_at, updated_at",
            self._workspace_id,
        )
        versions = defaultdict[str, list[SegmentVersion]](list)
        for segment_id, *version in rows:
            versions[segment_id].append(SegmentVersion(*version))
        return versions

    def _versions_until(self, scanned_at: Mapping[str, datetime]) -> dict[str, SegmentVersion]:
        """The newest version of each segment that was not loaded after the segment's scan, or the first one."""
        loaded = self.versions()
        return {
            key: next((one for one in reversed(loaded[key]) if one.observed_at <= until), loaded[key][0])
            for key, until in scanned_at.items()
        }

    def members(self, segment_id: str) -> set[str]:
        """Contacts whose newest change in the segment is a join."""
        rows = self._newest(
            "membership_changes", "contact_id", "contact_id, is_member", "and segment_id = %s", segment_id
        )
        return {contact_id for contact_id, is_member in rows if is_member}

    def memberships(self, contact_ids: Collection[str]) -> set[tuple[str, str]]:
        """The current memberships of these contacts, as pairs (segment, contact)."""
        columns = "segment_id, contact_id, is_member"
        rows = self._newest_among("membership_changes", "segment_id, contact_id", columns, contact_ids)
        return {(segment_id, contact_id) for segment_id, contact_id, is_member in rows if is_member}

    def ask(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """The rows of a query in which `{table}` stands for a raw table, and the first `%s` for the workspace's id."""
        return self._rows(query, self._workspace_id, *values)

    def rows(self, table: str, columns: Sequence[str]) -> set[tuple[Any, ...]]:
        """All rows of a small table."""
        query = f"select {', '.join(columns)} from {{{table}}} where workspace_id = %s"  # noqa: S608 (our own names)
        return set(self._rows(query, self._workspace_id))

    def attribute_values(self, contact_ids: Collection[str]) -> dict[tuple[str, str], str | None]:
        """The newest logged values of tracked attributes of these contacts, by contact and attribute."""
        table = "contact_attribute_changes"
        if not self._rows(f"select 1 from {{{table}}} where workspace_id = %s limit 1", self._workspace_id):  # noqa: S608
            return {}
        rows = self._newest_among(table, "contact_id, attribute", "contact_id, attribute, value", contact_ids)
        return {(contact_id, attribute): value for contact_id, attribute, value in rows}

    def contacts(self) -> set[str]:
        """Loaded contacts that are not known to be removed."""
        loaded = self._rows("select id from {contacts} where workspace_id = %s", self._workspace_id)
        return {contact_id for (contact_id,) in loaded} - self.removed().keys()

    def is_empty(self) -> bool:
        """Whether nothing of the workspace is loaded: neither a contact nor a scan of a segment."""
        tables = ("contacts", "segment_scans")
        queries = (f"select 1 from {{{table}}} where workspace_id = %s limit 1" for table in tables)  # noqa: S608
        with self:
            return not any(self._rows(query, self._workspace_id) for query in queries)

    def contact_count(self) -> int:
        """The number of `contacts`."""
        rows = self._rows("select count(*) from {contacts} where workspace_id = %s", self._workspace_id)
        return (rows[0][0] if rows else 0) - len(self.loaded(self.removed()))

    def updated_after(self, second: int) -> int:
        """The number of `contacts` with a later `updated_at`."""
        query = "select count(*) from {contacts} where workspace_id = %s and updated_at > %s"
        rows = self._rows(query, self._workspace_id, second)
        removed = self.loaded(self.removed()).values()
        return (rows[0][0] if rows else 0) - sum(
            updated_at is not None and updated_at > second for updated_at in removed
        )

    def loaded(self, contact_ids: Collection[str]) -> dict[str, int | None]:
        """Of these contacts those that are loaded, with their loaded `updated_at`."""
        query = "select id, updated_at from {contacts} where workspace_id = %s and id in "
        return dict(row for part in _parts(contact_ids) for row in self._among(query, part))

    def removed(self) -> dict[str, str]:
        """Contacts that are removed by their newest removal, with its status."""
        rows = self._newest("contact_removals", "contact_id", "contact_id, status")
        return {contact_id: status for contact_id, status in rows if status != "active"}

    def reported(self) -> dict[str, Removal]:
        """Loaded contacts that the activity feed reports as deleted or merged, and that are not recorded as removed."""
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
        """The latest time in the log: the clock must be past it."""
        query = "select max(observed_at) from {{{table}}} where workspace_id = %s"
        with self:
            times = [self._value(query.format(table=table), self._workspace_id) for table in SCANS]
        return max((time for time in times if time is not None), default=None)

    def runs(self, pipeline_name: str) -> set[str]:
        """The loaded runs of a pipeline."""
        query = "select run_id from {runs} where workspace_id = %s and pipeline_name = %s"
        return {run_id for (run_id,) in self._rows(query, self._workspace_id, pipeline_name)}

    def _newest(self, table: str, key: str, columns: str, condition: str = "", *values: str) -> list[tuple[Any, ...]]:
        return self._rows(
            f"select {columns} from (select *, row_number() over (partition by {key} order by observed_at desc) as "  # noqa: S608
            f"recency from {{{table}}} where workspace_id = %s {condition}) as ranked where recency = 1",
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
        with self, self._turn:
            if self._client is None:
                return []
            try:
                rows = self._client.execute_sql(query.format_map(_TableNames(self._client)), *values)
            except DatabaseUndefinedRelation:
                return []
        return [tuple(row) for row in rows or ()]


def _parts(ids: Collection[str]) -> Iterator[Sequence[str]]:
    ordered = sorted(ids)
    return (ordered[start : start + IDS_A_QUERY] for start in range(0, len(ordered), IDS_A_QUERY))


class _TableNames(dict[str, str]):
    """The qualified name of any raw table."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        super().__init__()
        self._client = client

    def __missing__(self, table: str) -> str:
        return self._client.make_qualified_table_name(table)
