"""`verify`: whether the warehouse and Intercom say the same of random contacts.

A sync reads by segment; this asks by contact, so that neither way of asking has to be believed alone. It writes nothing
but a line into the run journal.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

import dlt
import httpx

from sources.intercom.api import PATIENT, App, Intercom, Pacer, Retries, Usage, do_nothing, each
from sources.intercom.memberships import Clock

from ...destinations import Warehouse
from ...errors import ExitCode, Misconfigured
from ...folder import LockRequest, Run
from ...runs import (
    FIRST_CALL_ATTEMPTS,
    bound_workspace,
    check_identity,
    check_purpose,
    connection,
    introduce,
    recorded,
    utc_now,
)
from ...settings import DEFAULT_WORKSPACE, IntercomSettings
from .differences import DifferenceExplainer, Explanation, Known, Pair, known

DEFAULT_SAMPLE = 100
Advance = Callable[[], None]
Track = Callable[[int], AbstractContextManager[Advance]]


def a_seed() -> int:
    """A new seed, short enough to be typed again."""
    return secrets.randbelow(1_000_000)


def untracked(_: int) -> AbstractContextManager[Advance]:
    """Shows no progress."""
    return nullcontext(do_nothing)


@dataclass(frozen=True)
class Difference:
    """A membership that Intercom tells and the warehouse does not, or the reverse."""

    segment_id: str
    contact_id: str
    in_intercom: bool
    explanation: Explanation | None


@dataclass(frozen=True)
class Verification:
    """What was compared and what differs.

    `contacts` were asked about, of `contacts_known`; `contacts_gone` of them Intercom does not know any more.
    `compared` are the memberships that either side tells, `agreeing` those that both do.
    """

    run_id: str
    workspace_id: str
    exit_code: ExitCode
    seed: int
    contacts_known: int
    contacts: int
    contacts_gone: int
    compared: int
    agreeing: int
    differences: tuple[Difference, ...]
    api_calls: int
    seconds: float

    @property
    def unexplained(self) -> int:
        """Differences that nothing explains."""
        return sum(difference.explanation is None for difference in self.differences)


@dataclass
class Verify:
    """A verification of one workspace, with everything it is made of; `run` does it.

    Args:
        workspace: its name here, and its pipeline's.
        sample: contacts to ask about; all where there are fewer.
        seed: decides which.
        transport: replaces the network, for a workspace that lives in this process.
        track: entered with the number of contacts while they are asked about; gives what notes one of them.
    """

    warehouse: Warehouse
    settings: IntercomSettings
    workspace: str = DEFAULT_WORKSPACE
    sample: int = DEFAULT_SAMPLE
    seed: int = field(default_factory=a_seed)
    clock: Clock = utc_now
    transport: httpx.AsyncBaseTransport | None = None
    retries: Retries = PATIENT
    track: Track = untracked
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        self._pacer = Pacer(self.settings.rate_limit_share)
        self._began = time.monotonic()

    def run(self) -> Verification:
        """Compares, and writes the run into the journal however it ends.

        Raises:
            WarehouseError, IntercomError: the comparison could not be made.
        """
        check_purpose(self.warehouse, self.workspace)
        if not self.warehouse.exists:
            raise Misconfigured(
                f"There is no warehouse in {self.warehouse.place} yet. Run intercom-warehouse sync first."
            )
        with recorded(self.warehouse, self.workspace, "verify", clock=self.clock, usage=self.usage) as run:
            app = self._introduce()
            run.workspace_id = app.id_code
            known = self._known(app)
            told, explanations = asyncio.run(self._ask(known))
            found = self._verification(run, known, told, explanations)
            run.exit_code = int(found.exit_code)
            return found

    def _introduce(self) -> App:
        first_attempts = min(self.retries.attempts, FIRST_CALL_ATTEMPTS)
        return asyncio.run(introduce(self._connect(replace(self.retries, attempts=first_attempts))))

    def _connect(self, retries: Retries) -> Intercom:
        return connection(self.settings, self._pacer, self.usage, retries=retries, transport=self.transport)

    def _known(self, app: App) -> Known:
        """What the warehouse says. It is held for this moment only: asking takes longer, and no sync is to wait for it.

        The raw tables are read, not the published copy: PostgreSQL has none, and one left behind by a failed build
        would tell of differences that the warehouse itself does not have.
        """
        with self.warehouse.held(LockRequest("verify", self.workspace)):
            pipeline = self.warehouse.pipeline(self.workspace)
            check_bound(app, self.settings, pipeline)
            with pipeline.sql_client() as client:
                return known(client, app.id_code, sample=self.sample, seed=self.seed)

    async def _ask(self, known: Known) -> tuple[dict[str, set[str] | None], dict[Pair, Explanation]]:
        """Each contact's segments in Intercom's words, and explanations of what differs."""
        async with self._connect(self.retries) as client:
            with self.track(len(known.contacts)) as advance:
                told = await each(known.contacts, client.segments_of, advance)
            pairs = known.comparable(pairs_of(told))
            explainer = DifferenceExplainer(client, known, agreeing=known.pairs & pairs)
            return told, await explainer.explain(known.pairs ^ pairs)

    def _verification(
        self,
        run: Run,
        known: Known,
        told: dict[str, set[str] | None],
        explanations: dict[Pair, Explanation],
    ) -> Verification:
        pairs = known.comparable(pairs_of(told))
        differing = known.pairs ^ pairs
        return Verification(
            run_id=run.run_id,
            workspace_id=str(run.workspace_id),
            exit_code=ExitCode.INCOMPLETE if differing - explanations.keys() else ExitCode.DONE,
            seed=self.seed,
            contacts_known=known.contacts_known,
            contacts=len(told),
            contacts_gone=sum(segments is None for segments in told.values()),
            compared=len(known.pairs | pairs),
            agreeing=len(known.pairs & pairs),
            differences=tuple(Difference(*pair, pair in pairs, explanations.get(pair)) for pair in sorted(differing)),
            api_calls=self.usage.calls.total(),
            seconds=round(time.monotonic() - self._began, 1),
        )


def check_bound(app: App, settings: IntercomSettings, pipeline: dlt.Pipeline) -> None:
    """Stops a comparison of one workspace with another's rows, or with none.

    Raises:
        Misconfigured: the token's region or workspace is another than configured, or was never synced.
    """
    if not pipeline.has_pending_data:  # else it might be dropped: what is pending is newer than the destination
        pipeline.sync_destination()
    check_identity(app, settings, pipeline)
    if bound_workspace(pipeline) is None:
        raise Misconfigured(
            f"Workspace {app.id_code} was never synced under the name {pipeline.pipeline_name}, so there is nothing to "
            "compare. Run intercom-warehouse sync first, or name the workspace as its sync does: --workspace NAME."
        )


def pairs_of(segments_by_contact: dict[str, set[str] | None]) -> set[Pair]:
    """Memberships as pairs; of a contact that is gone there are none."""
    return {(segment, contact) for contact, segments in segments_by_contact.items() for segment in segments or ()}
