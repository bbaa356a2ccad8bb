"""`sync`: loads pending packages, reads Intercom, loads, builds the models, publishes.

Nothing is written before the token's workspace is verified. A run is one load package, so that contacts, changes, scans
and the cursor arrive together or not at all.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import dlt

from sources.intercom import intercom
from sources.intercom.api import App, Intercom
from sources.intercom.catalog import CONTACT_TAGS, TAGS, Resource, chosen
from sources.intercom.exports import planned_exports
from sources.intercom.history import planned_history
from sources.intercom.lists import planned_lists
from sources.intercom.memberships import Plan, ReadingResult, RunOptions, Selection
from sources.intercom.readings import (
    FirstLoad,
    FirstLoadState,
    LoadedTables,
    Preview,
    Reading,
    RunInputs,
    check_clock,
    preview,
)
from sources.intercom.resources import intercom_first_load, resources_of, saved_state
from sources.intercom.search import Progress
from sources.intercom.support import planned_parts
from sources.intercom.tables import PlannedList
from sources.intercom.tags import planned_tags

from ..alerts import Alert, Present, Rule, alerts_of
from ..errors import ExitCode, Misconfigured, WarehouseError, plain_errors
from ..folder import Run, read_journal
from ..loading import (
    Background,
    PartStore,
    client_of,
    known_fields,
    load_package,
    new_runs,
    part_store_of,
    source_state,
)
from ..messages import Step
from ..models import Build, load_checks
from ..runs import IntercomJob, check_purpose, remove_bodies
from .status import last_good_sync

LISTS_ALONE = Preview(0, Plan((), ()), is_of_lists=True)


@dataclass(frozen=True)
class Outcome:
    """What a sync found, changed and cost. `reading_seconds`: the part of `seconds` in which Intercom was read.

    `incomplete`: segments (by id) that ended no membership, and why. `lists`: lists of the catalogue, by table, and
    whether they were `complete`, `partial`, `incomplete`, `refused` or `not_offered`. `list_rows`: how many of their
    rows were written. `drift`: fields that are new, missing or of another type, in sentences. `notes`: deviations from
    a usual reading, with their reasons. `alerts`: what the rules of section `[alerts]` found.
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
    list_rows: int
    incomplete: dict[str, str]
    lists: dict[str, str]
    drift: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    api_calls: int
    megabytes: float
    reading_seconds: float
    seconds: float
    alerts: tuple[Alert, ...] = ()


