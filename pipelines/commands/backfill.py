"""`backfill`: reads the contacts of a time window again, chunk by chunk. The sync's cursor does not move.

Each chunk is one load package with the backfill's progress in it: a killed backfill resumes after the last loaded
chunk.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

import dlt

from sources.intercom.api import App, version
from sources.intercom.memberships import BYTES_A_CONTACT
from sources.intercom.readings import (
    By,
    CameShort,
    ChunkReading,
    Estimate,
    FirstLoadState,
    LoadedTables,
    Period,
    estimates,
    moment_of,
)
from sources.intercom.resources import intercom_backfill, saved_state
from sources.intercom.search import Dates, Progress
from sources.intercom.tables import Fields

from ..choices import DEFAULT_CHUNK, LATEST_ONLY, NO_HISTORY
from ..errors import ExitCode, Misconfigured, causes, plain_errors
from ..folder import Run
from ..loading import absent_tables, known_fields, load_package, part_store_of, source_state
from ..messages import Step
from ..models import Fault
from ..runs import IntercomJob, check_purpose

MOST_CHUNKS = 10_000


@dataclass(frozen=True)
class Backfilled:
    """What a backfill loaded and cost. `window` has `from` and `to`; `to` is never in the future.

    `chunks_done` of `chunks` are loaded, `chunks_done_before` of them by earlier attempts. `left_to_sync`: contacts of
    the window that changed after the sync's cursor. `drift`: fields that are new, missing or of another type.
    """

    run_id: str
    workspace_id: str
    exit_code: ExitCode
    window: dict[str, str]
    by: By
    chunks: int
    chunks_done_before: int
    chunks_done: int
    contacts_loaded: int
    left_to_sync: int
    notes: tuple[str, ...]
    drift: tuple[str, ...]
    warnings: tuple[str, ...]
    api_calls: int
    megabytes: float
    seconds: float


@dataclass(frozen=True)
class BackfillPreview:
    """What a backfill would read: `estimates` are of those of its `chunks` that are not loaded yet."""

    window: dict[str, str]
    by: By
    chunks: int
    estimates: tuple[Estimate, ...]
    notes: tuple[str, ...]

    @property
    def chunks_done_before(self) -> int:
        """Chunks that earlier attempts have loaded."""
        return self.chunks - len(self.estimates)

    @property
    def contacts(self) -> int:
        """Contacts that would be read."""
        return sum(one.contacts for one in self.estimates)

    @property
    def calls(self) -> int:
        """Calls for these contacts, and one for the token's workspace."""
        return 1 + sum(one.calls for one in self.estimates)

    @property
    def megabytes(self) -> float:
        """Size of the answers, uncompressed."""
        return round(self.contacts * BYTES_A_CONTACT / 1e6, 1)


@dataclass
class Loaded:
    """What is loaded: chunks, those of earlier attempts included, and contacts. `problem`: why it stopped early.

    `unreadable`: contacts that were left out.
    """

    chunks: int
    contacts: int = 0
    left_to_sync: int = 0
    unreadable: int = 0
    problem: str | None = None

    def notes(self) -> Iterator[str]:
        """What is not loaded, in sentences."""
        if self.problem:
            yield self.problem
        if self.unreadable:
            yield (
                f"Contacts that could not be read, and were left out: {self.unreadable:,}. Run the same backfill again "
                "later to read them."
            )

    def add(self, reading: ChunkReading) -> None:
        self.chunks += 1
        self.contacts += reading.contacts_loaded
        self.left_to_sync += reading.left_to_sync
        self.unreadable += reading.unreadable


