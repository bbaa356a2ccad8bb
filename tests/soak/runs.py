"""Runs of a random life, each followed by an audit of what it published."""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import httpx

from pipelines.commands import Outcome
from pipelines.errors import causes

from ..support.deployments import Deployment
from .audit import check_scans, check_spells, logged_changes, spells
from .events import Life
from .truth import Truth

Event = tuple[str, int]
"""The name of an event, and the number that selects its details."""
Interference = Mapping[int, tuple[Event, int]]
"""Events during a run: by the number of the call before which they happen, with the seconds that pass before."""


class Killed(Exception):
    """The run ends here."""


class InterferingTransport(httpx.AsyncBaseTransport):
    """Calls the planned functions before it answers; the first call is number 1."""

    def __init__(self, inner: httpx.AsyncBaseTransport, plan: Mapping[int, Callable[[], None]]) -> None:
        self.inner, self.plan, self.numbers = inner, plan, count(1)
        self.is_down = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.plan.get(next(self.numbers), _nothing)()
        return httpx.Response(503) if self.is_down else await self.inner.handle_async_request(request)

    def go_down(self) -> None:
        """Starts an outage without end."""
        self.is_down = True


class AuditedRuns:
    """A deployment, the true state of its workspace, and runs that are compared with it. `tally` counts the runs."""

    def __init__(self, deployment: Deployment, tally: Counter[str]) -> None:
        self.deployment = deployment
        self.life, self.truth = Life(deployment.workspace), Truth(deployment.workspace)
        self._unsure: set[tuple[str, Any]] = set()
        self._tally = tally

    def pass_time(self, seconds: float) -> None:
        self.deployment.workspace.advance(seconds=seconds)
        self.truth.record()

    def happen(self, event: Event, seconds: float) -> None:
        self.pass_time(seconds)
        self.life.happen(*event)
        self.truth.record()

    def finish(
        self, interference: Interference | None = None, *, doubtful: str | None = None, **options: Any
    ) -> Outcome:
        """A run that succeeds despite the interference."""
        plan = {call: _later(self.happen, *what) for call, what in (interference or {}).items()}
        transport = InterferingTransport(self.deployment.transport, plan)
        outcome = self.attempt(transport=transport, doubtful=doubtful, **options)
        assert outcome is not None
        return outcome

    def fail(self, error: type[Exception], **options: Any) -> None:
        """A run that fails with `error` before it loads anything, unless it finishes first."""
        pipeline = self.deployment.warehouse.pipeline(self.deployment.name)
        before = None if pipeline.has_pending_data else logged_changes(self.deployment)
        if self.attempt(error, **options) is None and before is not None:
            assert logged_changes(self.deployment) == before

    def attempt(
        self, error: type[Exception] | None = None, *, doubtful: str | None = None, **options: Any
    ) -> Outcome | None:
        """A run and the audit of what it published; None if it fails with `error`."""
        self._tally["syncs"] += 1
        self.pass_time(1)
        try:
            outcome = self.deployment.job(**options).run()
        except Exception as raised:
            if error is None or not any(isinstance(cause, error) for cause in causes(raised)):
                raise
            self._tally["syncs ended early"] += 1
            return None
        self._unsure |= check_scans(self.deployment, self.truth, outcome.run_id, doubtful)
        check_spells(spells(self.deployment), self.truth, self._unsure)
        return outcome


def kill() -> None:
    raise Killed


def killing_at_step(number: int) -> Callable[[str], None]:
    """A `say` that ends the run at its `number`th step."""
    steps = count(1)

    def say(_: str) -> None:
        if next(steps) == number:
            raise Killed

    return say


def _nothing() -> None:
    pass


def _later(act: Callable[..., None], *arguments: Any) -> Callable[[], None]:
    return lambda: act(*arguments)