@dataclass(kw_only=True)
class Sync(IntercomJob):
    """A sync of one workspace.

    Args:
        full: read every contact instead of those that changed, and look up those that are no longer found.
        accept_shrink: record a collapse of a segment at once.
        only: read these lists, and neither segments nor contacts.
        rules: what is judged after the sync.
        fail_on_alert: end with exit code 6 if a rule fires.
    """

    full: bool = False
    accept_shrink: bool = False
    only: Sequence[str] | None = None
    rules: Sequence[Rule] = ()
    fail_on_alert: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._reading_seconds = 0.0

    def run(self) -> Outcome:
        """Syncs.

        Raises:
            WarehouseError, IntercomError: the marts and the published copy are as they were.
        """
        with self._identified("sync --full" if self.full else "sync") as (run, pipeline, app):
            found = self._load(pipeline, app, run.run_id)
            remove_old_bodies(self, pipeline, app.id_code)
            outcome = with_alerts(self._outcome(run, found, self._refresh(pipeline)), self)
            run.exit_code = int(outcome.exit_code)
            run.contacts_read, run.memberships_changed = outcome.contacts_read, outcome.joins + outcome.leaves
            return outcome

    def preview(self) -> Preview:
        """What `run` would read, and at what cost. Loads nothing, not even a pending package.

        Raises:
            WarehouseError, IntercomError: as `run` does.
        """
        check_purpose(self.warehouse, self.workspace)
        with plain_errors(self.warehouse.explain), self.warehouse.held(self._lock_request("sync --plan")):
            app, pipeline = self._identify(self._opened_pipeline())
            inputs = self._inputs(pipeline, app, "preview")
            with inputs.tables as tables:
                check_clock(self.clock(), tables)
                if self.only is None:
                    found = asyncio.run(preview(self._connect(), inputs.options, saved=inputs.saved, memory=tables))
                else:
                    self._check_synced(pipeline)
                    found = LISTS_ALONE
                lists = asyncio.run(planned(self._connect, inputs, chosen(self._lists)))
                return replace(found, lists=tuple(lists), calls_per_second=self._pacer.rate)

    @property
    def _lists(self) -> Sequence[str]:
        """The lists to read, by name."""
        return (self.settings.resources or ()) if self.only is None else self.only

    def _load(self, pipeline: dlt.Pipeline, app: App, run_id: str) -> ReadingResult:
        inputs, store = self._inputs(pipeline, app, run_id), part_store_of(pipeline)
        check_clock(self.clock(), inputs.tables)
        if self.only is not None:
            self._check_synced(pipeline)
            return self._load_lists(pipeline, inputs)
        first = self._load_first(pipeline, store, inputs) if inputs.saved.cursor is None else None
        store.clear()
        if first:
            with inputs.tables as tables:
                found = first.found(tables)
                if found and not chosen(self._lists):
                    return found
                if found:
                    options = replace(inputs_after_first_load(inputs, first).options, limits=inputs.options.limits)
                    listed = self._load_lists(pipeline, replace(inputs, saved=first.saved, options=options))
                    return with_lists(found, listed)
                inputs = inputs_after_first_load(inputs, first)
        return self._load_changes(pipeline, inputs).result

    def _inputs(self, pipeline: dlt.Pipeline, app: App, run_id: str) -> RunInputs:
        state = source_state(pipeline)
        return RunInputs(
            self.settings.options(app, run_id, clock=self.clock, full=self.full, accept_shrink=self.accept_shrink),
            saved_state(state),
            LoadedTables(partial(client_of, pipeline), app.id_code),
            self.settings.fields(known_fields(pipeline), self.clock()),
            folder=Path(pipeline.working_dir),
        )

    def _check_synced(self, pipeline: dlt.Pipeline) -> None:
        """Lists alone make no marts: these need the tables that a sync creates.

        Raises:
            Misconfigured: there was no sync yet.
        """
        if "workspace_id" not in source_state(pipeline):
            raise Misconfigured(
                f"{self.warehouse.place} was never synced, so --only has no tables to add lists to. Nothing was "
                "written. Run intercom-warehouse sync first."
            )

    def _load_lists(self, pipeline: dlt.Pipeline, inputs: RunInputs) -> ReadingResult:
        """Loads the lists of the catalogue alone."""
        self.say(Step("Reading lists", "read_lists"))
        only = resources_of(self._lists)
        return self._loaded(pipeline, replace(inputs, selected=frozenset()), only=only).result

    def _load_changes(self, pipeline: dlt.Pipeline, inputs: RunInputs) -> Reading:
        """Loads what changed since the last run; in a first run of a small workspace that is everything."""
        self.say(Step("Reading segments, contacts and memberships", "read_changes"))
        return self._loaded(pipeline, inputs)

    def _loaded(self, pipeline: dlt.Pipeline, inputs: RunInputs, only: Sequence[str] = ()) -> Reading:
        """Loads what the source reads; of its resources these only, if any are named."""
        reading, progress = self._reading(inputs)
        options = inputs.options
        source = intercom(self.settings.access_token, resources=[*self._lists], full=options.full, reading=reading)
        source = source.with_resources(*only) if only else source
        source.resources.add(new_runs(self.warehouse.journal, options.workspace_id, inputs.tables, self.workspace))
        began = time.monotonic()
        with inputs.tables, self.watch(progress), models_parsed():
            pipeline.extract(source)
        self._reading_seconds += time.monotonic() - began
        self.say(Step("Loading", "load"))
        load_package(pipeline)
        return reading

    def _reading(self, inputs: RunInputs) -> tuple[Reading, Progress]:
        async def prepare(_: Intercom) -> RunInputs:
            return inputs

        progress = Progress(self.usage, self._pacer)
        return Reading(self._connect, prepare, progress), progress

    def _load_first(self, pipeline: dlt.Pipeline, store: PartStore, inputs: RunInputs) -> FirstLoad:
        """Loads a large workspace that was never loaded as a whole. A small one is left to the run that follows."""
        interruptions = store.interruptions()
        self._load_parts(pipeline, store)
        kept, progress = source_state(pipeline).get("first_load"), Progress(self.usage, self._pacer)
        first = FirstLoad(
            self._connect,
            inputs.options,
            fields=inputs.fields,
            progress=progress,
            stage=FirstLoadState(**kept) if kept else None,
            interruptions=interruptions,
            keep=store.keep,
        )
        self.say(Step("Reading everything for the first time", "read_everything"))
        store.open()
        with (
            inputs.tables as tables,
            self.watch(progress),
            Background(self._timed(first.read(tables)), store.close),
        ):
            load_checks()  # parses the SQL files while the first answers arrive
            self._load_parts(pipeline, store)
        return first

    async def _timed(self, reading: Awaitable[None]) -> None:
        began = time.monotonic()
        await reading
        self._reading_seconds += time.monotonic() - began

    def _load_parts(self, pipeline: dlt.Pipeline, store: PartStore) -> None:
        """Loads the stored parts, and those that are added in the process."""
        for package in store.packages():
            pipeline.extract(intercom_first_load(package))
            rows = sum(part.rows for part in package)
            self.say(Step(f"Loading {rows:,} rows", "load", rows=rows))
            load_package(pipeline)

    def _outcome(self, run: Run, found: ReadingResult, built: Build) -> Outcome:
        return Outcome(
            run_id=run.run_id,
            workspace_id=str(run.workspace_id),
            exit_code=ExitCode.DONE if found.is_complete else ExitCode.INCOMPLETE,
            contacts_read=found.contacts_read,
            contacts_gone=found.contacts_gone,
            segments=found.segments,
            members=found.members,
            swept=found.swept,
            joins=found.joins,
            leaves=found.leaves,
            incomplete=dict(found.incomplete),
            lists={one.table_name: one.status for one in found.lists},
            list_rows=sum(one.changed + one.deleted for one in found.lists),
            drift=found.drift,
            notes=(*self._remarks, *found.notes),
            warnings=tuple(str(fault) for fault in built.faults),
            api_calls=self.usage.calls.total(),
            megabytes=round(self.usage.bytes_received / 1e6, 1),
            reading_seconds=round(self._reading_seconds, 3),
            seconds=self._seconds,
        )


