"""Progress and errors on standard error, for people."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from traceback import format_exception
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from stamina.instrumentation import RetryDetails
from typer.rich_utils import rich_format_error

from sources.intercom.search import Progress

from ..commands import Outcome
from ..errors import ExitCode, Problem
from .progress import ProgressMeter
from .screen import line, screen, summary

stdout = Console()
stderr = Console(stderr=True)

PROBLEMS = {
    "shrunk": "would lose too many members at once: believed if the next run finds the same, or with --accept-shrink",
    "list_shrunk": "is missing from a list that lost too many at once: asked about if the next run finds the same",
    "not_listed": "is missing from the list, but Intercom does not say that it is deleted",
    "does_not_add_up": "showed other members than Intercom counted, twice",
}
"""What `segment_scans.problem` says, in words."""


LINE_SECONDS = 30
"""Between two lines of progress in a log."""


def say(step: str, *, console: Console = stderr) -> None:
    """Tells a step of a run as it begins."""
    console.print(f"[dim]·[/dim] {escape(step)}", highlight=False, soft_wrap=True)


class Retrying:
    """Tells of calls that are tried again after a wait, once in a while: all lanes of a client wait at once."""

    EVERY_SECONDS = 5

    def __init__(self) -> None:
        self._told_at = -math.inf

    def __call__(self, details: RetryDetails) -> None:
        """A hook of stamina's."""
        if details.wait_for >= 1 and time.monotonic() - self._told_at >= self.EVERY_SECONDS:
            self._told_at = time.monotonic()
            say(f"{details.caused_by}: trying again in {details.wait_for:.0f} s")


retrying = Retrying()


@contextmanager
def watch(
    reading: Progress,
    *,
    console: Console = stderr,
    clock: Callable[[], float] = time.monotonic,
    every_seconds: float = LINE_SECONDS,
) -> Iterator[None]:
    """Figures that move while the block runs, then a line of what was read; a line now and then in a log.

    Args:
        clock: seconds that only grow.
        every_seconds: a log's lines; a shorter run has none.
    """
    gauge = ProgressMeter(reading, clock=clock)
    if console.is_interactive:
        with moving(lambda: screen(gauge.figures(), width=console.width), console):
            yield
        figures = gauge.figures()
        if any(row.rows for row in figures.rows):
            say(summary(figures), console=console)
    else:
        with repeating(lambda: say(line(gauge.figures()), console=console), every_seconds):
            yield


def moving(picture: Callable[[], RenderableType], console: Console) -> Live:
    """A picture that is drawn again and again while the block runs, and is gone after it."""
    return Live(get_renderable=picture, console=console, refresh_per_second=8, transient=True)


@contextmanager
def repeating(tell: Callable[[], None], every_seconds: float) -> Iterator[None]:
    """Tells again and again while the block runs, from a thread that ends with it."""
    done = Event()

    def keep_telling() -> None:
        while not done.wait(every_seconds):
            tell()

    thread = Thread(target=keep_telling, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def tell(name: str, value: str) -> None:
    """A line of a result."""
    stdout.print(f"[bold]{name:<10}[/bold] {escape(value)}", highlight=False, soft_wrap=True)


def show_problem(problem: Problem, cause: Exception | None = None) -> None:
    """An error, as one paragraph; below its traceback where a `cause` is given, which may quote personal data."""
    if cause:
        stderr.print(escape("".join(format_exception(cause))), highlight=False, soft_wrap=True)
    stderr.print(escape(problem.problem), style="red", highlight=False)


def show_usage(error: Any) -> None:
    """What Typer says of a command line that cannot be."""
    rich_format_error(error)


def remark(_: Outcome) -> None:
    """Nothing: what is worth a look is among the results."""


def conclude(_: ExitCode, __: float) -> None:
    """Nothing: a shell sees how a command ended."""


@contextmanager
def track(contacts: int) -> Iterator[Callable[[], None]]:
    """A bar that fills while contacts are asked about; only on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=stderr, disable=not stderr.is_terminal, transient=True) as bar:
        task = bar.add_task("Asking Intercom for each contact's segments", total=contacts)
        yield lambda: bar.advance(task)
