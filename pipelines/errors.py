"""What can end a run early, one class per thing the person in front of it can do about it, and its exit code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from sources.intercom.api import IntercomError, Refused, SetupError, Unavailable


class ExitCode(IntEnum):
    """How a command ended, as cron and Airflow see it."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    REFUSED = 3
    UNAVAILABLE = 4
    BUSY = 5
    INCOMPLETE = 6
    MODELS_FAILED = 7
    INTERRUPTED = 130  # what shells expect after Ctrl+C


class WarehouseError(Exception):
    """Base of what this package raises; the message is one readable paragraph that ends with the next step."""

    exit_code = ExitCode.UNEXPECTED


class Misconfigured(WarehouseError):
    """Configuration or usage has to be mended first: trying again unchanged will not help."""

    exit_code = ExitCode.USAGE


class Busy(WarehouseError):
    """Another process holds the warehouse: try again when it is done.

    Args:
        who: a sentence that says who holds what.
        next_step: what to do about it.
    """

    exit_code = ExitCode.BUSY

    def __init__(self, who: str, next_step: str) -> None:
        super().__init__(f"{who} {next_step}")
        self.who = who


class NothingToRead(WarehouseError):
    """There are no marts yet that can be read, or others than this release knows."""

    exit_code = ExitCode.USAGE


class Unreachable(WarehouseError):
    """The warehouse's server is not there, or not ready: try again later."""

    exit_code = ExitCode.UNAVAILABLE


class ModelsFailed(WarehouseError):
    """Raw tables are loaded, but a model or an error-level check failed: the marts stayed as they were."""

    exit_code = ExitCode.MODELS_FAILED


class Interrupted(WarehouseError):
    """Somebody pressed Ctrl+C."""

    exit_code = ExitCode.INTERRUPTED


def exit_code_of(error: BaseException) -> ExitCode:
    """The exit code that an error leads to."""
    if isinstance(error, WarehouseError):
        return error.exit_code
    if isinstance(error, SetupError):
        return ExitCode.USAGE
    if isinstance(error, Refused):
        return ExitCode.REFUSED
    return ExitCode.UNAVAILABLE if isinstance(error, Unavailable) else ExitCode.UNEXPECTED


def is_ours(error: BaseException) -> bool:
    """Whether an error's words are ours: readable, and free of secrets and personal data."""
    return isinstance(error, WarehouseError | IntercomError)


@contextmanager
def plain_errors(explain: Callable[[BaseException], WarehouseError | None]) -> Iterator[None]:
    """Raises the error a person can act on in place of the layers that dlt and asyncio wrap around it.

    Args:
        explain: what an error of the warehouse's database means; None where it says nothing to a person.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if is_ours(error):
            raise  # with what it was raised from: --debug shows it
        for cause in causes(error):
            if is_ours(cause):
                raise cause from None
            if isinstance(cause, KeyboardInterrupt):
                raise Interrupted("Interrupted. Nothing is lost: run the command again to go on.") from None
            if explained := explain(cause):
                raise explained from None
        raise


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from, and the members of groups, outermost first."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from causes(member)
    if inner := error.__cause__ or error.__context__:
        yield from causes(inner)


def first_line(error: BaseException) -> str:
    """The first line of an error's words, ending in a full stop."""
    line = str(error).strip().partition("\n")[0].rstrip(".")
    return f"{line}."


@dataclass(frozen=True)
class Problem:
    """Why a command ended early. `request_id` is Intercom's, for the call that failed, where it gave one."""

    exit_code: ExitCode
    outcome: str
    problem: str
    request_id: str | None

    @classmethod
    def of(cls, error: Exception, words: str) -> Self:
        """The problem that an error is."""
        code = exit_code_of(error)
        return cls(code, code.name.lower(), words, getattr(error, "request_id", None))
