"""One list in one run: what is asked, what it proves, and what is written."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import pyarrow as pa

from ..api import Intercom, QueryRefused, Refused, has
from ..catalog import RESOURCES, Resource
from ..readings import RunInputs
from ..search import Tally
from ..tables import How, ListRead
from .changes import COLLAPSED, TableChanges, changed_tables, changes_of, collapse, looked_up, missing
from .loaded import LastRead, LoadedLists, LoadedRow
from .reader import ListReader, ReadRecords
from .rows import Key, NestedRows


@dataclass(frozen=True)
class Parents:
    """The records of a list, as parents of others.

    Args:
        ids: those that are there; of contacts those of which the list has to be asked for.
        changed: those of them that are new, or differ from what was loaded.
        counts: for each list of children, by table, how many each of them has, as far as they were read.
        without: others that were read, and have no children to ask for.
        is_whole: rows of any other parent are those of a deleted one.
    """

    ids: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    is_whole: bool = True


@dataclass(frozen=True)
class DoneList:
    """A list that was read: its row of `list_reads`, the rows to load by table, and its records as parents.

    Args:
        nested: for each nested table with a history, its rows by the id of their record.
    """

    read: ListRead
    tables: Mapping[str, tuple[pa.Table, ...]] = field(default_factory=dict)
    parents: Parents | None = None
    nested: Mapping[str, Mapping[str, NestedRows]] = field(default_factory=dict)


class ListRun:
    """Reads one list, and compares it with what is loaded.

    Args:
        last: its newest reading.
        tally: counts its records and calls.
        has_new_children: a list is selected whose records it counts, and that was never read whole.
    """

    def __init__(
        self,
        client: Intercom,
        inputs: RunInputs,
        resource: Resource,
        last: LastRead,
        tally: Tally,
        *,
        has_new_children: bool = False,
    ) -> None:
        self._client = client
        self._inputs = inputs
        self._resource = resource
        self._last = last
        self._has_new_children = has_new_children
        self._reader = ListReader(client, resource, inputs.fields.privacy, tally)
        self._loaded = LoadedLists(inputs.tables)
        self._started_at = inputs.options.clock()

    async def whole_or_changes(self) -> DoneList:
        """Reads a list that has no parent."""
        options, has_new_children = self._inputs.options, self._has_new_children
        is_enough = self._last.is_enough_with_changes(self._resource, options) and not has_new_children
        how: How = "changes" if is_enough else "whole"
        if not has(self._inputs.options.version.name, self._resource.since):
            return self._not_offered(how)
        try:
            how, read = await self._records(how)
        except Refused as refused:
            return self._refused(how, refused.answer)
        loaded = await self._loaded_rows()
        gone, read = await self._gone(how, read, loaded)
        return await self._done(how, read, loaded, gone)

    async def of(self, parents: Parents | None) -> DoneList:
        """Reads the list of each parent that has to be asked. Null where Intercom refused the list of parents."""
        resource, loaded = self._resource, await self._loaded_rows()
        if not has(self._inputs.options.version.name, resource.since):
            return self._not_offered("by_parent")
        if parents is None:
            return self._refused("by_parent", "the list of its parents was refused")
        asks = self._asks()
        asked, empty = self._asked(parents, asks)
        try:
            read = await self._reader.of_parents(sorted(asked))
        except Refused as refused:
            return self._refused("by_parent", refused.answer)
        gone, read = await self._gone("by_parent", read, loaded)
        childless = empty | parents.without
        gone |= {key for key in loaded if str(key[0]) in childless}
        gone |= {key for key in loaded if parents.is_whole and str(key[0]) not in parents.ids}
        return await self._done("changes" if asks == "swept" else "by_parent", read, loaded, gone)

    def _asks(self) -> str:
        """As `Parent.asks`; `all` also where the list was never read of all parents, or has to be again."""
        asks = self._resource.parent.asks if self._resource.parent else "changed"
        is_first = self._last.status != "complete" or self._inputs.options.full
        return "all" if is_first or (asks == "swept" and self._last.is_due(self._inputs.options)) else asks

    def _asked(self, parents: Parents, asks: str) -> tuple[set[str], set[str]]:
        """The parents to ask, and those that need no call, since Intercom counts no records of them."""
        due = parents.ids if asks == "all" else parents.ids & parents.changed
        counts = parents.counts.get(self._resource.table)
        if counts is None:
            return set(due), set()
        empty = {one for one in due if counts.get(one) == 0}
        return {one for one in due if counts.get(one, 0)}, empty

    async def _records(self, how: How) -> tuple[How, ReadRecords]:
        if how == "changes" and self._last.cursor is not None:
            try:
                return how, await self._reader.changes(self._last.cursor)
            except QueryRefused:  # its version, or plan, has no such search
                pass
        return "whole", await self._reader.whole()

    async def _loaded_rows(self) -> dict[Key, LoadedRow]:
        return await asyncio.to_thread(self._loaded.rows, self._resource, self._resource)

    async def _gone(self, how: How, read: ReadRecords, loaded: Mapping[Key, LoadedRow]) -> tuple[set[Key], ReadRecords]:
        """The records that are known to be deleted. What is missing without that makes the reading incomplete."""
        if read.problem is not None and how != "by_parent":
            return set(), read
        lost = missing(self._resource, read, loaded, is_whole=how == "whole")
        present = sum(not row.is_deleted for row in loaded.values())
        if not lost:
            return set(), read
        if self._resource.lookup:
            return await self._not_found(lost, read)
        problem = collapse(len(lost), present, can_be_empty=read.total_count == 0)
        is_second = COLLAPSED in (self._last.problem or "") or self._inputs.options.guard.accept
        if problem and not is_second:
            return set(), replace(read, problem=problem)
        return await self._missing_again(how, lost, read)

    async def _not_found(self, lost: list[Key], read: ReadRecords) -> tuple[set[Key], ReadRecords]:
        gone, left = await looked_up(lost, partial(self._client.exists, self._resource.lookup))
        problem = f"it lacks {left:,} records that are still there, or could not be looked up" if left else None
        return gone, replace(read, calls=read.calls + len(gone) + left, problem=read.problem or problem)

    async def _missing_again(self, how: How, lost: list[Key], read: ReadRecords) -> tuple[set[Key], ReadRecords]:
        """Where no single record can be looked up, two equal answers have to lack it."""
        parents = {str(key[0]) for key in lost} if how == "by_parent" else None
        again = await (self._reader.whole() if parents is None else self._reader.of_parents(sorted(parents)))
        before = {key for key in read.records if parents is None or str(key[0]) in parents}
        is_equal = again.records.keys() == before
        problem = again.problem or (None if is_equal else "two answers disagree about which records there are")
        gone = set() if problem else set(lost)
        return gone, replace(read, calls=read.calls + again.calls, problem=read.problem or problem)

    async def _done(self, how: How, read: ReadRecords, loaded: Mapping[Key, LoadedRow], gone: set[Key]) -> DoneList:
        observed_at, resource = self._inputs.options.clock(), self._resource
        changes = {resource.table: changes_of(resource, resource, read, loaded, gone)}
        for table in resource.nested:
            rows = await asyncio.to_thread(self._loaded.rows, table, resource)
            changes[table.table] = changes_of(table, resource, read, rows, gone)
        tables = {name: await self._tables(name, one, observed_at) for name, one in changes.items()}
        present = {key for key, row in loaded.items() if not row.is_deleted} | read.records.keys()
        return DoneList(
            self._noted(how, read, changes, observed_at),
            tables,
            Parents(
                frozenset(str(key[-1]) for key in present - gone),
                frozenset(str(row.key[-1]) for row in changes[resource.table].written),
                _counts(resource, read),
            ),
            {
                table.table: {record.id: record.rows(table) for record in read.records.values()}
                for table in resource.nested
                if table.has_history
            },
        )

    def _noted(
        self, how: How, read: ReadRecords, changes: Mapping[str, TableChanges], observed_at: datetime
    ) -> ListRead:
        return ListRead(
            table_name=self._resource.table,
            how=how,
            status="incomplete" if read.problem else "complete",
            problem=read.problem,
            started_at=self._started_at,
            observed_at=observed_at,
            calls=read.calls,
            fetched=len(read.records),
            total_count=read.total_count,
            changed=sum(len(one.written) for one in changes.values()),
            deleted=sum(len(one.deleted) for one in changes.values()),
            cursor=self._last.cursor if read.problem else self._cursor(),
        )

    def _cursor(self) -> int | None:
        """Where the next changes begin: at Intercom's clock before the run read anything, less the overlap."""
        if self._resource.changes_since is None:
            return None
        began = self._client.usage.answered_at or self._inputs.options.began_at.timestamp()
        return int(began) - self._inputs.options.overlap

    async def _tables(self, name: str, changes: TableChanges, observed_at: datetime) -> tuple[pa.Table, ...]:
        table = next(one for one in self._resource.tables if one.table == name)
        noted = {**self._inputs.options.stamp, "observed_at": observed_at}
        return await changed_tables(table, self._resource, changes, self._loaded, noted)

    def unnamed(self) -> DoneList:
        """Custom objects of which the configuration names no type: Intercom does not list the types."""
        return self._not_offered("by_parent", "the setting custom_objects names no type")

    def _not_offered(self, how: How, problem: str = "") -> DoneList:
        problem = problem or f"it came with version {self._resource.since} of Intercom's API"
        now = self._inputs.options.clock()
        return DoneList(ListRead(self._resource.table, how, "not_offered", problem, self._started_at, now))

    def _refused(self, how: How, answer: str) -> DoneList:
        now = self._inputs.options.clock()
        return DoneList(ListRead(self._resource.table, how, "refused", answer, self._started_at, now, calls=1))


def _counts(resource: Resource, read: ReadRecords) -> dict[str, dict[str, int]]:
    counted = {
        one.table: one.parent.counted
        for one in RESOURCES
        if one.parent and one.parent.table == resource.table and one.parent.counted
    }
    return {
        table: {record.id: record.number(path) for record in read.records.values()} for table, path in counted.items()
    }
