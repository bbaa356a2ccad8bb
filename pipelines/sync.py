"""One sync: finish what is pending, read Intercom, load, build the models, publish.

Nothing is written before the token's workspace is known to be the pipeline's own. A run is one load package, so that
contacts, changes, scans and the cursor arrive together or not at all.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import httpx

from sources.intercom import intercom, intercom_first_load, past
from sources.intercom.client import PATIENT, Intercom, Retries, Usage
from sources.intercom.fields import Fields, KnownFields
from sources.intercom.first_load import FirstLoad, Stage
from sources.intercom.memberships import Clock, Guard
from sources.intercom.pacing import Pacer
from sources.intercom.plan import Limits
from sources.intercom.preview import Preview, preview
from sources.intercom.progress import Progress
from sources.intercom.reading import Reading
from sources.intercom.records import App
from sources.intercom.scanning import Found, Past, Terms
from sources.intercom.selection import Selection
from sources.intercom.versions import version

from . import journal, release
from .background import Background
from .errors import ExitCode, Misconfigured, plain_errors
from .lock import AT_ONCE, Claim
from .memory import RawMemory, remembering
from .models import Build, build, load_checks, refresh
from .pending import clear_away, mend
from .settings import DEFAULT_WORKSPACE, DEMO_WORKSPACE, IntercomSettings
from .shelf import Shelf
from .shelf import mend as mend_shelf
from .steps import Step
from .warehouse import MARTS, RAW, Warehouse

Say = Callable[[str], None]
Watch = Callable[[Progress], AbstractContextManager[object]]


FIRST_CALL_ATTEMPTS = 4
"""A host that cannot be reached is more often misspelt than down: say so after seconds, not after a minute."""


def utc_now() -> datetime:
    """The clock of a real run."""
    return datetime.now(UTC)


def silently(_: str) -> None:
    """Says nothing."""


def unwatched(_: Progress) -> AbstractContextManager[object]:
    """Shows nothing while Intercom is read."""
    return nullcontext()


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
class Job:
    """What is done with one workspace and its warehouse, with everything it is made of.

    Args:
        workspace: its name here, and its pipeline's; the name of its own section where it is not the default.
        wait: how long to wait for another run to end.
        clock: tells `observed_at`; the demo moves it.
        transport: replaces the network, for a workspace that lives in this process.
        say: told each step as it begins.
        watch: entered while Intercom is read, given how far that has come.
    """

    warehouse: Warehouse
    settings: IntercomSettings
    workspace: str = DEFAULT_WORKSPACE
    _: KW_ONLY
    wait: timedelta = AT_ONCE
    clock: Clock = utc_now
    transport: httpx.AsyncBaseTransport | None = None
    retries: Retries = PATIENT
    say: Say = silently
    watch: Watch = unwatched
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        self._pacer = Pacer(self.settings.rate_limit_share)
        self._began = time.monotonic()

    @contextmanager
    def _begun(self, command: str) -> Iterator[tuple[journal.Run, dlt.Pipeline, App]]:
        """A run that is written into the journal however it ends; what an earlier one left pending is loaded."""
        check_purpose(self.warehouse, self.workspace)
        self.warehouse.prepare()
        journaled = journal.kept(self.warehouse, self.workspace, command, clock=self.clock, usage=self.usage)
        with journaled as run, self.warehouse.held(self._claim(command)):
            pipeline = self.warehouse.pipeline(self.workspace)
            mend(Path(pipeline.working_dir))
            app = self._introduce(pipeline)
            run.workspace_id = app.id_code
            self._finish_pending(pipeline)
            yield run, pipeline, app

    def _claim(self, command: str) -> Claim:
        return Claim(command, self.workspace, wait=self.wait, say=self.say)

    def _introduce(self, pipeline: dlt.Pipeline) -> App:
        app = self._ask_whose_token()
        if not pipeline.has_pending_data:  # else it might be dropped: what is pending is newer than the destination
            pipeline.sync_destination()
        check_identity(app, self.settings, pipeline)
        return app

    def _ask_whose_token(self) -> App:
        self.say(Step(f"Asking {self.settings.url} whose token this is", "identify"))
        first_attempts = min(self.retries.attempts, FIRST_CALL_ATTEMPTS)
        return asyncio.run(introduce(self._connect(replace(self.retries, attempts=first_attempts))))

    def _connect(self, retries: Retries | None = None) -> Intercom:
        retries = retries or self.retries
        return connection(self.settings, self._pacer, self.usage, retries=retries, transport=self.transport)

    def _finish_pending(self, pipeline: dlt.Pipeline) -> None:
        if pipeline.has_pending_data:
            self.say(Step("Loading what an interrupted run had read", "load_pending"))
            load_package(pipeline)

    def _finish(self, pipeline: dlt.Pipeline) -> Build:
        """Brings marts and published copy up to what is loaded."""
        self.say(Step("Building the models and checking them", "build"))
        built = refresh_models(pipeline)
        self.warehouse.publish(self.say)
        return built


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
        with plain_errors(self.warehouse.explain), self.warehouse.held(self._claim("sync --plan")):
            pipeline = self.warehouse.pipeline(self.workspace)
            app = self._introduce(pipeline)
            terms, before = self._terms(app, "preview"), past(source_state(pipeline))
            with remembering(pipeline, app.id_code) as memory:
                check_clock(self.clock(), memory)
                return asyncio.run(preview(self._connect(), terms, past=before, memory=memory))

    def _load(self, pipeline: dlt.Pipeline, app: App, run_id: str) -> Found:
        terms, fields = self._terms(app, run_id), Fields(known_fields(pipeline), self.settings.privacy)
        before = past(source_state(pipeline))
        shelf = shelf_of(pipeline)
        with remembering(pipeline, app.id_code) as memory:
            check_clock(self.clock(), memory)
        first = self._load_first(pipeline, shelf, terms, fields) if before.cursor is None else None
        shelf.clear()
        if first:
            with remembering(pipeline, app.id_code) as memory:
                if found := first.found(memory):
                    return found
                before, terms = first.past, terms if first.is_small else after_first_load(terms, memory)
        return self._load_news(pipeline, terms, fields, before).found

    def _load_news(self, pipeline: dlt.Pipeline, terms: Terms, fields: Fields, before: Past) -> Reading:
        """Loads what changed since the last run or, where that is all, everything."""
        self.say(Step("Reading segments, contacts and memberships", "read_changes"))
        with remembering(pipeline, terms.workspace_id) as memory:
            progress = Progress(self.usage, self._pacer)
            reading = Reading(self._connect, terms, memory=memory, past=before, fields=fields, progress=progress)
            source = intercom(reading)
            source.resources.add(journal.runs(self.warehouse.journal, terms.workspace_id, memory, self.workspace))
            began = time.monotonic()
            with self.watch(progress):
                pipeline.extract(source)
            self._reading_seconds += time.monotonic() - began
        self.say(Step("Loading", "load"))
        load_package(pipeline)
        return reading

    def _load_first(self, pipeline: dlt.Pipeline, shelf: Shelf, terms: Terms, fields: Fields) -> FirstLoad:
        """Loads a large workspace that was never loaded as a whole; a small one is left to the run."""
        interruptions = shelf.interruptions()
        self._load_shelf(pipeline, shelf)
        kept, progress = source_state(pipeline).get("first_load"), Progress(self.usage, self._pacer)
        first = FirstLoad(
            self._connect,
            terms,
            fields=fields,
            progress=progress,
            stage=Stage(**kept) if kept else None,
            interruptions=interruptions,
            keep=shelf.keep,
        )
        self.say(Step("Reading everything for the first time", "read_everything"))
        shelf.open()
        with (
            remembering(pipeline, terms.workspace_id) as memory,
            self.watch(progress),
            Background(self._timed(first.read(memory)), shelf.close),
        ):
            load_checks()  # reads the models' SQL while the first answers come
            self._load_shelf(pipeline, shelf)
        return first

    async def _timed(self, reading: Awaitable[None]) -> None:
        began = time.monotonic()
        await reading
        self._reading_seconds += time.monotonic() - began

    def _load_shelf(self, pipeline: dlt.Pipeline, shelf: Shelf) -> None:
        """Loads what is on the shelf, and what is put there meanwhile."""
        for package in shelf.packages():
            pipeline.extract(intercom_first_load(package))
            rows = sum(part.rows for part in package)
            self.say(Step(f"Loading {rows:,} rows", "load", rows=rows))
            load_package(pipeline)

    def _terms(self, app: App, run_id: str) -> Terms:
        settings = self.settings
        return Terms(
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

    def _outcome(self, run: journal.Run, found: Found, built: Build) -> Outcome:
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


def after_first_load(terms: Terms, memory: RawMemory) -> Terms:
    """The terms of the run that follows a first load: everything was read just now, so it sweeps nothing.

    Its observations are later than theirs, also by a clock too coarse to tell.
    """
    newest = memory.newest_observation()

    def later() -> datetime:
        now = terms.clock()
        return now if newest is None else max(now, newest + timedelta(microseconds=1))

    return replace(terms, clock=later, full=False, limits=replace(terms.limits, sweep_budget=0))


def shelf_of(pipeline: dlt.Pipeline) -> Shelf:
    """Where a first load keeps what it has read."""
    folder = Path(pipeline.working_dir) / "first_load"
    mend_shelf(folder)
    return Shelf(folder)


def load_package(pipeline: dlt.Pipeline) -> None:
    """Brings what was extracted into the warehouse, the pipeline's state along with it."""
    pipeline.normalize()
    with pipeline.sql_client() as client:
        release.note(client, raw=RAW)
    pipeline.load()
    clear_away(Path(pipeline.working_dir))


