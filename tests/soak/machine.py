"""A random life of a workspace and of the syncs that follow it, as a hypothesis state machine."""

import math
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from pipelines.errors import ExitCode
from pipelines.models.changes import touched
from pipelines.settings import use_project_config
from sandbox.world import Workspace
from sources.intercom.api import Unavailable
from sources.intercom.catalog import ALL

from ..pipelines.models.rebuilt import differing_in
from ..support.deployments import START, Deployment, standing_still
from ..support.lists import different_tables
from .audit import check_contacts, check_keys
from .events import OF_CONTACTS, OF_SEGMENTS
from .runs import AuditedRuns, Event, InterferingTransport, Killed, kill, killing_at_step

PICKS = st.integers(0, 9_999)
CALLS = st.integers(1, 25)
EVENTS = st.tuples(st.sampled_from(OF_CONTACTS + OF_SEGMENTS), PICKS)
HELD_BY_THE_GUARD = {"shrunk", "list_shrunk"}


class TimeIsUp(BaseException):
    """Ends all lives; hypothesis does not take it for a failure."""


class Syncing(RuleBasedStateMachine):
    """Its rules are events and runs. After each finished run the warehouse must equal the true state.

    `tally` counts machines, steps (executed rules) and syncs over all machines. `until` is the end of all lives, on
    the monotonic clock.
    """

    tally: ClassVar[Counter[str]] = Counter()
    until: ClassVar[float] = math.inf

    @initialize(
        contacts=st.sampled_from((40, 90, 200)),
        segments=st.integers(8, 16),
        seed=st.integers(0, 99),
        version=st.sampled_from(("Preview", "2.16", "2.14")),
        sweep_budget=st.sampled_from((0, 5000)),
        resources=st.sampled_from(((), (ALL,))),
    )
    def begin(
        self,
        *,
        contacts: int,
        segments: int,
        seed: int,
        version: str,
        sweep_budget: int,
        resources: tuple[str, ...],
    ) -> None:
        use_project_config()
        touched.LARGEST_SHARE = math.inf  # so that these small workspaces have incremental builds
        self.folder = TemporaryDirectory()
        self.workspace = Workspace(
            contacts=contacts,
            segments=segments,
            seed=seed,
            start=START,
            monotonic=standing_still,
            token="sandbox-token",
            conversations=30,
            tickets=8,
        )
        deployment = Deployment(Path(self.folder.name), self.workspace, resources=resources)
        deployment.settings.api_version, deployment.settings.sweep_budget = version, sweep_budget
        self.runs = AuditedRuns(deployment, self.tally)
        self.tally["machines"] += 1

    @rule(event=EVENTS, seconds=st.sampled_from((0, 1, 3600)))
    def something_happens(self, event: Event, seconds: int) -> None:
        self._step()
        self.runs.happen(event, seconds)

    @rule(events=st.lists(EVENTS, min_size=2, max_size=12), minutes=st.integers(1, 300))
    def much_happens(self, events: list[Event], minutes: int) -> None:
        self._step()
        for event in events:
            self.runs.happen(event, 60 * minutes)

    @rule()
    def a_day_passes(self) -> None:  # the simplest rule, because it has no arguments: hypothesis tries it first
        self._step()
        self.runs.pass_time(24 * 3600)

    @rule(hours=st.sampled_from((0.1, 1, 5, 12, 21, 72, 24 * 9)))
    def time_passes(self, hours: float) -> None:
        self._step()
        self.runs.pass_time(3600 * hours)

    @rule(days=st.sampled_from((0.5, 1, 4)), churn=st.sampled_from((0.02, 0.2)), silent=st.sampled_from((0, 0.5)))
    def people_live(self, days: float, churn: float, silent: float) -> None:
        self._step()
        self.workspace.live(days=days, churn=churn, silent=silent)
        self.runs.truth.record()

    @rule(changes=st.integers(1, 12))
    def lists_change(self, changes: int) -> None:
        self._step()
        self.workspace.live_lists(changes)
        self.workspace.live_support(changes)

    @rule(full=st.booleans(), accept_shrink=st.booleans())
    def a_run(self, *, full: bool, accept_shrink: bool) -> None:
        self._step()
        outcome = self.runs.finish(full=full, accept_shrink=accept_shrink)

        assert set(outcome.incomplete.values()) <= HELD_BY_THE_GUARD
        check_contacts(self.runs.deployment, "updated_at")

    @rule(meddling=st.dictionaries(CALLS, st.tuples(EVENTS, st.sampled_from((0, 1, 40))), min_size=1, max_size=5))
    def a_run_while_things_happen(self, meddling: dict[int, tuple[Event, int]]) -> None:
        self._step()
        self.runs.finish(meddling)

    @rule(
        fault=st.sampled_from(("empty_page", "half_page", "repeat_page")),
        pick=PICKS,
        page=st.sampled_from((1, 1, 1, 2)),
        times=st.sampled_from((1, 2, 5)),
        meddling=st.dictionaries(CALLS, st.tuples(EVENTS, st.sampled_from((0, 1))), max_size=3),
    )
    def a_run_with_a_bad_page(
        self, fault: str, pick: int, page: int, times: int, meddling: dict[int, tuple[Event, int]]
    ) -> None:
        self._step()
        if self.workspace.segments:
            segment_id = self.runs.life.crowded_segment(pick)
            getattr(self.workspace.faults, fault)(segment_id, page=page, times=times)
            self.runs.finish(meddling, doubtful=segment_id if meddling else None)
            self.workspace.faults.clear()

    @rule(lost=st.sampled_from((None, 1, 3)))
    def a_run_with_a_short_list(self, lost: int | None) -> None:
        self._step()
        faults = self.workspace.faults
        if lost is None:
            faults.half_segment_list()
        else:
            faults.lose_segments(lost)
        self.runs.finish()
        faults.clear()

    @rule(where=st.sampled_from(("outage", "call", "step")), number=CALLS)
    def a_run_that_ends_early(self, where: str, number: int) -> None:
        self._step()
        inner = self.runs.deployment.transport
        if where == "step":
            self.runs.attempt(Killed, say=killing_at_step(number % 6 + 1))
        elif where == "call":
            self.runs.fail(Killed, transport=InterferingTransport(inner, {number: kill}))
        else:
            transport = InterferingTransport(inner, {})
            transport.plan = {number: transport.go_down}
            self.runs.fail(Unavailable, transport=transport)

    def teardown(self) -> None:
        """A day after the last event, at most two runs lead to equality; a full run finds every contact."""
        if sys.exception() is None and hasattr(self, "runs"):
            self.runs.pass_time(25 * 3600)
            self.runs.finish()
            outcome = self.runs.finish(full=True)

            assert outcome.exit_code == ExitCode.DONE
            deployment = self.runs.deployment
            assert deployment.members() == self.workspace.pairs()
            check_contacts(deployment, "updated_at", "last_seen_at")
            deleted = deployment.query("select contact_id from intercom.contacts where is_deleted")
            assert {contact_id for (contact_id,) in deleted}.isdisjoint(self.workspace.contacts)
            check_keys(deployment)
            different = different_tables(deployment)
            assert not different, different
            assert differing_in(deployment) == set()
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def _step(self) -> None:
        if time.monotonic() > self.until:
            raise TimeIsUp
        self.tally["steps"] += 1
