"""Resources that are read in batches in one run: each is read once, and then it is known how."""

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import AsyncIterator, Collection

from ..api import Intercom
from ..catalog import RESOURCES, Resource
from ..lists import NEVER, LastRead, LoadedLists
from ..readings import Reading, RunInputs, produced
from ..tables import ListRead
from .batches import Batch, Put
from .lookups import LookupRun
from .searching import SearchRun


class BatchReading(ABC):
    """Reads with the client of a reading.

    Args:
        selected: the tables that the run loads.
    """

    def __init__(self, reading: Reading, selected: Collection[str]) -> None:
        self._reading = reading
        self._selected = frozenset(selected)
        self._reads: dict[str, ListRead] = {}
        self._finished = defaultdict[str, asyncio.Event](asyncio.Event)

    @abstractmethod
    def has(self, resource: Resource) -> bool:
        """Whether it reads such a resource."""

    @abstractmethod
    async def _read(
        self, resource: Resource, last: LastRead, client: Intercom, inputs: RunInputs, put: Put
    ) -> ListRead:
        """Reads a resource, of which `last` is the newest reading. `put` receives the rows to load."""

    async def batches(self, resource: Resource) -> AsyncIterator[Batch]:
        """The rows to load of one resource. The last batch may be empty: it makes the tables exist."""

        async def produce(queue: "asyncio.Queue[Batch | None]") -> None:
            async with self._reading as (client, inputs):
                last = (await asyncio.to_thread(LoadedLists(inputs.tables).last_reads)).get(resource.table, NEVER)
                read = await self._read(resource, last, client, inputs, queue.put)
                self._reads[resource.table] = read
                if read.status not in ("refused", "not_offered"):
                    await queue.put({})
            self._finished[resource.table].set()

        async for batch in produced(produce):
            yield batch

    async def reads(self) -> list[ListRead]:
        """How the selected resources were read, once they are."""
        chosen = [
            one
            for one in RESOURCES
            if self.has(one) and not self._selected.isdisjoint(table.table for table in one.tables)
        ]
        for one in chosen:
            await self._finished[one.table].wait()
        return [self._reads[one.table] for one in chosen]


class SupportReading(BatchReading):
    """Conversations and tickets."""

    def __init__(self, reading: Reading, selected: Collection[str]) -> None:
        super().__init__(reading, selected)
        self._searches: dict[str, SearchRun] = {}

    def has(self, resource: Resource) -> bool:
        """Those that search finds, and those that follow them."""
        return not (resource.is_listed or resource.is_history or resource.exported)

    async def _read(
        self, resource: Resource, last: LastRead, client: Intercom, inputs: RunInputs, put: Put
    ) -> ListRead:
        tally = self._reading.progress.records
        if not resource.follows:
            search = self._searches[resource.table] = SearchRun(client, inputs, resource, last, tally, put)
            return await search.read()
        lookups = LookupRun(client, inputs, resource, last, tally, put)
        if resource.follows not in self._selected:
            return await lookups.read({}, ())
        await self._finished[resource.follows].wait()
        if self._reads[resource.follows].status in ("refused", "not_offered"):
            return lookups.refused()
        search = self._searches[resource.follows]
        return await lookups.read(search.batches.seen, search.ended)
