"""What `display` tells to people, as lines of JSON on standard error for programs that collect logs.

Every line is one object, those of libraries included: `time`, `level`, `event`, `message`, of which run and workspace,
and figures. docs/monitoring.md lists the events, whose names stay.
"""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from traceback import format_exception
from typing import Any, TextIO

from stamina.instrumentation import RetryDetails

from sources.intercom.search import Progress

from ..commands import Outcome
from ..errors import ExitCode, Problem
from ..folder import newest_run
from ..steps import Step
from .progress import ProgressFigures, ProgressMeter
from .terminal import LINE_SECONDS, PROBLEMS, repeating, stderr

OURS = logging.getLogger("intercom_warehouse")
LIBRARIES = ("dlt", "py.warnings")
"""Loggers that bring a handler of their own, or would be given one."""


class Lines(logging.StreamHandler[TextIO]):
    """Writes each record as a line. No formatter: dlt sets its own on whatever handler its logger has."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one JSON object."""
        return json.dumps(_line(record), default=str)


def begin() -> None:
    """From now on all that is told on standard error is JSON."""
    lines = Lines(sys.stderr)
    logging.basicConfig(handlers=[lines], force=True)
    logging.captureWarnings(True)
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [lines], False
    OURS.setLevel(logging.INFO)
    stderr.quiet = True


def hush() -> None:
    """From now on only warnings and errors are told."""
    OURS.setLevel(logging.WARNING)


def say(step: str) -> None:
    """Tells a step of a run as it begins."""
    named = step if isinstance(step, Step) else Step(step, "step")
    _tell(logging.INFO, named.event, named, **named.figures)


def retrying(details: RetryDetails) -> None:
    """Tells of a call that is tried again after a wait: a hook of stamina's."""
    cause, wait = details.caused_by, details.wait_for
    words = f"{cause}: trying again in {wait:.0f} s"
    request_id = getattr(cause, "request_id", None)
    _tell(logging.INFO, "retry", words, wait_seconds=round(wait, 1), attempt=details.retry_num, request_id=request_id)


@contextmanager
def watch(
    reading: Progress,
    *,
    clock: Callable[[], float] = time.monotonic,
    every_seconds: float = LINE_SECONDS,
) -> Iterator[None]:
    """Figures now and then while the block runs, and at its end.

    Args:
        clock: seconds that only grow.
    """
    gauge = ProgressMeter(reading, clock=clock)
    with repeating(lambda: _tell_figures("progress", gauge.figures()), every_seconds):
        yield
    _tell_figures("read", gauge.figures())


@contextmanager
def track(contacts: int) -> Iterator[Callable[[], None]]:
    """Tells how many contacts are asked about."""
    say(Step(f"Asking Intercom for the segments of {contacts:,} contacts", "verify", contacts=contacts))
    yield lambda: None


def remark(outcome: Outcome) -> None:
    """What a sync found that is worth a look."""
    for segment_id, problem in outcome.incomplete.items():
        words = f"Segment {segment_id} {PROBLEMS.get(problem, problem)}"
        _tell(logging.WARNING, "segment_incomplete", words, segment_id=segment_id, problem=problem)
    remarks = {"note": outcome.notes, "fields_changed": outcome.drift, "check_failed": outcome.warnings}
    for event, sentences in remarks.items():
        for sentence in sentences:
            _tell(logging.WARNING, event, sentence)


def show_problem(problem: Problem, cause: Exception | None = None) -> None:
    """An error, as one paragraph; with its traceback where a `cause` is given, which may quote personal data."""
    trace = "".join(format_exception(cause)) if cause else None
    figures = {"exit_code": int(problem.exit_code), "request_id": problem.request_id, "traceback": trace}
    _tell(logging.ERROR, "problem", problem.problem, **figures)


def show_usage(error: Any) -> None:
    """What Typer says of a command line that cannot be."""
    show_problem(Problem(ExitCode.USAGE, "usage", error.format_message(), None))


def conclude(exit_code: ExitCode, seconds: float) -> None:
    """The last line of a command."""
    levels = {ExitCode.DONE: logging.INFO, ExitCode.INCOMPLETE: logging.WARNING}
    outcome, run = exit_code.name.lower(), newest_run()
    costs: dict[str, int] = {}
    if run:
        rows = {"contacts": run.contacts_read, "memberships_changed": run.memberships_changed}
        costs = {"calls": run.api_calls, **rows}
    _tell(
        levels.get(exit_code, logging.ERROR),
        "ended",
        f"Ended: {outcome}",
        outcome=outcome,
        exit_code=int(exit_code),
        **costs,
        seconds=round(seconds, 1),
    )


def _tell(level: int, event: str, words: str, **figures: Any) -> None:
    """Tells an event; figures that are null are not known, and left out."""
    known = {name: value for name, value in figures.items() if value is not None}
    OURS.log(level, "%s", words, extra={"event": event, "figures": known})


def _tell_figures(event: str, figures: ProgressFigures) -> None:
    rows = {row.name: row.rows for row in figures.rows}
    expected = {f"{row.name}_expected": row.expected for row in figures.rows}
    words = f"{figures.calls:,} calls, " + ", ".join(f"{count:,} {name}" for name, count in rows.items())
    costs = {"calls": figures.calls, "megabytes": round(figures.megabytes, 1), "seconds": round(figures.seconds, 1)}
    left = None if figures.seconds_left is None else round(figures.seconds_left)
    _tell(logging.INFO, event, words, **costs, **rows, **expected, seconds_left=left)


def _line(record: logging.LogRecord) -> dict[str, Any]:
    run = newest_run()
    return {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": getattr(record, "event", "library"),
        "message": record.getMessage(),
        **({"run_id": run.run_id, "workspace": run.pipeline_name} if run else {}),
        **getattr(record, "figures", {"logger": record.name}),
    }
