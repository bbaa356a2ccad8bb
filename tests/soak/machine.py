"""A random life of a workspace and of the syncs that follow it, as a hypothesis state machine."""

import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from pipelines.commands import Outcome
from pipelines.errors import ExitCode, causes
from pipelines.settings import use_project_config
from sandbox.world import Workspace
from sources.intercom.api import Unavailable

from ..support.deployments import START, Deployment, standing_still
from .audit import check_contacts, check_keys, check_scans, check_spells, logged_changes, spells
from .events import OF_CONTACTS, OF_SEGMENTS, Life
from .truth import Truth

PICKS = st.integers(0, 9_999)
CALLS = st.integers(1, 25)
EVENTS = st.tuples(st.sampled_from(OF_CONTACTS + OF_SEGMENTS), PICKS)
HELD_BY_THE_GUARD = {"shrunk", "list_shrunk"}

Plan = Mapping[int, Callable[[], None]]


class Killed(Exception):
    """The run ends here."""


class TimeIsUp(BaseException):
    """Ends all lives; hypothesis takes it for no failure."""


class Interfering(httpx.AsyncBaseTransport):
    """Does what is planned before it answers a call; the first one is number 1."""

    def __init__(self, inner: httpx.AsyncBaseTransport, plan: Plan) -> None:
        self.inner, self.plan, self.numbers = inner, plan, count(1)
        self.is_down = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.plan.get(next(self.numbers), _nothing)()
        return httpx.Response(503) if self.is_down else await self.inner.handle_async_request(request)

    def go_down(self) -> None:
        """From now on there is an outage."""
        self.is_down = True


def _nothing() -> None:
    pass


