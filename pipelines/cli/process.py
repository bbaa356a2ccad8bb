"""The command as a process: it prints the result or the error, and ends with the exit code."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import NoReturn

import typer

from sources.intercom.errors import IntercomError
from sources.intercom.wire import visible, without_secrets

from ..clock import utc_now
from ..display import reporting
from ..errors import ExitCode, Interrupted, Problem, WarehouseError, explained
from . import commands  # also registers the commands
from .app import app
from .output import Result, print_json, session
from .private_memory import keep_memory_private

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""What Typer raises for a wrong command line. It comes from Typer's own copy of Click, and has no public name."""


def main() -> None:
    """The command `intercom-warehouse`."""
    keep_memory_private()
    started = time.monotonic()
    os.umask(0o077)  # all files hold contacts' data
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a name may hold what it cannot encode
    reporting.report_to_terminal()
    is_read = True
    try:
        exit_code = run()
    except SystemExit as ended:  # Typer has completed a word, or the reader of the output has closed it, as `head` does
        exit_code, is_read = ExitCode(int(ended.code or 0)), False
    except BrokenPipeError:
        exit_code, is_read = ExitCode.UNEXPECTED, False
    try:
        report_to_watchers(exit_code)
        if is_read:
            reporting.report_end(exit_code, time.monotonic() - started)
    except BrokenPipeError:
        exit_code = ExitCode.UNEXPECTED
    leave(exit_code)


def run() -> ExitCode:
    """Runs the command line, and prints its result or error."""
    try:
        result = app(with_general_options_first(sys.argv[1:]), prog_name=app.info.name, standalone_mode=False)
        if result == ExitCode.INTERRUPTED:  # Typer's for Ctrl+C where the command had not taken it for itself
            raise Interrupted
        if isinstance(result, Result):
            session.record = result.record
            result.print()
            return result.exit_code
        return ExitCode(result or 0)
    except (WarehouseError, IntercomError) as error:
        return fail(error, str(error))
    except UsageError as error:
        reporting.report_usage_error(error)
        return ExitCode.USAGE
    except BrokenPipeError:
        raise
    except typer.Abort as error:
        return fail(error, "Not confirmed, so nothing was done.")
    except Exception as error:  # noqa: BLE001  # the last resort; its message may hold personal data, its class does not
        if known := explained(error):
            return fail(known, str(known))
        kind = type(error).__name__
        return fail(error, f"An unexpected error occurred ({kind}). Run the command with --debug to see its traceback.")


def report_to_watchers(exit_code: ExitCode) -> None:
    """After the result or error is printed, for the case that a receiver is slow."""
    if not session.watched:
        return
    try:
        warehouse = commands.configured_warehouse()
    except (WarehouseError, OSError):  # the error that the command has just ended with
        warehouse = None
    with suppress(KeyboardInterrupt):  # the run has ended; the user only stops waiting for a receiver
        session.watched.end(warehouse, exit_code, utc_now(), session.record)


def with_general_options_first(arguments: Sequence[str]) -> list[str]:
    """The command line with the options of all commands before the command: people put them behind it, too."""
    general, others = list[str](), list[str]()
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            others += [argument, *rest]
        elif argument == "--log-format":
            general += [argument, *islice(rest, 1)]
        elif argument in ("--debug", "--quiet") or argument.startswith("--log-format="):
            general.append(argument)
        else:
            others.append(argument)
    return general + others


def fail(error: Exception, message: str) -> ExitCode:
    problem = Problem.of(error, visible(without_secrets(message)))
    session.record = problem
    reporting.report_problem(problem, error if session.debug else None)
    if session.as_json:
        with suppress(BrokenPipeError):
            print_json(problem)
    return problem.exit_code


def leave(exit_code: ExitCode) -> NoReturn:
    """Ends the process without Python's cleanup, which frees all objects one by one and takes 0.2 s.

    All files and connections are closed by then: each is closed by the block that opened it.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # the reader of the output has closed it
            stream.flush()
    os._exit(exit_code)