def connection(
    settings: IntercomSettings,
    pacer: Pacer,
    usage: Usage,
    *,
    retries: Retries = PATIENT,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Intercom:
    """A client for the configured workspace."""
    return Intercom(
        settings.url,
        settings.access_token,
        version=settings.api_version,
        pacer=pacer,
        usage=usage,
        retries=retries,
        transport=transport,
    )


async def introduce(client: Intercom) -> App:
    """The workspace behind the token."""
    async with client:
        return (await client.me()).app


def check_identity(app: App, settings: IntercomSettings, pipeline: dlt.Pipeline) -> None:
    """Stops a run that would write another workspace's rows.

    Raises:
        Misconfigured: the token's region or workspace is another than configured.
    """
    check_region(app, settings)
    bound = bound_workspace(pipeline)
    if bound not in (None, app.id_code):
        raise Misconfigured(
            f"The pipeline {pipeline.pipeline_name} loads workspace {bound}, but the token belongs to {app.id_code}. "
            "Nothing was written. Use the other workspace's token, or sync this one under a name of its own: "
            "--workspace NAME."
        )


def check_region(app: App, settings: IntercomSettings) -> None:
    """Stops where the token's workspace lives in another region than configured. Raises Misconfigured."""
    if app.region.lower() != settings.region:
        raise Misconfigured(
            f"The token's workspace lives in Intercom's region {app.region.lower()}, but {settings.region} is "
            f"configured. Nothing was written. Set SOURCES__INTERCOM__REGION to {app.region.lower()}."
        )


def bound_workspace(pipeline: dlt.Pipeline) -> str | None:
    """The workspace that a pipeline's name belongs to since its first sync."""
    kept = [part.stage.workspace_id for part in shelf_of(pipeline).parts]
    workspace_id: str | None = source_state(pipeline).get("workspace_id") or next(iter(kept), None)
    return workspace_id


def source_state(pipeline: dlt.Pipeline) -> dict[str, Any]:
    """What earlier runs left in the pipeline's state."""
    sources: dict[str, Any] = pipeline.state.get("sources") or {}
    state: dict[str, Any] = sources.get("intercom", {})
    return state


def known_fields(pipeline: dlt.Pipeline) -> KnownFields | None:
    """The fields that contacts had in earlier runs, null before the first."""
    fields: KnownFields | None = source_state(pipeline).get("contact_fields")
    return fields


def check_purpose(warehouse: Warehouse, workspace: str) -> None:
    """Keeps made-up data and a real workspace's apart.

    Raises:
        Misconfigured: a real workspace would be loaded into the demo's warehouse.
    """
    if warehouse.is_demo and workspace != DEMO_WORKSPACE:
        raise Misconfigured(
            f"{warehouse.folder} holds the demo's made-up data. Delete that folder, or set WAREHOUSE__DATA_DIR to "
            "another, then sync again."
        )


def check_clock(now: datetime, memory: RawMemory) -> None:
    """Stops a run whose observations would lie before those already logged.

    Raises:
        Misconfigured: the clock is behind the log.
    """
    newest = memory.newest_observation()
    if newest is not None and now <= newest:
        raise Misconfigured(
            f"This host's clock says {now:%Y-%m-%d %H:%M:%S} UTC, but the warehouse was last written at "
            f"{newest.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC. Nothing was written: set the clock right and run again."
        )


def rebuild(warehouse: Warehouse, workspace: str, select: list[str] | None, *, wait: timedelta, say: Say) -> Build:
    """Builds and publishes in a run of its own, which is journaled however it ends. Asks Intercom nothing.

    Raises:
        WarehouseError: the marts and the published copy are as they were.
    """
    journaled = journal.kept(warehouse, workspace, "models", clock=utc_now, usage=Usage())
    with journaled as run, warehouse.held(Claim("models", workspace, wait=wait, say=say)):
        pipeline = warehouse.pipeline(workspace)
        run.workspace_id = bound_workspace(pipeline)
        built = build_models(pipeline, select)
        warehouse.publish(say)
        return built


def build_models(pipeline: dlt.Pipeline, select: list[str] | None = None) -> Build:
    """Builds the models, or only some and what follows from them, and runs the checks.

    Raises:
        ModelsFailed: the marts are as they were.
    """
    with pipeline.sql_client() as client:
        return build(client, raw=RAW, marts=MARTS, select=select)


def refresh_models(pipeline: dlt.Pipeline) -> Build:
    """Builds the models that follow from what was loaded since the last build, and runs their checks.

    Raises:
        ModelsFailed: the marts are as they were.
    """
    with pipeline.sql_client() as client:
        return refresh(client, raw=RAW, marts=MARTS)
