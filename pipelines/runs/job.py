"""What commands with a run share: lock, journal, identity, pending packages, client."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import timedelta
from functools import partial

import dlt
import httpx

from sources.intercom.api import PATIENT, App, Intercom, Pacer, Retries, Usage
from sources.intercom.memberships import Clock
from sources.intercom.readings import check_host_clock
from sources.intercom.search import Progress
from sources.intercom.settings import IntercomSettings

from ..clock import utc_now
from ..destinations import MARTS, RAW, Warehouse, dialect_of
from ..folder import AT_ONCE, LockRequest, Run
from ..loading import UNREADABLE, agreed, is_usable, load_package, restored, with_all_tables
from ..messages import Step
from ..models import Build, build, published_marts, refresh
from ..settings import DEFAULT_WORKSPACE, use_project_config
from .identity import check_identity, check_purpose
from .loss import check_database_is_there, check_not_lost
from .recording import recorded

Say = Callable[[str], None]
Watch = Callable[[Progress], AbstractContextManager[object]]

FIRST_CALL_ATTEMPTS = 4
"""A host that cannot be reached is more often misspelled than down, so the error comes after seconds."""

LACKED_MEMORY = (
    "The database had too little memory to derive the changed memberships alone, so everything was built. That takes "
    "several times as long. Give it more memory: docs/destinations.md says how much a day of a large history needs."
)


def silently(_: str) -> None:
    """Reports no step."""


def unwatched(_: Progress) -> AbstractContextManager[object]:
    """Shows no progress."""
    return nullcontext()


@dataclass
class Job:
    """A command's work on the warehouse of one workspace.

    Args:
        workspace: its name here, and its pipeline's; another name than the default has its own config section.
        wait: how long to wait for another run to end.
        clock: gives `observed_at`; the demo moves it.
        say: called with each step as it starts.
    """

    warehouse: Warehouse
    workspace: str = DEFAULT_WORKSPACE
    _: KW_ONLY
    wait: timedelta = AT_ONCE
    clock: Clock = utc_now
    say: Say = silently
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        use_project_config()
        self._began = time.monotonic()
        self._remarks: list[str] = []

    @property
    def _seconds(self) -> float:
        return round(time.monotonic() - self._began, 1)

    def _journaled(self, command: str) -> AbstractContextManager[Run]:
        """A run that goes into the journal even if it fails."""
        return recorded(self.warehouse, self.workspace, command, clock=self.clock, usage=self.usage)

    @contextmanager
    def _recorded(self, command: str) -> Iterator[tuple[Run, dlt.Pipeline]]:
        """A journaled run that holds the warehouse."""
        with self._journaled(command) as run, self.warehouse.held(self._lock_request(command)):
            yield run, self._opened_pipeline()

    def _opened_pipeline(self) -> dlt.Pipeline:
        """The pipeline. A working folder that dlt cannot read is made again from the warehouse."""
        folder = self.warehouse.working_folder(self.workspace)
        if is_usable(folder):
            return self.warehouse.pipeline(self.workspace)
        self._note(UNREADABLE)
        return restored(self.warehouse, self.workspace)

    def _note(self, note: str) -> None:
        self._remarks.append(note)
        self.say(note)

    def _lock_request(self, command: str) -> LockRequest:
        return LockRequest(command, self.workspace, wait=self.wait, say=self.say)

    def _finish_pending(self, pipeline: dlt.Pipeline) -> None:
        if pipeline.has_pending_data:
            self.say(Step("Loading what an interrupted run had read", "load_pending"))
            load_package(pipeline)

    def _refresh(self, pipeline: dlt.Pipeline) -> Build:
        """As `_publish`, after a build of what has changed."""
        built = self._publish(partial(refresh_models, compare_every=self.warehouse.compare_builds_every), pipeline)
        if built.lacked_memory:
            self._note(LACKED_MEMORY)
        return built

    def _publish(self, build_models: Callable[..., Build], pipeline: dlt.Pipeline) -> Build:
        """Builds marts and publishes them.

        Raises:
            ModelsFailed: marts and published copy are as they were.
        """
        self.say(Step("Building the models and checking them", "build"))
        warehouse = self.warehouse
        built = build_models(pipeline, day_timezone=warehouse.day_timezone, compatibility=warehouse.compatibility)
        warehouse.publish(published_marts(warehouse.dialect, warehouse.day_timezone), self.say)
        return built


@dataclass(kw_only=True)
class IntercomJob(Job):
    """A job that reads Intercom.

    Args:
        transport: replaces the network, for a workspace that lives in this process.
        accept_loss: start from nothing where the warehouse was lost.
        within: how long the run may call Intercom, from its start; null for no limit.
        watch: entered while Intercom is read, with the progress of that.
    """

    settings: IntercomSettings
    accept_loss: bool = False
    transport: httpx.AsyncBaseTransport | None = None
    retries: Retries = PATIENT
    within: timedelta | None = None
    watch: Watch = unwatched

    def __post_init__(self) -> None:
        super().__post_init__()
        self._pacer = Pacer(self.settings.rate_limit_share)

    @contextmanager
    def _identified(self, command: str) -> Iterator[tuple[Run, dlt.Pipeline, App]]:
        """A recorded run whose token belongs to the pipeline's workspace. Pending packages are loaded first."""
        check_purpose(self.warehouse, self.workspace)
        if not self.accept_loss:
            check_database_is_there(self.warehouse, self.workspace)
        self.warehouse.prepare()
        with self._recorded(command) as (run, pipeline):
            app, pipeline = self._identify(pipeline)
            run.workspace_id, run.quota = app.id_code, self._pacer.limit
            self._finish_pending(pipeline)
            yield run, pipeline, app

    def _identify(self, pipeline: dlt.Pipeline) -> tuple[App, dlt.Pipeline]:
        """The token's workspace, and the pipeline with the state that the warehouse holds.

        Raises:
            SetupError: this host's clock, or the token's region or workspace, is another one than it has to be.
            Misconfigured: the warehouse was lost.
        """
        app = self._token_owner()
        check_host_clock(self.clock(), self.usage)
        check_identity(app, self.settings, pipeline)
        check = partial(check_not_lost, self.warehouse, pipeline, app.id_code, accept=self.accept_loss)
        pipeline, notes = agreed(pipeline, self.warehouse, check)
        for note in notes:
            self._note(note)
        check_identity(app, self.settings, pipeline)
        return app, pipeline

    def _token_owner(self) -> App:
        self.say(Step(f"Asking {self.settings.url} whose token this is", "identify"))
        first_attempts = min(self.retries.attempts, FIRST_CALL_ATTEMPTS)
        return asyncio.run(_workspace_of(self._connect(replace(self.retries, attempts=first_attempts))))

    def _connect(self, retries: Retries | None = None) -> Intercom:
        retries = retries or self.retries
        until = None if self.within is None else self._began + self.within.total_seconds()
        return self.settings.client(self._pacer, self.usage, retries=retries, transport=self.transport, until=until)


async def _workspace_of(client: Intercom) -> App:
    async with client:
        return (await client.me()).app


def build_models(
    pipeline: dlt.Pipeline,
    select: Collection[str] | None = None,
    day_timezone: str = "UTC",
    compatibility: Collection[str] = (),
) -> Build:
    """Builds the models, or some of them and all downstream of those, and runs the checks.

    Raises:
        ModelsFailed: the marts are as they were.
    """
    with with_all_tables(pipeline) as client:
        return build(
            client,
            dialect_of(pipeline),
            raw=RAW,
            marts=MARTS,
            select=select,
            day_timezone=day_timezone,
            compatibility=compatibility,
        )


def refresh_models(
    pipeline: dlt.Pipeline,
    day_timezone: str = "UTC",
    compatibility: Collection[str] = (),
    compare_every: timedelta | None = None,
) -> Build:
    """Builds the models downstream of raw tables that changed since the last build, and runs their checks.

    Raises:
        ModelsFailed: the marts are as they were.
    """
    with with_all_tables(pipeline) as client:
        return refresh(
            client,
            dialect_of(pipeline),
            raw=RAW,
            marts=MARTS,
            day_timezone=day_timezone,
            compatibility=compatibility,
            compare_every=compare_every,
        )
