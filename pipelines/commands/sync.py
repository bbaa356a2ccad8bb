"""One sync: finish what is pending, read Intercom, load, build the models, publish.

Nothing is written before the token's workspace is known to be the pipeline's own. A run is one load package, so that
contacts, changes, scans and the cursor arrive together or not at all.
"""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import dlt

from sources.intercom import intercom, intercom_first_load
from sources.intercom.api import App, version
from sources.intercom.memberships import Guard, Limits, ReadingResult, RunOptions, SavedState, Selection
from sources.intercom.readings import FirstLoad, FirstLoadState, Preview, Reading, preview
from sources.intercom.resources import saved
from sources.intercom.search import Progress
from sources.intercom.tables import Fields

from ..errors import ExitCode, plain_errors
from ..folder import Run
from ..loading import (
    Background,
    PartStore,
    RawMemory,
    known_fields,
    load_package,
    new_runs,
    part_store_of,
    remembering,
    source_state,
)
from ..models import Build, load_checks
from ..runs import Job, check_clock, check_purpose
from ..steps import Step


@dataclass(frozen=True)
class Outcome:
    """What a sync found, changed and cost; `reading_seconds` are those of `seconds` in which Intercom was read.

    `incomplete`: segments (by id) that closed no membership, and why. `drift`: fields that are new, gone or of another
    type, in sentences. `notes`: what was read in another way than usual, and why.
    """

    run_id: str
    workspace_id: str
    exit_code: ExitCode
    contacts_read: int
    contacts_gone: int
    segments: int
    swept: int
    members: int
    joins: int
    leaves: int
    incomplete: dict[str, str]
    drift: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    api_calls: int
    megabytes: float
    reading_seconds: float
    seconds: float


