"""Transcripts of calls: asked for the conversations of the calls that are new or changed, some at a time.

What is due follows from the loaded tables, and from the calls that the run has read. A run that ends early loses
nothing.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
from dlt.common.utils import chunks
from msgspec import Raw

from ..api import Intercom, Refused, gathered, has
from ..catalog import Grouped, Resource
from ..lists import DoneList, LastRead, ListReader, LoadedLists, ReadRecords, Record, RecordReader
from ..readings import RunInputs
from ..search import Tally
from ..support import Batches, Put
from ..tables import ListRead, Status
from .loaded import LoadedCalls

GROUPS_AT_ONCE = 24
Calls = Mapping[str, str | None]
"""The conversation of each call; null where there is none to ask for."""


class TranscriptRun:
    """Reads the transcripts that are due.

    Args:
        last: the newest reading of transcripts.
        tally: counts its records and calls.
        put: receives rows to load.
    """

    def __init__(
        self, client: Intercom, inputs: RunInputs, resource: Resource, last: LastRead, tally: Tally, put: Put
    ) -> None:
        self._options = inputs.options
        self._resource = resource
        self._rules = inputs.fields.privacy.rules(resource.follows)
        self._started_at = inputs.options.clock()
        self._loaded = LoadedCalls(inputs.tables)
        self._reader = ListReader(client, resource, inputs.fields.privacy, tally)
        self._records = RecordReader(resource, inputs.fields.privacy)
        loaded, is_new = LoadedLists(inputs.tables), last.status == "never"
        self._batches = Batches(resource, loaded, inputs.options, put, is_new=is_new, always=True)
        self._calls, self._refused = 0, ""

    async def read(self, grouped: Grouped, calls: DoneList | None) -> ListRead:
        """Reads the transcripts of calls that changed since they were last read, and of those that were unfinished.

        Args:
            calls: as the run has read them; null if it has not.
        """
        if not has(self._options.version.name, self._resource.since):
            since = f"it came with version {self._resource.since} of Intercom's API"
            return self._noted("not_offered", since)
        if grouped.by in self._rules:
            return self._noted("not_offered", f"{self._resource.follows}.{grouped.by} is excluded or hashed")
        if calls is not None and calls.read.status == "refused":
            return self._noted("refused", f"{self._resource.follows} were refused")
        due: Calls = await asyncio.to_thread(self._loaded.due, int(self._options.began_at.timestamp()))
        due = {**due, **dict(_changed(calls, self._resource.follows, grouped.by))} if calls else due
        problem = await self._read_due(due, grouped)
        if self._refused:
            return self._noted("refused", self._refused)
        return self._noted("incomplete" if problem else "complete", problem, len(due))

    async def _read_due(self, due: Calls, grouped: Grouped) -> str | None:
        """What is missing; null if all came."""
        problem, asked = None, sorted({one for one in due.values() if one})
        for some in chunks([*chunks(asked, grouped.most)], GROUPS_AT_ONCE):
            for group, found in zip(some, await gathered(self._of(one) for one in some), strict=True):
                problem = problem or found.problem
                self._calls += found.calls
                await self._batches.add(found.records.values())
                if found.problem is None:
                    await self._batches.add(self._without_transcript(due, group, grouped.by))
            await self._batches.flush()
        return problem

    async def _of(self, conversations: Sequence[str]) -> ReadRecords:
        try:
            return await self._reader.of_group(conversations)
        except Refused as refused:
            self._refused = refused.answer
            return ReadRecords(calls=1, problem="it was refused")

    def _without_transcript(self, due: Calls, conversations: Collection[str], by: str) -> Iterator[Record]:
        """Rows of the calls of which Intercom sends nothing, so that they are not due again. Those that came stay."""
        for call_id, conversation in due.items():
            if conversation in conversations:
                fields = {"id": msgspec.json.encode(call_id), by: msgspec.json.encode(conversation)}
                record = self._records.read_fields({name: Raw(value) for name, value in fields.items()})
                yield from (record,) if record else ()

    def _noted(self, status: Status, problem: str | None = None, due: int | None = None) -> ListRead:
        return ListRead(
            table_name=self._resource.table,
            how="changes",
            status=status,
            problem=problem,
            started_at=self._started_at,
            observed_at=self._options.clock(),
            calls=self._calls,
            fetched=len(self._batches.seen),
            total_count=due,
            changed=self._batches.changed,
        )


def _changed(calls: DoneList, table: str, by: str) -> Iterator[tuple[str, str | None]]:
    """The calls that the run has found to be new or changed. Of a deleted one nothing is asked."""
    for rows in calls.tables.get(table, ()):
        for row in rows.select(["id", by, "is_deleted"]).to_pylist():
            yield row["id"], None if row["is_deleted"] else row[by]