class Syncing(RuleBasedStateMachine):
    """Its rules are what can happen; whatever does, a finished run has to tell the truth.

    `tally` counts machines, steps (rules executed) and syncs for whoever runs many of them, at most `until` a moment
    of the monotonic clock.
    """

    tally: ClassVar[Counter[str]] = Counter()
    until: ClassVar[float] = math.inf

    @initialize(
        contacts=st.sampled_from((40, 90, 200)),
        segments=st.integers(8, 16),
        seed=st.integers(0, 99),
        version=st.sampled_from(("Preview", "2.16", "2.14")),
        sweep_budget=st.sampled_from((0, 5000)),
    )
    def begin(self, *, contacts: int, segments: int, seed: int, version: str, sweep_budget: int) -> None:
        use_project_config()
        self.folder = TemporaryDirectory()
        workspace = Workspace(
            contacts=contacts,
            segments=segments,
            seed=seed,
            start=START,
            monotonic=standing_still,
            token="sandbox-token",
        )
        self.deployment = Deployment(Path(self.folder.name), workspace)
        self.deployment.settings.api_version, self.deployment.settings.sweep_budget = version, sweep_budget
        self.workspace, self.life, self.truth = workspace, Life(workspace), Truth(workspace)
        self.unsure: set[tuple[str, Any]] = set()
        self.tally["machines"] += 1

    @rule(event=EVENTS, seconds=st.sampled_from((0, 1, 3600)))
    def something_happens(self, event: tuple[str, int], seconds: int) -> None:
        self._step()
        self._happen(event, seconds)

    @rule(events=st.lists(EVENTS, min_size=2, max_size=12), minutes=st.integers(1, 300))
    def much_happens(self, events: list[tuple[str, int]], minutes: int) -> None:
        self._step()
        for event in events:
            self._happen(event, 60 * minutes)

    @rule()
    def a_day_passes(self) -> None:  # without arguments the simplest rule, of which hypothesis makes its first life
        self._step()
        self._pass(24 * 3600)

    @rule(hours=st.sampled_from((0.1, 1, 5, 12, 21, 72, 24 * 9)))
    def time_passes(self, hours: float) -> None:
        self._step()
        self._pass(3600 * hours)

    @rule(days=st.sampled_from((0.5, 1, 4)), churn=st.sampled_from((0.02, 0.2)), silent=st.sampled_from((0, 0.5)))
    def people_live(self, days: float, churn: float, silent: float) -> None:
        self._step()
        self.workspace.live(days=days, churn=churn, silent=silent)
        self.truth.note()

    @rule(full=st.booleans(), accept_shrink=st.booleans())
    def a_run(self, *, full: bool, accept_shrink: bool) -> None:
        self._step()
        outcome = self._finished(full=full, accept_shrink=accept_shrink)

        assert set(outcome.incomplete.values()) <= HELD_BY_THE_GUARD
        check_contacts(self.deployment, "updated_at")

    @rule(meddling=st.dictionaries(CALLS, st.tuples(EVENTS, st.sampled_from((0, 1, 40))), min_size=1, max_size=5))
    def a_run_while_things_happen(self, meddling: dict[int, tuple[tuple[str, int], int]]) -> None:
        self._step()
        self._finished(meddling)

    @rule(
        fault=st.sampled_from(("empty_page", "half_page", "repeat_page")),
        pick=PICKS,
        page=st.sampled_from((1, 1, 1, 2)),
        times=st.sampled_from((1, 2, 5)),
        meddling=st.dictionaries(CALLS, st.tuples(EVENTS, st.sampled_from((0, 1))), max_size=3),
    )
    def a_run_with_a_bad_page(
        self, fault: str, pick: int, page: int, times: int, meddling: dict[int, tuple[tuple[str, int], int]]
    ) -> None:
        self._step()
        if self.workspace.segments:
            segment_id = self.life.crowded_segment(pick)
            getattr(self.workspace.faults, fault)(segment_id, page=page, times=times)
            self._finished(meddling, doubtful=segment_id if meddling else None)
            self.workspace.faults.clear()

    @rule(lost=st.sampled_from((None, 1, 3)))
    def a_run_with_a_short_list(self, lost: int | None) -> None:
        self._step()
        faults = self.workspace.faults
        if lost is None:
            faults.half_segment_list()
        else:
            faults.lose_segments(lost)
        self._finished()
        faults.clear()

    @rule(where=st.sampled_from(("outage", "call", "step")), number=CALLS)
    def a_run_that_ends_early(self, where: str, number: int) -> None:
        self._step()
        if where == "step":
            self._attempt(Killed, say=_killing_at_step(number % 6 + 1))
        elif where == "call":
            self._failing(Killed, transport=Interfering(self.deployment.transport, {number: _kill}))
        else:
            transport = Interfering(self.deployment.transport, {})
            transport.plan = {number: transport.go_down}
            self._failing(Unavailable, transport=transport)

    def teardown(self) -> None:
        """When life stands still for a day, two runs at most lead to equality; a full one finds every contact."""
        if sys.exception() is None and hasattr(self, "house"):
            self._pass(25 * 3600)
            self._finished()
            outcome = self._finished(full=True)

            assert outcome.exit_code == ExitCode.DONE
            assert self.deployment.members() == self.workspace.pairs()
            check_contacts(self.deployment, "updated_at", "last_seen_at")
            gone = self.deployment.query("select contact_id from intercom.contacts where is_deleted")
            assert {contact_id for (contact_id,) in gone}.isdisjoint(self.workspace.contacts)
            check_keys(self.deployment)
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def _step(self) -> None:
        if time.monotonic() > self.until:
            raise TimeIsUp
        self.tally["steps"] += 1

    def _pass(self, seconds: float) -> None:
        self.workspace.advance(seconds=seconds)
        self.truth.note()

    def _happen(self, event: tuple[str, int], seconds: float) -> None:
        self._pass(seconds)
        self.life.happen(*event)
        self.truth.note()

    def _finished(
        self,
        meddling: Mapping[int, tuple[tuple[str, int], int]] | None = None,
        *,
        doubtful: str | None = None,
        **options: Any,
    ) -> Outcome:
        """A run that ends well, though it may have been meddled with, and what it says is so."""
        plan = {call: _later(self._happen, *what) for call, what in (meddling or {}).items()}
        outcome = self._attempt(transport=Interfering(self.deployment.transport, plan), doubtful=doubtful, **options)
        assert outcome is not None
        return outcome

    def _failing(self, error: type[Exception], **options: Any) -> None:
        """A run that reads too little to load anything, unless it ends before its trouble begins."""
        pipeline = self.deployment.warehouse.pipeline(self.deployment.name)
        before = None if pipeline.has_pending_data else logged_changes(self.deployment)
        if self._attempt(error, **options) is None and before is not None:
            assert logged_changes(self.deployment) == before

    def _attempt(
        self, error: type[Exception] | None = None, *, doubtful: str | None = None, **options: Any
    ) -> Outcome | None:
        """A run, and the audit of what it published; None if it ended in `error`."""
        self.tally["syncs"] += 1
        self._pass(1)
        try:
            outcome = self.deployment.job(**options).run()
        except Exception as raised:
            if error is None or not any(isinstance(cause, error) for cause in causes(raised)):
                raise
            self.tally["syncs ended early"] += 1
            return None
        self.unsure |= check_scans(self.deployment, self.truth, outcome.run_id, doubtful)
        check_spells(spells(self.deployment), self.truth, self.unsure)
        return outcome


def _kill() -> None:
    raise Killed


def _killing_at_step(number: int) -> Callable[[str], None]:
    steps = count(1)

    def say(_: str) -> None:
        if next(steps) == number:
            raise Killed

    return say


def _later(act: Callable[..., None], *arguments: Any) -> Callable[[], None]:
    return lambda: act(*arguments)
