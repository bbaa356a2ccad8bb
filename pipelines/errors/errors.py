"""Errors that end a command: one class for each reaction of the caller, and the exit codes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from sources.intercom.errors import IntercomError, Refused, SetupError, Unavailable


class ExitCode(IntEnum):
    """How a command ended, for cron and Airflow."""

    description: str
    """One line for `--help` and docs/commands.md."""

    DONE = 0, "done"
    UNEXPECTED = 1, "unexpected error: run again with --debug"
    USAGE = 2, "wrong usage or configuration: fix it, then run again"
    REFUSED = 3, "Intercom refused the token, its scopes, the plan or the API version"
    UNAVAILABLE = 4, "Intercom, the network, the database server, disk space or memory is unavailable: retry later"
    BUSY = 5, "another run holds the warehouse: retry later, or use --wait"
    INCOMPLETE = 6, "done, but incomplete or stale, or an alert fired that has to fail, or verify found a difference"
    MODELS_FAILED = 7, "loaded, but a model or a check failed, so the marts did not change"
    INTERRUPTED = 130, "interrupted with Ctrl+C: run again to continue"

    def __new__(cls, value: int, description: str = "") -> Self:
        code = int.__new__(cls, value)
        code._value_, code.description = value, description
        return code


class WarehouseError(Exception):
    """Base of this package's errors. The message is one readable paragraph that ends with the next step."""

    exit_code = ExitCode.UNEXPECTED


class Misconfigured(WarehouseError):
    """Configuration or usage must be fixed first: trying again unchanged does not help."""

    exit_code = ExitCode.USAGE


class Busy(WarehouseError):
    """Another process holds the warehouse: try again when it has ended.

    Args:
        who: a sentence that names the process and what it holds.
        next_step: a sentence that says what to do.
    """

    exit_code = ExitCode.BUSY

    def __init__(self, who: str, next_step: str) -> None:
        super().__init__(f"{who} {next_step}")
        self.who = who


class NothingToRead(WarehouseError):
    """The marts do not exist yet, or another release built them."""

    exit_code = ExitCode.USAGE


class Unreachable(WarehouseError):
    """The database server does not answer, or is not ready: try again later."""

    exit_code = ExitCode.UNAVAILABLE


class Unreadable(NothingToRead):
    """Readers cannot open what was published."""


class NoResources(WarehouseError):
    """The computer has no room, memory or working disk for a run: make room, then try again."""

    exit_code = ExitCode.UNAVAILABLE


class ModelsFailed(WarehouseError):
    """The raw tables are loaded, but a model or an error-level check failed: the marts did not change."""

    exit_code = ExitCode.MODELS_FAILED


class Interrupted(WarehouseError):
    """The user pressed Ctrl+C."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self) -> None:
        super().__init__("Interrupted. Nothing is lost: run the command again to continue.")


def exit_code_of(error: BaseException) -> ExitCode:
    if isinstance(error, WarehouseError):
        return error.exit_code
    if isinstance(error, SetupError):
        return ExitCode.USAGE
    if isinstance(error, Refused):
        return ExitCode.REFUSED
    return ExitCode.UNAVAILABLE if isinstance(error, Unavailable) else ExitCode.UNEXPECTED


def is_ours(error: BaseException) -> bool:
    """Whether this project wrote the message: it is then readable, and free of secrets and personal data."""
    return isinstance(error, WarehouseError | IntercomError)


def is_interrupt(error: BaseException) -> bool:
    """Whether the user pressed Ctrl+C. DuckDB has an error of its own for that, while it runs a query."""
    return isinstance(error, KeyboardInterrupt) or (type(error) is RuntimeError and str(error) == "Query interrupted")


@contextmanager
def plain_errors(explain: Callable[[BaseException], WarehouseError | None]) -> Iterator[None]:
    """Replaces the layers that dlt and asyncio wrap around an error by the one error that a person can act on.

    Args:
        explain: turns an error and its causes into one of ours; null if it has no explanation.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if is_ours(error):
            raise  # keeps its cause, which --debug shows
        for cause in causes(error):
            if is_ours(cause):
                raise cause from None
            if is_interrupt(cause):
                raise Interrupted from None
        if explained := explain(error):
            raise explained from None
        raise


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, its causes and the members of exception groups, outermost first."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from causes(member)
    if inner := error.__cause__ or error.__context__:
        yield from causes(inner)


def first_line(error: BaseException) -> str:
    """The first line of an error's message, ending in a full stop."""
    line = str(error).strip().partition("\n")[0].rstrip(".")
    return f"{line}."


@dataclass(frozen=True)
class Problem:
    """Why a command ended early. `request_id` is Intercom's id of the failed call; null if it gave none."""

    exit_code: ExitCode
    outcome: str
    problem: str
    request_id: str | None

    @classmethod
    def of(cls, error: Exception, message: str) -> Self:
        code = exit_code_of(error)
        return cls(code, code.name.lower(), message, getattr(error, "request_id", None))