@dataclass
class Sync(Job):
    """A sync of one workspace; `run` does it.

    Args:
        full: read every contact instead of those changed, and ask for those no longer found.
        accept_shrink: believe a collapse at first sight.
    """

    full: bool = False
    accept_shrink: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._reading_seconds = 0.0

    def run(self) -> Outcome:
        """Syncs, and writes the run into the journal however it ends.

        Raises:
            WarehouseError, IntercomError: the marts and the published copy are as they were.
        """
        with self._begun("sync --full" if self.full else "sync") as (run, pipeline, app):
            found = self._load(pipeline, app, run.run_id)
            outcome = self._outcome(run, found, self._finish(pipeline))
            run.exit_code = int(outcome.exit_code)
            run.contacts_read, run.memberships_changed = outcome.contacts_read, outcome.joins + outcome.leaves
            return outcome

    def preview(self) -> Preview:
        """What `run` would read and what that would cost. Loads nothing, an interrupted run's package included.

        Raises:
            WarehouseError, IntercomError: as `run` does.
        """
        check_purpose(self.warehouse, self.workspace)
        with plain_errors(self.warehouse.explain), self.warehouse.held(self._lock_request("sync --plan")):
            pipeline = self.warehouse.pipeline(self.workspace)
            app = self._introduce(pipeline)
            options, before = self._options(app, "preview"), saved(source_state(pipeline))
            with remembering(pipeline, app.id_code) as memory:
                check_clock(self.clock(), memory)
                return asyncio.run(preview(self._connect(), options, saved=before, memory=memory))

    def _load(self, pipeline: dlt.Pipeline, app: App, run_id: str) -> ReadingResult:
        options, fields = self._options(app, run_id), Fields(known_fields(pipeline), self.settings.privacy)
        before = saved(source_state(pipeline))
        store = part_store_of(pipeline)
        with remembering(pipeline, app.id_code) as memory:
            check_clock(self.clock(), memory)
        first = self._load_first(pipeline, store, options, fields) if before.cursor is None else None
        store.clear()
        if first:
            with remembering(pipeline, app.id_code) as memory:
                if found := first.found(memory):
                    return found
                before, options = first.saved, options if first.is_small else after_first_load(options, memory)
        return self._load_news(pipeline, options, fields, before).found

    def _load_news(self, pipeline: dlt.Pipeline, options: RunOptions, fields: Fields, before: SavedState) -> Reading:
        """Loads what changed since the last run or, where that is all, everything."""
        self.say(Step("Reading segments, contacts and memberships", "read_changes"))
        with remembering(pipeline, options.workspace_id) as memory:
            progress = Progress(self.usage, self._pacer)
            reading = Reading(self._connect, options, memory=memory, saved=before, fields=fields, progress=progress)
            source = intercom(reading)
            source.resources.add(new_runs(self.warehouse.journal, options.workspace_id, memory, self.workspace))
            began = time.monotonic()
            with self.watch(progress):
                pipeline.extract(source)
            self._reading_seconds += time.monotonic() - began
        self.say(Step("Loading", "load"))
        load_package(pipeline)
        return reading

    def _load_first(self, pipeline: dlt.Pipeline, store: PartStore, options: RunOptions, fields: Fields) -> FirstLoad:
        """Loads a large workspace that was never loaded as a whole; a small one is left to the run."""
        interruptions = store.interruptions()
        self._load_parts(pipeline, store)
        kept, progress = source_state(pipeline).get("first_load"), Progress(self.usage, self._pacer)
        first = FirstLoad(
            self._connect,
            options,
            fields=fields,
            progress=progress,
            stage=FirstLoadState(**kept) if kept else None,
            interruptions=interruptions,
            keep=store.keep,
        )
        self.say(Step("Reading everything for the first time", "read_everything"))
        store.open()
        with (
            remembering(pipeline, options.workspace_id) as memory,
            self.watch(progress),
            Background(self._timed(first.read(memory)), store.close),
        ):
            load_checks()  # reads the models' SQL while the first answers come
            self._load_parts(pipeline, store)
        return first

    async def _timed(self, reading: Awaitable[None]) -> None:
        began = time.monotonic()
        await reading
        self._reading_seconds += time.monotonic() - began

    def _load_parts(self, pipeline: dlt.Pipeline, store: PartStore) -> None:
        """Loads what is on the shelf, and what is put there meanwhile."""
        for package in store.packages():
            pipeline.extract(intercom_first_load(package))
            rows = sum(part.rows for part in package)
            self.say(Step(f"Loading {rows:,} rows", "load", rows=rows))
            load_package(pipeline)

    def _options(self, app: App, run_id: str) -> RunOptions:
        settings = self.settings
        return RunOptions(
            workspace_id=app.id_code,
            run_id=run_id,
            clock=self.clock,
            guard=Guard(settings.max_shrink, accept=self.accept_shrink),
            version=version(settings.api_version),
            timezone=app.timezone,
            limits=Limits(timedelta(hours=settings.sweep_every), settings.sweep_budget),
            overlap=settings.overlap,
            full=self.full,
            selection=Selection(settings.include_segments, settings.exclude_segments),
        )

    def _outcome(self, run: Run, found: ReadingResult, built: Build) -> Outcome:
        return Outcome(
            run_id=run.run_id,
            workspace_id=str(run.workspace_id),
            exit_code=ExitCode.INCOMPLETE if found.incomplete or found.contacts_missing else ExitCode.DONE,
            contacts_read=found.contacts_read,
            contacts_gone=found.contacts_gone,
            segments=found.segments,
            members=found.members,
            swept=found.swept,
            joins=found.joins,
            leaves=found.leaves,
            incomplete=dict(found.incomplete),
            drift=found.drift,
            notes=found.notes,
            warnings=tuple(str(fault) for fault in built.faults),
            api_calls=self.usage.calls.total(),
            megabytes=round(self.usage.bytes_received / 1e6, 1),
            reading_seconds=round(self._reading_seconds, 3),
            seconds=round(time.monotonic() - self._began, 1),
        )


def after_first_load(options: RunOptions, memory: RawMemory) -> RunOptions:
    """The terms of the run that follows a first load: everything was read just now, so it sweeps nothing.

    Its observations are later than theirs, also by a clock too coarse to tell.
    """
    newest = memory.newest_observation()

    def later() -> datetime:
        now = options.clock()
        return now if newest is None else max(now, newest + timedelta(microseconds=1))

    return replace(options, clock=later, full=False, limits=replace(options.limits, sweep_budget=0))
