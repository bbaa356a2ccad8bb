"""The lists of one run: each is read once, whichever of its tables is asked for first."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence

import pyarrow as pa

from ..api import Intercom
from ..catalog import BY_NAME, CONTACTS, OBJECT_TYPES, RESOURCES, Parent, Resource
from ..readings import Reading, RunInputs
from ..tables import LIST_TABLES, ListRead
from .loaded import LastRead, LoadedLists
from .run import DoneList, ListRun, Parents

REFUSED = (
    "Their tables stay as they are. Give the app these scopes in Intercom's Developer Hub, or leave the lists out of "
    "the setting resources."
)
NEVER = LastRead("never", None, None, None)


def notes(reads: Sequence[ListRead]) -> Iterator[str]:
    """What a person should know about lists that were not read as usual."""
    refused = [read.table_name for read in reads if read.status == "refused"]
    if refused:
        named = ", ".join(f"{name} (scope {BY_NAME[name].scope})" for name in refused)
        yield f"Intercom refused {'a list' if len(refused) == 1 else f'{len(refused)} lists'}: {named}. {REFUSED}"
    for read in reads:
        if read.status == "partial" and BY_NAME[read.table_name].exported:
            yield f"The export {read.table_name} is not loaded yet: {read.problem}."
        elif read.status == "partial":
            yield f"The list {read.table_name} is read as far as its budget allows: {read.problem}."
        if read.status == "incomplete":
            yield (
                f"The list {read.table_name} is incomplete: {read.problem}. Nothing that it lacks counts as deleted. "
                "The next run reads it again."
            )


class ListReading:
    """Reads lists with the client of a reading.

    Args:
        selected: the tables that the run loads.
    """

    def __init__(self, reading: Reading, selected: Collection[str]) -> None:
        self._reading = reading
        self._selected = frozenset(selected)
        self._turns = defaultdict[str, asyncio.Lock](asyncio.Lock)
        self._done: dict[str, DoneList] = {}
        self._last: dict[str, LastRead] | None = None

    async def tables(self, name: str) -> list[pa.Table]:
        """The rows to load into one of the catalogue's tables; none, and no empty table, where Intercom refuses it."""
        done = await self.done(name)
        if done.read.status in ("refused", "not_offered"):
            return []
        return [*done.tables.get(name, ()), LIST_TABLES[name].empty_table()]

    async def done(self, name: str) -> DoneList:
        """The list that fills a table, as it was read."""
        async with self._reading as (client, inputs):
            return await self._read(BY_NAME[name], client, inputs)

    async def reads(self, beside: Callable[[], Awaitable[Sequence[ListRead]]]) -> list[ListRead]:
        """How the lists of the selected tables were read, once they are. The reading's result has them too.

        Args:
            beside: says how the other resources were read.
        """
        async with self._reading as (client, inputs):
            chosen = [one for one in RESOURCES if not self._selected.isdisjoint(table.table for table in one.tables)]
            reads = [(await self._read(one, client, inputs)).read for one in chosen if one.is_listed]
            reads += await beside()
        self._reading.lists = tuple(reads)
        self._reading.remarks += notes(reads)
        return reads

    async def _read(self, resource: Resource, client: Intercom, inputs: RunInputs) -> DoneList:
        async with self._turns[resource.table]:
            if resource.table not in self._done:
                self._done[resource.table] = await self._read_now(resource, client, inputs)
        return self._done[resource.table]

    async def _read_now(self, resource: Resource, client: Intercom, inputs: RunInputs) -> DoneList:
        last = await self._last_reads(inputs)
        run = ListRun(
            client,
            inputs,
            resource,
            last.get(resource.table, NEVER),
            self._reading.progress.records,
            has_new_children=any(self._counts(resource, one, last) for one in RESOURCES),
        )
        if resource.parent is None:
            return await run.whole_or_changes()
        if resource.parent.table == CONTACTS:
            return await run.of(await self._contacts(resource.parent, inputs, last.get(resource.table, NEVER)))
        if resource.parent.table == OBJECT_TYPES and not inputs.options.custom_objects:
            return run.unnamed()
        if resource.parent.table == OBJECT_TYPES:
            return await run.of(Parents(frozenset(inputs.options.custom_objects), is_whole=False))
        return await run.of((await self._read(BY_NAME[resource.parent.table], client, inputs)).parents)

    async def _contacts(self, parent: Parent, inputs: RunInputs, last: LastRead) -> Parents:
        """The contacts of which a list has to be asked for: of all that changed, or of all if it was never complete."""
        column, now, read = parent.counted.partition(".")[0], set[str](), frozenset[str]()
        reads_contacts = CONTACTS in inputs.selected
        if reads_contacts:
            await self._reading.contacts_finished.wait()
            now, read = inputs.fields.more_of[column], frozenset(self._reading.read_contacts)
        known = set[str]()
        if last.status != "complete" or inputs.options.full or not reads_contacts:
            known = await asyncio.to_thread(LoadedLists(inputs.tables).contacts_with_more, column)
        ids = frozenset(now | known - (read - now))
        return Parents(ids, ids, without=read - ids, is_whole=False)

    def _counts(self, resource: Resource, child: Resource, last: dict[str, LastRead]) -> bool:
        """Whether the run reads a list whose records this one counts, and which was never read whole."""
        parent = child.parent
        if parent is None or not parent.counted or parent.table != resource.table or child.table not in self._selected:
            return False
        return last.get(child.table, NEVER).status != "complete"

    async def _last_reads(self, inputs: RunInputs) -> dict[str, LastRead]:
        async with self._turns["last reads"]:
            if self._last is None:
                self._last = await asyncio.to_thread(LoadedLists(inputs.tables).last_reads)
        return self._last