@dataclass(kw_only=True)
class Backfill(IntercomJob):
    """A backfill of one workspace.

    Args:
        since, until: the window, `until` excluded.
        by: the time of a contact that has to be in the window.
        chunk: the window of one load package.
    """

    since: datetime
    until: datetime
    by: By = "created_at"
    chunk: timedelta = DEFAULT_CHUNK

    def run(self) -> Backfilled:
        """Loads the chunks that are not loaded yet.

        If Intercom shows fewer contacts of a chunk than it counts, the backfill stops before that chunk.

        Raises:
            WarehouseError, IntercomError: the chunks that were loaded before stay.
        """
        period = self._period()
        with self._identified(self._command()) as (run, pipeline, app):
            before = period.loaded(source_state(pipeline))
            fields = Fields(known_fields(pipeline), self.settings.privacy)
            loaded = self._load(pipeline, app, period, fields)
            faults = self._refresh(pipeline).faults if loaded.chunks else ()
            outcome = self._outcome(run, period, before, loaded, fields, faults)
            run.exit_code, run.contacts_read = int(outcome.exit_code), outcome.contacts_loaded
            return outcome

    def preview(self) -> BackfillPreview:
        """What `run` would read, and at what cost: one call a chunk. Writes nothing.

        Raises:
            WarehouseError, IntercomError: as `run` does.
        """
        period = self._period()
        check_purpose(self.warehouse, self.workspace)
        with plain_errors(self.warehouse.explain):
            app, before = self._look_up(period)
            left = period.chunks()[before:]
            found = asyncio.run(estimates(self._connect(), left, self._dates(app)))
        return BackfillPreview(_window(period), self.by, period.size, tuple(found), tuple(self._notes(period)))

    def _period(self) -> Period:
        """The window in whole seconds, the precision of Intercom's times.

        Raises:
            Misconfigured: an empty window.
        """
        since, until, now = (ceil(at.timestamp()) for at in (self.since, self.until, self.clock()))
        if since >= until:
            raise Misconfigured(
                f"The window from {moment_of(since)} to {moment_of(until)} is empty: --to has to be later than --from. "
                "A date stands for its start, so one day is from that date to the next."
            )
        if since >= now:
            raise Misconfigured(f"The window starts at {moment_of(since)}, in the future. Choose a --from in the past.")
        seconds = int(self.chunk.total_seconds())
        if seconds < 1:
            raise Misconfigured("An empty chunk loads nothing. Set --chunk to 1d or more, for example 7d.")
        period = Period(self.by, since, until, seconds, now)
        if period.size > MOST_CHUNKS:
            raise Misconfigured(
                f"That would be {period.size:,} chunks, each a load package. Choose a longer --chunk: at most "
                f"{MOST_CHUNKS:,} chunks are allowed."
            )
        return period

    def _command(self) -> str:
        asked = (moment_of(ceil(at.timestamp())) for at in (self.since, self.until))
        return "backfill --from {} --to {}".format(*asked) + f" --by {self.by}"

    def _look_up(self, period: Period) -> tuple[App, int]:
        """The workspace, and how many chunks are loaded. Creates no data folder where there is none."""
        if not self.warehouse.is_used:
            app = self._token_owner()
            self.settings.check_region(app)
            return app, 0
        with self.warehouse.held(self._lock_request("backfill --dry-run")):
            app, pipeline = self._identify(self._opened_pipeline())
            return app, period.loaded(source_state(pipeline))

    def _load(self, pipeline: dlt.Pipeline, app: App, period: Period, fields: Fields) -> Loaded:
        """Loads chunk after chunk, and stops before one that Intercom does not show completely."""
        loaded, cursor = Loaded(period.loaded(source_state(pipeline))), sync_cursor(pipeline)
        progress = Progress(self.usage, self._pacer)
        message = f"Reading contacts in {period.size:,} chunks, of which {loaded.chunks:,} are loaded"
        self.say(Step(message, "read_chunks", chunks=period.size, chunks_loaded=loaded.chunks))
        with self.watch(progress):
            for chunk in period.chunks()[loaded.chunks :]:
                with LoadedTables(pipeline.sql_client, app.id_code) as tables:
                    reading = ChunkReading(
                        self._connect,
                        chunk,
                        workspace_id=app.id_code,
                        dates=self._dates(app),
                        cursor=cursor,
                        memory=tables,
                        fields=fields,
                        progress=progress,
                    )
                    if problem := _extract(pipeline, reading):
                        loaded.problem = problem
                        break
                load_package(pipeline)
                loaded.add(reading)
                self.say(_loaded_step(reading, period))
        return loaded

    def _dates(self, app: App) -> Dates:
        return Dates(version(self.settings.api_version), app.timezone)

    def _notes(self, period: Period) -> Iterator[str]:
        yield NO_HISTORY
        if self.by == "updated_at":
            yield LATEST_ONLY
        if period.until > period.end:
            yield f"{moment_of(period.until)} is in the future, so the window ends now, at {moment_of(period.end)}."

    def _outcome(
        self, run: Run, period: Period, before: int, loaded: Loaded, fields: Fields, faults: tuple[Fault, ...]
    ) -> Backfilled:
        gaps = tuple(loaded.notes())
        return Backfilled(
            run_id=run.run_id,
            workspace_id=str(run.workspace_id),
            exit_code=ExitCode.INCOMPLETE if gaps else ExitCode.DONE,
            window=_window(period),
            by=self.by,
            chunks=period.size,
            chunks_done_before=before,
            chunks_done=loaded.chunks,
            contacts_loaded=loaded.contacts,
            left_to_sync=loaded.left_to_sync,
            notes=(*self._remarks, *self._notes(period), *gaps),
            drift=tuple(fields.changes()),
            warnings=tuple(map(str, faults)),
            api_calls=self.usage.calls.total(),
            megabytes=round(self.usage.bytes_received / 1e6, 1),
            seconds=self._seconds,
        )


def sync_cursor(pipeline: dlt.Pipeline) -> int | None:
    """The next sync reads contacts updated later than this; null before the first sync.

    An unfinished first load has a cursor too: contacts that changed since its start are read after it.
    """
    state = source_state(pipeline)
    cursor = saved_state(state).cursor
    if cursor is not None:
        return cursor
    if stage := state.get("first_load"):
        return FirstLoadState(**stage).cursor
    return next((part.stage.cursor for part in part_store_of(pipeline).parts), None)


def _extract(pipeline: dlt.Pipeline, reading: ChunkReading) -> str | None:
    """Reads a chunk into a package. Returns why there is no package if Intercom does not show the whole chunk."""
    try:
        pipeline.extract(intercom_backfill(reading, absent_tables(pipeline)))
    except Exception as error:
        short = next((cause for cause in causes(error) if isinstance(cause, CameShort)), None)
        if short is None:
            raise
        return str(short)
    return None


def _loaded_step(reading: ChunkReading, period: Period) -> Step:
    left = f", {reading.left_to_sync:,} left to the next sync" if reading.left_to_sync else ""
    chunk = reading.chunk
    message = f"Loaded {reading.contacts_loaded:,} contacts {chunk}{left} ({chunk.number:,} of {period.size:,})"
    return Step(message, "chunk_loaded", chunk=chunk.number, contacts=reading.contacts_loaded)


def _window(period: Period) -> dict[str, str]:
    return {"from": moment_of(period.since), "to": moment_of(period.end)}
