"""Contacts of a period, read again chunk by chunk, independent of the sync's cursor.

A contact that changed after the sync's cursor is left to the sync. The next sync compares each `updated_at` with the
loaded one, to learn which contacts may have moved between segments: a backfill must not hide such a change.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any, Literal

import pyarrow as pa

from ..api import JSON, Intercom, Unavailable, gathered, page_calls
from ..memberships import Memory
from ..search import SMALLEST_WINDOW, ContactSearch, Dates, Progress, Window, all_of, count
from ..tables import Contact, Fields, SentContact
from .producing import produced

By = Literal["created_at", "updated_at"]
UNFINISHED = "backfills"
"""The key in the source's state: how many chunks of each unfinished backfill are loaded."""


class CameShort(Unavailable):
    """Intercom showed fewer contacts than it counts, twice. The chunk is not loaded."""


@dataclass(frozen=True)
class Period:
    """Contacts whose `by` lies from the epoch second `since` on and before `until`; `seconds` is the size of chunks.

    A period that ends later than `now` is cut there, and still is the same period.
    """

    by: By
    since: int
    until: int
    seconds: int
    now: int

    @property
    def end(self) -> int:
        return min(self.until, self.now)

    @property
    def size(self) -> int:
        """The number of chunks."""
        return ceil((self.end - self.since) / self.seconds)

    @property
    def key(self) -> str:
        return f"{self.by} {self.since} {self.until} {self.seconds}"

    def chunks(self) -> list["Chunk"]:
        """The earliest first."""
        starts = range(self.since, self.end, self.seconds)
        ends = (min(start + self.seconds, self.end) for start in starts)
        return [Chunk(self, number, *edges) for number, edges in enumerate(zip(starts, ends, strict=True), start=1)]

    def loaded(self, state: MutableMapping[str, Any]) -> int:
        """How many chunks earlier attempts have loaded, by the source's state."""
        return int(state.get(UNFINISHED, {}).get(self.key, 0))

    def note(self, state: MutableMapping[str, Any], chunks: int) -> None:
        """Saves how many chunks are loaded. A finished period leaves nothing in the state."""
        unfinished = {**state.get(UNFINISHED, {}), self.key: chunks}
        if chunks == self.size:
            del unfinished[self.key]
        state[UNFINISHED] = unfinished
        if not unfinished:
            del state[UNFINISHED]


@dataclass(frozen=True)
class Chunk:
    """A part of a period, numbered from 1, from the epoch second `since` on and before `until`."""

    period: Period
    number: int
    since: int
    until: int

    def __str__(self) -> str:
        return f"from {moment_of(self.since)} to {moment_of(self.until)}"

    @property
    def window(self) -> dict[str, str]:
        """Its edges, in ISO 8601."""
        return {"from": moment_of(self.since), "to": moment_of(self.until)}

    def query(self, dates: Dates) -> JSON:
        """Its contacts, and under the day rule all others of those days, of the day before and of the day after.

        Those two days are read in case Intercom counts days in another timezone.
        """
        around = dates.version.overlap
        window = Window(dates.edge(self.since - around), dates.edge_after(self.until - 1 + around))
        return all_of(*dates.bounds(self.period.by, window))

    def holds(self, contact: Contact) -> bool:
        """Whether a contact found by the query is in it. One without a date counts as in it."""
        second: int | None = getattr(contact, self.period.by)
        return second is None or self.since <= second < self.until


class ChunkReading:
    """Reads one chunk. Made for one run; called from dlt's event loop only.

    Args:
        cursor: contacts updated later are left to the sync; null before the first one.
        fields: compares the fields of contacts with those of earlier runs.
    """

    def __init__(
        self,
        connect: Callable[[], Intercom],
        chunk: Chunk,
        *,
        workspace_id: str,
        dates: Dates,
        cursor: int | None,
        memory: Memory,
        fields: Fields,
        progress: Progress,
    ) -> None:
        self.chunk = chunk
        self.contacts_loaded = 0
        self.left_to_sync = 0
        self.missing = 0
        self.unreadable = 0
        self._connect = connect
        self._workspace_id = workspace_id
        self._dates = dates
        self._cursor = cursor
        self._memory = memory
        self._fields = fields
        self._progress = progress
        self._newcomers = 0

    async def contacts(self) -> AsyncIterator[pa.Table]:
        """The chunk's contacts, in tables of at least 3,000 rows and a last, smaller one.

        Those that cannot be read are left out, and counted in `unreadable`.

        Raises:
            CameShort: Intercom counts more than it shows.
        """

        async def produce(queue: "asyncio.Queue[pa.Table | None]") -> None:
            async def put(batch: list[SentContact]) -> None:
                await queue.put(await self._table(batch))

            async with self._connect() as client:
                query, tally = self.chunk.query(self._dates), self._progress.contacts
                search = ContactSearch(client, query, dates=self._dates, tally=tally, put=put)
                await search.read_all(SMALLEST_WINDOW)
            self.missing = search.missing if search.is_short else 0
            self.unreadable = search.unreadable

        async for table in produced(produce):
            yield table
        if self.missing:
            raise CameShort(
                f"Intercom counts {self.missing:,} contacts more than it showed {self.chunk}, twice, so that chunk was "
                "not loaded. Earlier chunks stay loaded: run the same command again later to continue."
            )

    def note(self, state: MutableMapping[str, Any]) -> None:
        """Updates the source's state, which is loaded with the chunk.

        It also adds the contacts that are new in the warehouse to `unaccounted`: the next sync compares with it.
        """
        state["workspace_id"] = self._workspace_id
        if state.get("unaccounted") is not None:
            state["unaccounted"] += self._newcomers
        self.chunk.period.note(state, self.chunk.number)

    async def _table(self, batch: list[SentContact]) -> pa.Table:
        found = [one for one in batch if self.chunk.holds(one.contact)]
        rows = [one for one in found if not self._is_left_to_sync(one.contact)]
        known = await asyncio.to_thread(self._memory.loaded, [one.contact.id for one in rows])
        self.left_to_sync += len(found) - len(rows)
        self.contacts_loaded += len(rows)
        self._newcomers += len(rows) - len(known)
        return self._fields.table(self._workspace_id, rows)

    def _is_left_to_sync(self, contact: Contact) -> bool:
        return self._cursor is not None and (contact.updated_at or 0) > self._cursor


@dataclass(frozen=True)
class Estimate:
    """A chunk that is not loaded yet, and how many contacts it has."""

    chunk: Chunk
    contacts: int

    @property
    def calls(self) -> int:
        return page_calls(self.contacts)


async def estimates(client: Intercom, chunks: list[Chunk], dates: Dates) -> list[Estimate]:
    """Counts the contacts of each chunk: one call for each."""
    async with client:
        counts = await gathered(count(client, chunk.query(dates)) for chunk in chunks)
    return [Estimate(chunk, contacts) for chunk, contacts in zip(chunks, counts, strict=True)]


def moment_of(second: int) -> str:
    """An epoch second in ISO 8601, midnight as a date, in UTC."""
    time = datetime.fromtimestamp(second, UTC)
    return f"{time:%Y-%m-%d}" if second % 86_400 == 0 else f"{time:%Y-%m-%dT%H:%M:%SZ}"
