"""`verify`: compares the segments of random contacts in the warehouse with those in Intercom.

A sync reads by segment, `verify` reads by contact: two independent ways to the same answer. It writes only the run
journal.
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

from ...choices import DEFAULT_SAMPLE
from ...errors import ExitCode, Misconfigured
from ...folder import Run
from ...runs import IntercomJob, bound_workspace, check_identity, check_purpose
from .differences import DifferenceExplainer, Explanation, KnownSample, Pair, read_sample

SegmentsByContact = dict[str, set[str] | None]
"""In Intercom, by contact id; null for a contact that Intercom no longer has."""
Advance = Callable[[], None]
Track = Callable[[int], AbstractContextManager[Advance]]


def random_seed() -> int:
    """Short enough to type again."""
    return secrets.randbelow(1_000_000)


def untracked(_: int) -> AbstractContextManager[Advance]:
    """Shows no progress."""
    return nullcontext(do_nothing)


@dataclass(frozen=True)
class Difference:
    """A membership that only Intercom has (`in_intercom`), or only the warehouse."""

    segment_id: str
    contact_id: str
    in_intercom: bool
    explanation: Explanation | None


@dataclass(frozen=True)
class Verification:
    """What was compared, and what differs.

    `contacts`: those compared, out of `contacts_known`; Intercom no longer has `contacts_gone` of them. `compared`: the
    memberships that either side has. `agreeing`: those that both have.
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
        return sum(difference.explanation is None for difference in self.differences)


@dataclass(kw_only=True)
class Verify(IntercomJob):
    """A verification of one workspace.

    Args:
        sample: contacts to compare; all if there are fewer.
        seed: decides which.
        track: entered with the number of contacts while they are read; gives a function that counts one of them.
    """

    sample: int = DEFAULT_SAMPLE
    seed: int = field(default_factory=random_seed)
    track: Track = untracked

    def run(self) -> Verification:
        """Compares the sample. The journal gets the run, even if it fails.

        Raises:
            WarehouseError, IntercomError: the comparison was not possible.
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
            read, explanations = asyncio.run(self._read_and_explain(known))
            verification = self._verification(run, known, read, explanations)
            run.exit_code = int(verification.exit_code)
            return verification

    def _known(self, app: App) -> KnownSample:
        """Holds the warehouse only while it reads it: reading Intercom takes longer, and a sync must not wait for that.

        It reads the raw tables. PostgreSQL has no published copy, and after a failed build that copy is out of date.
        """
        with self.warehouse.held(self._lock_request("verify")):
            pipeline = self._opened_pipeline()
            check_bound(app, self.settings, pipeline)
            with LoadedTables(pipeline.sql_client, app.id_code) as tables:
                return read_sample(tables, sample=self.sample, seed=self.seed)

    async def _read_and_explain(self, known: KnownSample) -> tuple[SegmentsByContact, dict[Pair, Explanation]]:
        async with self._connect() as client:
            with self.track(len(known.contacts)) as advance:
                answers = await each(known.contacts, client.segments_of, advance)
            read = {key: answer.group_ids if answer else None for key, answer in answers.items()}
            pairs = known.comparable(pairs_of(read))
            explainer = DifferenceExplainer(client, known, agreeing=known.pairs & pairs)
            return read, await explainer.explain(known.pairs ^ pairs)

    def _verification(
        self,
        run: Run,
        known: KnownSample,
        read: SegmentsByContact,
        explanations: dict[Pair, Explanation],
    ) -> Verification:
        pairs = known.comparable(pairs_of(read))
        differing = known.pairs ^ pairs
        return Verification(
            run_id=run.run_id,
            workspace_id=str(run.workspace_id),
            exit_code=ExitCode.INCOMPLETE if differing - explanations.keys() else ExitCode.DONE,
            seed=self.seed,
            contacts_known=known.contacts_known,
            contacts=len(read),
            contacts_gone=sum(segments is None for segments in read.values()),
            compared=len(known.pairs | pairs),
            agreeing=len(known.pairs & pairs),
            differences=tuple(Difference(*pair, pair in pairs, explanations.get(pair)) for pair in sorted(differing)),
            api_calls=self.usage.calls.total(),
            seconds=self._seconds,
        )


def check_bound(app: App, settings: IntercomSettings, pipeline: dlt.Pipeline) -> None:
    """Stops a comparison with the rows of another workspace, or with none.

    Raises:
        SetupError: the token's region or workspace is another one than configured.
        Misconfigured: the workspace was never synced.
    """
    if not pipeline.has_pending_data:  # pending packages are newer than the destination, and would be dropped
        pipeline.sync_destination()
    check_identity(app, settings, pipeline)
    if bound_workspace(pipeline) is None:
        raise Misconfigured(
            f"Workspace {app.id_code} was never synced under the name {pipeline.pipeline_name}, so there is nothing to "
            "compare. Run intercom-warehouse sync first, or use the name of an earlier sync: --workspace NAME."
        )


def pairs_of(segments_by_contact: SegmentsByContact) -> set[Pair]:
    return {(segment, contact) for contact, segments in segments_by_contact.items() for segment in segments or ()}
