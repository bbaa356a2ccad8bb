"""Writes a run to the journal, even if it fails."""

from collections.abc import Iterator
from contextlib import contextmanager

from sources.intercom.api import Usage
from sources.intercom.memberships import Clock
from sources.intercom.wire import visible, without_secrets

from ..destinations import Warehouse
from ..errors import ExitCode, exit_code_of, is_ours, plain_errors
from ..folder import Run, append_run, start_run
from ..loading import stuck_packages_explained


def _problem(error: BaseException) -> str:
    """The class alone of an error that is not ours: its message may hold personal data."""
    return visible(without_secrets(str(error))) if is_ours(error) else type(error).__name__


@contextmanager
def recorded(warehouse: Warehouse, pipeline_name: str, command: str, *, clock: Clock, usage: Usage) -> Iterator[Run]:
    """A run that goes into the journal even if it fails. Errors that the user can fix get a message that says how."""
    run = start_run(pipeline_name, command, clock())
    run.destination = warehouse.key
    try:
        with stuck_packages_explained(), plain_errors(warehouse.explain):
            yield run
        run.end(clock(), ExitCode(run.exit_code or 0))
    except BaseException as error:
        run.end(
            clock(),
            exit_code_of(error),
            _problem(error),
        )
        raise
    finally:
        run.api_calls = usage.calls.total()
        with plain_errors(warehouse.explain):
            append_run(warehouse.journal, run)
