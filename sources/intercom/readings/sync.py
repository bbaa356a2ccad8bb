"""One run's reading of a workspace: what the resources share while dlt extracts them side by side."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from ..api import JSON, Activity, Intercom, Segment, SharedClient, page_calls
from ..memberships import (
    Clock,
    ContactChanges,
    ReadingResult,
    Removal,
    RunOptions,
    Scan,
    Scanning,
    SegmentVersion,
    WorkspaceSnapshot,
    feed_pages,
    reported_removals,
    take_snapshot,
)
from ..search import ROWS_A_TABLE, ContactSearch, Progress, Times, window_pages
from ..tables import ListRead, SentContact
from ..wire import flaw_notes
from .contacts import contacts_query
from .inputs import Prepare, RunInputs
from .producing import produced

NO_ATTRIBUTES = (
    "Intercom refused the list of data attributes. Names and types of custom attributes come from their values alone."
)


class Reading:
    """Reads one workspace once, for one extraction. Its methods run in dlt's event loop only.

    Args:
        connect: makes the client; called in the event loop that uses it.
        prepare: makes the inputs, before anything is read.
        progress: counts what is read.
    """

    inputs: RunInputs

    def __init__(self, connect: Callable[[], Intercom], prepare: Prepare, progress: Progress) -> None:
        self.snapshot: WorkspaceSnapshot | None = None
        self.feed_cursor: str | None = None
        self.scanning: Scanning | None = None
        self.contacts_read = self.contacts_missing = 0
        self.remarks: list[str] = []
        self.lists: tuple[ListRead, ...] = ()
        self.company_scans, self.are_tags_whole = tuple[Scan, ...](), True
        self.progress = progress
        self._prepare, self._is_prepared = prepare, False
        self._shared = SharedClient(connect)
        self._turn = asyncio.Lock()
        self._removals_reported: dict[str, Removal] = {}
        self.read_contacts: dict[str, Times] = {}
        self.contacts_finished = asyncio.Event()
        self._feed_finished, self._scans_finished = asyncio.Event(), asyncio.Event()

    @property
    def options(self) -> RunOptions:
        return self.inputs.options

    @property
    def result(self) -> ReadingResult:
        """What the run found, the first load that it follows included, once all is read."""
        saved = self.inputs.saved
        scans = [one for one in (self.scanning.done if self.scanning else ()) if one.status != "excluded"]
        return ReadingResult(
            contacts_read=saved.contacts_read + self.contacts_read,
            segments=len(scans),
            swept=saved.swept + sum(scan.how == "sweep" for scan in scans),
            members=sum(scan.members for scan in scans),
            joins=saved.joins + sum(len(scan.joins) for scan in scans),
            leaves=sum(len(scan.leaves) for scan in scans),
            contacts_gone=len(self.scanning.removed) if self.scanning else 0,
            contacts_missing=self.contacts_missing,
            incomplete={one.segment_id: str(one.problem) for one in [*scans, *self.company_scans] if one.problem},
            drift=tuple(self.inputs.fields.changes()),
            notes=tuple(self._notes),
            lists=self.lists,
            are_tags_whole=self.are_tags_whole,
            flaws=self.progress.usage.flaws.total(),
            unmatched=self.scanning.unmatched if self.scanning else 0,
        )

    @property
    def _notes(self) -> list[str]:
        notes = [*self.remarks, *(self.scanning.notes if self.scanning else ())]
        if self.contacts_missing:
            notes.append(
                f"Intercom counts {self.contacts_missing:,} contacts more than could be read, twice. The next run "
                "reads them again."
            )
        return [*notes, *flaw_notes(self.progress.usage.flaws)]

    @property
    def mark(self) -> int | None:
        """The high-water mark; null in an empty workspace."""
        return self.snapshot.mark if self.snapshot else None

    @property
    def is_mark_unknown(self) -> bool:
        """Whether there are contacts, and the one updated last could not be read."""
        return self.snapshot is not None and self.snapshot.newest is None and self.snapshot.contacts != 0

    async def __aenter__(self) -> tuple[Intercom, RunInputs]:
        """The client and the inputs. No generator: dlt closes those when a run fails, while tasks still use them."""
        client = await self._shared.__aenter__()
        try:
            async with self._turn:
                if not self._is_prepared:
                    self.inputs = await self._prepare(client)
                    self.feed_cursor, self._is_prepared = self.inputs.saved.feed, True
            self.inputs.tables.__enter__()
        except BaseException:
            await self._shared.__aexit__()
            raise
        return client, self.inputs

    async def __aexit__(self, *_: object) -> None:
        self.inputs.tables.__exit__(None, None, None)
        await self._shared.__aexit__()

    async def _taken(self, client: Intercom) -> WorkspaceSnapshot:
        async with self._turn:
            self.snapshot = self.snapshot or await take_snapshot(client, self.options.selection)
            return self.snapshot

    async def new_versions(self) -> list[dict[str, Any]]:
        """What `version_rows` returns."""
        async with self as (client, inputs):
            if inputs.selected == {"segments"}:
                listed = await client.segments()
            else:
                listed = (await self._taken(client)).segments
            loaded = await asyncio.to_thread(inputs.tables.versions)
        return version_rows(listed, loaded, inputs.options.clock)

    async def contacts(self) -> AsyncIterator[pa.Table]:
        """Contacts updated after the cursor, or all, in tables of at least 3,000 rows and a last, smaller one.

        Each contact comes once. Where fewer come than Intercom counts, all pages are read once more, one after the
        other; contacts that are still missing are counted in `contacts_missing`.
        """

        async def produce(queue: "asyncio.Queue[pa.Table | None]") -> None:
            async with self as (client, inputs):
                snapshot = await self._taken(client)
                query = await contacts_query(client, snapshot, inputs)
                if query is not None:
                    await self._read_contacts(client, query, snapshot, queue)
                await queue.put(self._table([]))
            self.contacts_finished.set()

        async for table in produced(produce):
            yield table

    async def _read_contacts(
        self, client: Intercom, query: JSON, snapshot: WorkspaceSnapshot, queue: "asyncio.Queue[pa.Table | None]"
    ) -> None:
        async def put(batch: list[SentContact]) -> None:
            await queue.put(self._table(batch))

        search = ContactSearch(client, query, dates=self.options.dates, tally=self.progress.contacts, put=put)
        await search.read_all(window_pages(page_calls(snapshot.contacts), client.breadth))
        self.read_contacts, self.contacts_missing = search.read, search.missing

    def _table(self, rows: list[SentContact]) -> pa.Table:
        self.contacts_read += len(rows)
        return self.inputs.fields.table(self.options.workspace_id, rows)

    async def activities(self) -> AsyncIterator[list[Activity]]:
        """The activity feed since the last run, in pages; at least one, which may be empty."""

        async def produce(queue: "asyncio.Queue[list[Activity] | None]") -> None:
            async with self as (client, inputs):
                if inputs.options.version.has_feeds:
                    async for page, behind in feed_pages(client, inputs.saved.feed):
                        self._removals_reported |= reported_removals(page)
                        self.feed_cursor = behind
                        await queue.put(page)
            self._feed_finished.set()

        async for page in produced(produce):
            yield page
        yield []

    async def scans(self) -> AsyncIterator[list[Scan]]:
        """A scan of every segment, those that disappeared from the list included.

        They come in batches of at least 3,000 changes, and a last one that may be empty: it makes the tables exist.
        """

        async def produce(queue: "asyncio.Queue[Scan | None]") -> None:
            async with self as (client, inputs):
                snapshot = await self._taken(client)
                self.progress.segments.expect(len(snapshot.segments))
                self.scanning = Scanning(
                    client,
                    snapshot,
                    inputs.options,
                    saved=inputs.saved,
                    memory=inputs.tables,
                    changes_read=self._contact_changes,
                    put=queue.put,
                    progress=self.progress,
                )
                await self.scanning.run()
            self._scans_finished.set()

        batch: list[Scan] = []
        async for scan in produced(produce):
            batch.append(scan)
            if sum(len(one.joins) + len(one.leaves) for one in batch) >= ROWS_A_TABLE:
                yield batch
                batch = []
        yield batch

    async def _contact_changes(self) -> ContactChanges:
        await self.contacts_finished.wait()
        await self._feed_finished.wait()
        return ContactChanges(self.read_contacts, self._removals_reported)

    async def contact_removals(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Removed contacts, those whose reason is found only now, and those that are active again; after all scans."""
        async with self:  # also refuses to wait for scans that are not selected
            pass
        await self._scans_finished.wait()
        found = [self.scanning.removed, self.scanning.explained, self.scanning.returned] if self.scanning else []
        yield removal_rows(found, self.options.clock)


