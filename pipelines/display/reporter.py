"""How a command tells what it does while it does it: `display` for people, `logs` for programs. Both are modules."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from stamina.instrumentation import RetryHook

from sources.intercom.search import Progress

from ..commands import Outcome
from ..errors import ExitCode, Problem


class Reporter(Protocol):
    """What both have; the results themselves go to standard output, and are none of this."""

    @property
    def retrying(self) -> RetryHook:
        """A hook of stamina's."""

    def say(self, step: str) -> None:
        """Tells a step of a run as it begins."""

    def watch(self, reading: Progress) -> AbstractContextManager[None]:
        """Tells how far a reading has come while the block runs."""

    def track(self, contacts: int) -> AbstractContextManager[Callable[[], None]]:
        """Tells how far it is with so many contacts; gives what notes one of them."""

    def remark(self, outcome: Outcome) -> None:
        """Tells what a sync found that is worth a look, unless the result tells it."""

    def show_problem(self, problem: Problem, cause: Exception | None = None) -> None:
        """Tells an error; with its traceback where a `cause` is given."""

    def show_usage(self, error: Any) -> None:
        """Tells what Typer says of a command line that cannot be."""

    def conclude(self, exit_code: ExitCode, seconds: float) -> None:
        """Tells that and how a command has ended."""
