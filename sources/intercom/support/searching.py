"""One searched list in one run: what is asked, what it proves, and what is written."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from ..api import JSON, Intercom, Refused, Unavailable, has
from ..catalog import Resource, Searched
from ..lists import LastRead, ListReader, LoadedLists, RecordReader, looked_up
from ..readings import RunInputs
from ..search import Dates, Tally, any_of, is_after, is_equal
from ..tables import How, ListRead, Status
from .batches import Batches, Put
from .evidence import QueryReading
from .loaded import LoadedSupport
from .pages import SearchPages
from .probe import Probe, probed

WHOLE_EVERY = timedelta(days=7)
"""Which changes move `updated_at` is not documented, so all records are read again once in a while."""
RECENT = timedelta(days=30)
"""Younger records are read again once in `sweep_every`: ratings, tags and service levels come late."""
MOST_LOOKUPS = 1_000
"""Missing records that a run looks up. The next runs look up the others."""


class SearchRun:
    """Reads the records of one resource by search, and compares them with what is loaded.

    Attributes:
        batches: what it has read.
        ended: ids of records that it has found to be deleted.

    Args:
        last: its newest reading.
        tally: counts its records and calls.
        put: receives rows to load.
    """

    def __init__(
        self, client: Intercom, inputs: RunInputs, resource: Resource, last: LastRead, tally: Tally, put: Put
    ) -> None:
        self._client = client
        self._inputs, self._options = inputs, inputs.options
        self._resource = resource
        self._searched = resource.searched or Searched()
        self._last = last
        self._started_at = inputs.options.clock()
        self._loaded, self._support = LoadedLists(inputs.tables), LoadedSupport(inputs.tables)
        self._pages, reader = SearchPages(client, resource), RecordReader(resource, inputs.fields.privacy)
        self.batches = Batches(resource, self._loaded, self._options, put, is_new=last.status == "never")
        self._reading = QueryReading(client, self._pages, reader, self.batches, tally)
        self.ended: frozenset[str] = frozenset()
        self._lookups = 0

    async def read(self) -> ListRead:
        """Reads what is due. What comes is handed on, also where the reading breaks off; then nothing ends."""
        if not has(self._options.version.name, self._resource.since):
            since = f"it came with version {self._resource.since} of Intercom's API"
            return self._noted("changes", "not_offered", since)
        try:
            probe = await probed(self._pages, self._everything)
            how, gone = await self._read_due(probe)
        except Refused as refused:
            return self._noted("changes", "refused", refused.answer)
        except Unavailable as error:
            self._reading.problem = str(error)
            how, gone = "changes", set[str]()
        self.ended = frozenset(gone)
        await self.batches.flush(gone)
        problem = self._reading.problem
        return self._noted(how, "incomplete" if problem else "complete", problem)

    async def _read_due(self, probe: Probe) -> tuple[How, set[str]]:
        """How the records were read, and which of them are known to be deleted."""
        complete_at = await asyncio.to_thread(self._support.complete_at, self._resource)
        how = self._how(complete_at)
        dates = Dates(replace(self._options.version, exact_times=probe.exact_times), self._options.app.timezone)
        await self._reading.read(self._query(how, dates), dates, probe.total)
        gone = await self._reported()
        if how != "whole" and gone is None and self._is_due(complete_at, "whole") and await self._lacks_some(probe):
            how = "whole"
            await self._reading.read(self._everything, dates, probe.total)
        if how == "whole" and self._reading.problem is None:
            return how, await self._missing(gone or set())
        return how, gone or set()

    def _how(self, complete_at: dict[str, datetime]) -> How:
        """All records; those that changed; or those, and the younger ones."""
        whole_at, began_at = complete_at.get("whole"), self._options.began_at
        if self._options.full or whole_at is None or self._last.cursor is None or began_at - whole_at > WHOLE_EVERY:
            return "whole"
        return "recent" if self._is_due(complete_at, "whole", "recent") else "changes"

    def _is_due(self, complete_at: dict[str, datetime], *ways: How) -> bool:
        """Whether none of these ways of reading was complete within `sweep_every`."""
        last = max((complete_at[how] for how in ways if how in complete_at), default=None)
        return last is None or self._options.began_at - last > self._options.limits.sweep_every

    @property
    def _everything(self) -> JSON:
        return any_of(*(is_equal(name, value) for name, value in self._searched.everything))

    def _query(self, how: How, dates: Dates) -> JSON:
        if how == "whole" or self._last.cursor is None:
            return self._everything
        changed = is_after("updated_at", self._last.cursor, dates)
        if how == "changes":
            return changed
        return any_of(changed, is_after("created_at", int((self._options.began_at - RECENT).timestamp()), dates))

    async def _reported(self) -> set[str] | None:
        """Records that Intercom's list of deleted ones names since the last reading; null where there is no list."""
        deleted, cursor = self._searched.deleted, self._last.cursor
        if deleted is None or not has(self._options.version.name, deleted.since):
            return None
        if cursor is None:
            return set()
        try:
            found = await ListReader(self._client, deleted, self._inputs.fields.privacy).changes(cursor)
        except Refused:
            return None
        self._lookups += found.calls
        self._reading.problem = self._reading.problem or (
            found.problem and f"its list of deleted ones: {found.problem}"
        )
        return {record.id for record in found.records.values()} - self.batches.seen.keys()  # the next run marks those

    async def _lacks_some(self, probe: Probe) -> bool:
        """Whether Intercom has fewer records than are loaded, so that some were deleted."""
        await self.batches.flush()
        loaded = await asyncio.to_thread(self._support.present_count, self._resource) + self.batches.added
        if self._reading.problem or probe.total is None or probe.total >= loaded:
            return False
        return (await self._pages.count(self._everything) or 0) < loaded

    async def _missing(self, gone: set[str]) -> set[str]:
        """Loaded records that did not come, and that Intercom says are not there."""
        loaded = await asyncio.to_thread(self._loaded.present, self._resource)
        lost = loaded - self.batches.seen.keys() - gone
        exists = partial(self._client.exists, self._resource.lookup)
        found, left = await looked_up([(one,) for one in lost], exists, MOST_LOOKUPS)
        self._lookups += min(len(lost), MOST_LOOKUPS)
        if left:
            self._reading.problem = f"it lacks {left:,} records that are still there, or could not be looked up"
        return gone | {str(key[0]) for key in found}

    def _noted(self, how: How, status: Status, problem: str | None) -> ListRead:
        is_complete = status == "complete"
        return ListRead(
            table_name=self._resource.table,
            how=how,
            status=status,
            problem=problem,
            started_at=self._started_at,
            observed_at=self._options.clock(),
            calls=self._pages.calls + self._lookups,
            fetched=len(self.batches.seen),
            total_count=self._reading.total,
            changed=self.batches.changed,
            deleted=self.batches.deleted,
            cursor=self._cursor() if is_complete else self._last.cursor,
        )

    def _cursor(self) -> int:
        """Where the next changes begin: at Intercom's clock before the run read anything, less the overlap."""
        began = self._client.usage.answered_at or self._options.began_at.timestamp()
        return int(began) - self._options.overlap