def removal_rows(found: Iterable[Mapping[str, Removal]], clock: Clock) -> list[dict[str, Any]]:
    """Rows of `contact_removals` without their workspace and run."""
    observed_at = clock()
    return [
        {
            "contact_id": contact_id,
            "status": removal.status,
            "observed_at": observed_at,
            "happened_at": removal.happened_at,
            "merged_into_contact_id": removal.merged_into,
        }
        for removals in found
        for contact_id, removal in sorted(removals.items())
    ]


def version_rows(
    listed: Iterable[Segment], loaded: Mapping[str, Sequence[SegmentVersion]], clock: Clock
) -> list[dict[str, Any]]:
    """Definitions that are not loaded, or are now read otherwise, as rows of `segments` without workspace and run.

    `loaded`: the versions of each segment, the newest last.
    """
    now = clock()
    read = ((segment.id, _version(segment, loaded.get(segment.id, ()), now)) for segment in listed)
    return [{"segment_id": key, **asdict(version)} for key, version in read if version not in loaded.get(key, ())]


def _version(segment: Segment, loaded: Sequence[SegmentVersion], now: datetime) -> SegmentVersion:
    """The version that the list has. What cannot be read of it is as it was loaded, if it ever was."""
    newest = loaded[-1] if loaded else SegmentVersion(0, "", None, None, now)
    updated_at = segment.updated_at or newest.updated_at
    same = (version for version in loaded if version.updated_at == updated_at)
    known = next(same, replace(newest, observed_at=now))
    return SegmentVersion(
        updated_at,
        segment.name or known.name,
        segment.person_type or known.person_type,
        known.created_at if segment.created_at is None else segment.created_at,
        known.observed_at,
    )