@contextmanager
def models_parsed() -> Iterator[None]:
    """Parses the SQL files beside a block that mostly waits. What is wrong with one is raised by the build."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(load_checks)
        yield


def remove_old_bodies(job: Sync, pipeline: dlt.Pipeline, workspace_id: str) -> None:
    """Clears what people wrote longer ago than it may be kept, in rows that the run did not read again."""
    before = job.settings.bodies_before(job.clock())
    if before is not None:
        job.say(Step("Clearing old bodies", "clear_bodies"))
        with pipeline.sql_client() as client:
            remove_bodies(client, job.warehouse.dialect, workspace_id, before)


async def planned(
    connect: Callable[[], Intercom], inputs: RunInputs, resources: Sequence[Resource]
) -> list[PlannedList]:
    """What a run would read beside contacts and segments, and at what cost."""
    lists = await planned_lists(connect(), inputs, resources)
    known = {one.table_name: one.records for one in lists}
    lists += await planned_parts(connect(), inputs, resources, known)
    lists += await planned_history(inputs, resources, known)
    lists += planned_exports(inputs, resources)
    return [*lists, planned_tags(inputs, known.get(TAGS.table))] if CONTACT_TAGS in resources else lists


def with_alerts(outcome: Outcome, job: Sync) -> Outcome:
    """The same with alerts. Where the rules cannot be judged, a note says why: the sync itself has succeeded."""
    if not job.rules:
        return outcome
    present = Present(
        outcome.workspace_id,
        job.clock(),
        last_good_sync(run for run in read_journal(job.warehouse.journal) if run.pipeline_name == job.workspace),
        job.warehouse.day_timezone,
        Selection(job.settings.include_segments or (), job.settings.exclude_segments or ()),
        outcome.drift,
    )
    try:
        with plain_errors(job.warehouse.explain), job.warehouse.reading() as ask:
            alerts = alerts_of(job.rules, ask, present)
    except WarehouseError as error:
        return replace(outcome, notes=(*outcome.notes, f"The alerts could not be judged: {error}"))
    fails = alerts and job.fail_on_alert
    return replace(outcome, alerts=alerts, exit_code=ExitCode.INCOMPLETE if fails else outcome.exit_code)


def with_lists(found: ReadingResult, listed: ReadingResult) -> ReadingResult:
    """A first load, and the lists that were read after it."""
    return replace(
        found,
        lists=listed.lists,
        are_tags_whole=listed.are_tags_whole,
        incomplete={**found.incomplete, **listed.incomplete},
        notes=(*found.notes, *listed.notes),
    )


def inputs_after_first_load(inputs: RunInputs, first: FirstLoad) -> RunInputs:
    """The inputs of the run that follows a first load."""
    if first.is_small:
        return replace(inputs, saved=first.saved)
    return replace(inputs, saved=first.saved, options=_after_first_load(inputs.options, inputs.tables))


def _after_first_load(options: RunOptions, tables: LoadedTables) -> RunOptions:
    """All segments were just swept, so the run sweeps none. Its observations are later, even on a coarse clock."""
    newest = tables.newest_observation()

    def later() -> datetime:
        now = options.clock()
        return now if newest is None else max(now, newest + timedelta(microseconds=1))

    return replace(options, clock=later, began_at=later(), full=False, limits=replace(options.limits, sweep_budget=0))
