"""`verify`: whether the warehouse and Intercom say the same of random contacts.

A sync reads by segment; this asks by contact, so that neither way of asking has to be believed alone. It writes nothing
but a line into the run journal.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import dlt

from sources.intercom.api import App, do_nothing, each
from sources.intercom.readings import LoadedTables
from sources.intercom.settings import IntercomSettings

from ...errors import ExitCode, Misconfigured
from ...folder import Run
from ...runs import IntercomJob, bound_workspace, check_identity, check_purpose
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


@dataclass(kw_only=True)
class Verify(IntercomJob):
    """A verification of one workspace; `run` does it.

    Args:
        sample: contacts to compare; all where there are fewer.
        seed: decides which.
        track: entered with the number of contacts while they are read; gives a function that counts one of them.
    """

    sample: int = DEFAULT_SAMPLE
    seed: int = field(default_factory=a_seed)
    track: Track = untracked

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
        with self._journaled("verify") as run:
            app = self._token_owner()
            run.workspace_id = app.id_code
            known = self._known(app)
            told, explanations = asyncio.run(self._ask(known))
            found = self._verification(run, known, told, explanations)
            run.exit_code = int(found.exit_code)
            return found

    def _known(self, app: App) -> Known:
        """What the warehouse says. It is held for this moment only: asking takes longer, and no sync is to wait for it.

        The raw tables are read, not the published copy: PostgreSQL has none, and one left behind by a failed build
        would tell of differences that the warehouse itself does not have.
        """
        with self.warehouse.held(self._lock_request("verify")):
            pipeline = self.warehouse.pipeline(self.workspace)
            check_bound(app, self.settings, pipeline)
            with LoadedTables(pipeline.sql_client, app.id_code) as tables:
                return known(tables, sample=self.sample, seed=self.seed)

    async def _ask(self, known: Known) -> tuple[dict[str, set[str] | None], dict[Pair, Explanation]]:
        """Each contact's segments in Intercom's words, and explanations of what differs."""
        async with self._connect() as client:
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
            seconds=self._seconds,
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
