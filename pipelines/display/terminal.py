"""Output for people: results on standard output, events and errors on standard error."""

import logging
import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from sources.intercom.wire import visible, without_secrets

from ..messages import Event

stdout = Console()
stderr = Console(stderr=True)

SCAN_PROBLEMS = {
    "shrunk": "would lose too many members at once: accepted if the next run finds the same, or with --accept-shrink",
    "list_shrunk": "is missing from a list that lost too many segments at once: checked by id if the next run agrees",
    "refused": "is refused by search: exclude it with exclude_segments if this stays",
    "not_listed": "is missing from the list, but Intercom does not report it as deleted",
    "does_not_add_up": "returned other members than Intercom counted, twice",
}
"""What each value of `segment_scans.problem` means. The sentence starts with the segment."""

SHOWN_ELSEWHERE = frozenset(
    ("alert", "segment_incomplete", "note", "fields_changed", "check_failed", "verify", "ended")
)
"""Events that people see in the result, as a progress bar, or as the exit code."""


def shortest(path: Path) -> str:
    """The path relative to the current folder, if it is below that."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def as_text(text: str) -> str:
    """Text as rich prints it: without markup, control characters, secrets and mail addresses."""
    return escape(visible(without_secrets(text)))


def lines_as_text(text: str) -> str:
    """As `as_text`, for several lines."""
    return "\n".join(map(as_text, text.split("\n")))


def print_rows(rows: Mapping[str, str]) -> None:
    """Prints the rows of a result, by name."""
    for name, value in rows.items():
        print_row(name, value)


def print_row(name: str, value: str, *, mark: str = "") -> None:
    """`mark` may hold rich's markup."""
    stdout.print(f"{mark}[bold]{as_text(name):<10}[/bold] {as_text(value)}", highlight=False, soft_wrap=True)


def print_notes(notes: Iterable[str]) -> None:
    """Prints what needs attention in a result."""
    for note in notes:
        stdout.print(as_text(note), style="yellow", highlight=False, soft_wrap=True)


class TerminalHandler(logging.Handler):
    """Prints steps as `· step`, and errors in red, after their traceback if they have one."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self.addFilter(self._is_for_people)
        self.addFilter(RetryFilter())

    def emit(self, record: logging.LogRecord) -> None:
        usage_error = getattr(record, "usage_error", None)
        if usage_error and self._console.is_terminal:
            from typer.rich_utils import rich_format_error  # imports a reader of Markdown

            rich_format_error(usage_error)
        elif record.levelno < logging.ERROR:
            self._print(f"[dim]·[/dim] {as_text(record.getMessage())}", soft_wrap=True)
        else:
            if traceback := event_of(record).metrics.get("traceback"):
                self._print(lines_as_text(traceback), soft_wrap=True)
            self._print(as_text(record.getMessage()), style="red", soft_wrap=not self._console.is_terminal)

    def _print(self, text: str, *, style: str | None = None, soft_wrap: bool | None = None) -> None:
        self._console.print(text, style=style, highlight=False, soft_wrap=soft_wrap)

    def _is_for_people(self, record: logging.LogRecord) -> bool:
        event = event_of(record)
        if event.name == "read":  # replaces the live display of a terminal; a log has its lines of progress
            rows = (event.metrics[name] for name in ("contacts", "memberships", "segments"))
            return self._console.is_interactive and any(rows)
        return event.name not in SHOWN_ELSEWHERE


class RetryFilter(logging.Filter):
    """Passes at most one retry in five seconds, and none of a short wait: all requests of a client wait together."""

    EVERY_SECONDS = 5
    SHORTEST_WAIT_SECONDS = 1

    def __init__(self) -> None:
        super().__init__()
        self._last_passed = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        event = event_of(record)
        if event.name != "retry":
            return True
        now = time.monotonic()
        if event.metrics["wait_seconds"] < self.SHORTEST_WAIT_SECONDS or now - self._last_passed < self.EVERY_SECONDS:
            return False
        self._last_passed = now
        return True


def event_of(record: logging.LogRecord) -> Event:
    """The event that a record logs. A record of a library becomes an event, too."""
    return record.msg if isinstance(record.msg, Event) else Event(record.getMessage(), "library", logger=record.name)
