"""What every command with a run shares: lock, journal, identity, pending packages, client."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dlt
import httpx

from sources.intercom.api import PATIENT, App, Intercom, Pacer, Retries, Usage
from sources.intercom.memberships import Clock
from sources.intercom.search import Progress
from sources.intercom.settings import IntercomSettings

from ..destinations import MARTS, RAW, Warehouse
from ..folder import AT_ONCE, LockRequest, Run
from ..loading import load_package, repair_packages
from ..models import Build, build, published_marts, refresh
from ..settings import DEFAULT_WORKSPACE
from ..steps import Step
from .identity import check_identity, check_purpose
from .recording import recorded

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
    def _begun(self, command: str) -> Iterator[tuple[Run, dlt.Pipeline, App]]:
        """A run that is written into the journal however it ends; what an earlier one left pending is loaded."""
        check_purpose(self.warehouse, self.workspace)
        self.warehouse.prepare()
        journaled = recorded(self.warehouse, self.workspace, command, clock=self.clock, usage=self.usage)
        with journaled as run, self.warehouse.held(self._lock_request(command)):
            pipeline = self.warehouse.pipeline(self.workspace)
            repair_packages(Path(pipeline.working_dir))
            app = self._introduce(pipeline)
            run.workspace_id = app.id_code
            self._finish_pending(pipeline)
            yield run, pipeline, app

    def _lock_request(self, command: str) -> LockRequest:
        return LockRequest(command, self.workspace, wait=self.wait, say=self.say)

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
        return self.settings.client(self._pacer, self.usage, retries=retries, transport=self.transport)

    def _finish_pending(self, pipeline: dlt.Pipeline) -> None:
        if pipeline.has_pending_data:
            self.say(Step("Loading what an interrupted run had read", "load_pending"))
            load_package(pipeline)

    def _finish(self, pipeline: dlt.Pipeline) -> Build:
        """Brings marts and published copy up to what is loaded."""
        self.say(Step("Building the models and checking them", "build"))
        built = refresh_models(pipeline)
        self.warehouse.publish(published_marts(), self.say)
        return built


async def introduce(client: Intercom) -> App:
    """The workspace behind the token."""
    async with client:
        return (await client.me()).app


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
