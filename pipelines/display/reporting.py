"""What a command reports while it runs: events, which go to people or, with `--log-format json`, to programs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from threading import Event as Signal
from threading import Thread
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from sources.intercom.wire import visible, without_secrets

from ..errors import ExitCode, Problem
from ..folder import newest_run
from ..messages import Event, Step
from .json_lines import write_json_lines
from .terminal import SCAN_PROBLEMS, TerminalHandler, stderr

if TYPE_CHECKING:  # a command that reads Intercom imports it
    from sources.intercom.search import Progress

    from ..commands import Outcome
    from .progress import ProgressMeter, ProgressMetrics

LOGGER = logging.getLogger("intercom_warehouse")
LINE_SECONDS = 30
"""Time between two lines of progress in a log."""


def report_to_terminal() -> None:
    """Events are for people from now on."""
    LOGGER.handlers, LOGGER.propagate = [TerminalHandler(stderr)], False
    LOGGER.setLevel(logging.INFO)
    set_on_retry_hooks([report_retry])


def report_as_json_lines() -> None:
    """Events are for programs from now on, and so is all else on standard error."""
    write_json_lines(LOGGER)


def report_only_problems() -> None:
    """Only warnings and errors are reported from now on."""
    LOGGER.setLevel(logging.WARNING)


def say(step: str) -> None:
    """Reports that a step starts. A step without an event name gets the name `step`."""
    LOGGER.info(step if isinstance(step, Step) else Step(step, "step"))


def report_retry(details: RetryDetails) -> None:
    """A hook of stamina's: a call is tried again after a wait."""
    cause, wait = details.caused_by, details.wait_for
    LOGGER.info(
        Event(
            f"{cause}: trying again in {wait:.0f} s",
            "retry",
            wait_seconds=round(wait, 1),
            attempt=details.retry_num,
            request_id=getattr(cause, "request_id", None),
        )
    )


@contextmanager
def watch(
    reading: Progress,
    *,
    console: Console = stderr,
    clock: Callable[[], float] = time.monotonic,
    every_seconds: float = LINE_SECONDS,
) -> Iterator[None]:
    """Reports progress while the block runs: a live display on a terminal, an event now and then elsewhere.

    Args:
        clock: seconds that only grow.
    """
    from .progress import ProgressMeter
    from .screen import summary

    meter = ProgressMeter(reading, clock=clock)
    with _live(meter, console) if _can_draw(console) else repeating(lambda: _report_progress(meter), every_seconds):
        yield
    metrics = meter.metrics()
    _report_metrics("read", summary(metrics), metrics)


def _can_draw(console: Console) -> bool:
    return console.is_interactive and not console.quiet and LOGGER.isEnabledFor(logging.INFO)


def _live(meter: ProgressMeter, console: Console) -> Live:
    from .screen import live_display

    def draw() -> RenderableType:
        return live_display(meter.metrics(), width=console.width)

    return Live(get_renderable=draw, console=console, refresh_per_second=8, transient=True)


@contextmanager
def repeating(act: Callable[[], None], every_seconds: float) -> Iterator[None]:
    """Acts again and again while the block runs, in a thread that ends with it."""
    done = Signal()

    def repeat() -> None:
        while not done.wait(every_seconds):
            act()

    thread = Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _report_progress(meter: ProgressMeter) -> None:
    from .screen import log_line

    metrics = meter.metrics()
    _report_metrics("progress", log_line(metrics), metrics)


def _report_metrics(name: str, message: str, metrics: ProgressMetrics) -> None:
    rows = {resource.name: resource.rows for resource in metrics.resources}
    expected = {f"{resource.name}_expected": resource.expected for resource in metrics.resources}
    costs = {"calls": metrics.calls, "megabytes": round(metrics.megabytes, 1), "seconds": round(metrics.seconds, 1)}
    left = None if metrics.seconds_left is None else round(metrics.seconds_left)
    LOGGER.info(Event(message, name, **costs, **rows, **expected, seconds_left=left))


@contextmanager
def track(contacts: int) -> Iterator[Callable[[], None]]:
    """Reports how many contacts are compared, and shows a bar on a terminal. Gives the function that advances it."""
    LOGGER.info(Step(f"Reading the segments of {contacts:,} contacts", "verify", contacts=contacts))
    with _progress_bar(transient=True) as bar:
        task = bar.add_task("Reading each contact's segments", total=contacts)
        yield lambda: bar.advance(task)


def track_days(days: range) -> Iterator[int]:
    """Shows a bar on a terminal, which advances day by day."""
    with _progress_bar(transient=False) as bar:
        yield from bar.track(days, description="Simulating and syncing, day by day")


def track_files(names: Sequence[str]) -> Iterator[str]:
    """Shows a bar on a terminal, which advances file by file."""
    with _progress_bar(transient=True) as bar:
        yield from bar.track(names, description="Writing files")


def _progress_bar(*, transient: bool) -> Bar:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Bar(*columns, console=stderr, transient=transient, disable=not _can_draw(stderr))


def report_findings(outcome: Outcome) -> None:
    """Reports what needs attention after a sync. People see it in the result."""
    for segment_id, problem in outcome.incomplete.items():
        message = f"Segment {segment_id} {SCAN_PROBLEMS.get(problem, problem)}"
        LOGGER.warning(Event(message, "segment_incomplete", segment_id=segment_id, problem=problem))
    for alert in outcome.alerts:
        metrics = {name: value for name, value in asdict(alert).items() if name != "text"}
        LOGGER.warning(Event(alert.text, "alert", **metrics))
    messages = {"note": outcome.notes, "fields_changed": outcome.drift, "check_failed": outcome.warnings}
    for name, texts in messages.items():
        for text in texts:
            LOGGER.warning(Event(text, name))


def report_problem(problem: Problem, cause: Exception | None = None) -> None:
    """Reports an error, with a traceback if `cause` is given: it may quote personal data."""
    LOGGER.error(_problem_event(problem, "".join(format_exception(cause)) if cause else None))


def report_usage_error(error: Any) -> None:
    """Reports a wrong command line, an error of Typer's."""
    error.message = visible(without_secrets(error.message))
    help_of = error.ctx.command_path if error.ctx else "intercom-warehouse"
    message = f"{error.format_message()} Run {help_of} --help for its usage."
    event = _problem_event(Problem(ExitCode.USAGE, "usage", message, None))
    LOGGER.error(event, extra={"usage_error": error})


def _problem_event(problem: Problem, traceback: str | None = None) -> Event:
    return Event(
        problem.problem,
        "problem",
        exit_code=int(problem.exit_code),
        request_id=problem.request_id,
        traceback=traceback,
    )


def report_end(exit_code: ExitCode, seconds: float) -> None:
    """Reports how a command ended and what it cost. People see the exit code."""
    level = {ExitCode.DONE: logging.INFO, ExitCode.INCOMPLETE: logging.WARNING}.get(exit_code, logging.ERROR)
    outcome, run = exit_code.name.lower(), newest_run()
    LOGGER.log(
        level,
        Event(
            f"Ended: {outcome}",
            "ended",
            outcome=outcome,
            exit_code=int(exit_code),
            calls=run and run.api_calls,
            contacts=run and run.contacts_read,
            memberships_changed=run and run.memberships_changed,
            seconds=round(seconds, 1),
        ),
    )
