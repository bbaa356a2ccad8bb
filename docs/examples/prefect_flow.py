"""A Prefect flow that runs the command, and tries again only where that can help.

`python prefect_flow.py` runs it once. Each night:
`prefect flow serve prefect_flow.py:intercom_warehouse --name nightly --cron "15 3 * * *" --limit 1`
"""

import json
import os
import subprocess
from collections.abc import Iterable
from logging import INFO, getLevelNamesMapping
from typing import Any

from prefect import Task, flow, get_run_logger, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

COMMAND = os.environ.get("INTERCOM_WAREHOUSE_COMMAND", "intercom-warehouse")
UNAVAILABLE, BUSY, INCOMPLETE = 4, 5, 6
GRACE_SECONDS = 10


class CommandFailed(Exception):
    """The command ended with another exit code than 0, or, if the code is negative, by a signal."""

    def __init__(self, exit_code: int, problem: str) -> None:
        super().__init__(f"The command ended with exit code {exit_code}. {problem}")
        self.exit_code = exit_code


def another_try_may_help(_: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Not after a wrong token or setting. A segment that could not be read is tried once more."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, CommandFailed):
        is_first_try = task_run.run_count == 1
        was_killed = error.exit_code < 0
        return was_killed or error.exit_code in (UNAVAILABLE, BUSY) or (error.exit_code == INCOMPLETE and is_first_try)
    return isinstance(error, TimeoutError)


# 2, 4, 8, 16 and 32 minutes, each up to doubled: one or two hours for Intercom to recover
@task(
    retries=5,
    retry_delay_seconds=exponential_backoff(120),
    retry_jitter_factor=1,
    retry_condition_fn=another_try_may_help,
    timeout_seconds=3 * 60 * 60,  # the next try resumes a first load that takes longer
)
def sync(*, full: bool = False, workspace: str | None = None) -> None:
    """Brings the warehouse up to date."""
    run("sync", "--wait=10m", *(["--full"] if full else []), *option(workspace))


@task
def report(*, workspace: str | None = None) -> None:
    """Writes report.html."""
    run("report", *option(workspace))


@flow(name="intercom-warehouse")
def intercom_warehouse(full: bool = False, workspace: str | None = None) -> None:
    """Brings the warehouse up to date, then writes the report. If the sync fails, the last report stays."""
    sync(full=full, workspace=workspace)
    report(workspace=workspace)


def option(workspace: str | None) -> list[str]:
    return [f"--workspace={workspace}"] if workspace else []


def run(*arguments: str) -> None:
    """Runs the command. Its messages become the log of the task, at the same levels.

    Raises:
        CommandFailed: with the command's last error message.
    """
    command = [COMMAND, "--log-format=json", *arguments]
    with subprocess.Popen(  # noqa: S603 (no shell, and no parameter can add an option)
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        try:
            problem = logged(process.stderr or ())
            exit_code = process.wait()
        finally:
            end(process)
    if exit_code:
        raise CommandFailed(exit_code, problem)


def logged(lines: Iterable[str]) -> str:
    """Logs each line. Returns the last problem."""
    problem = "The lines above give the reason."
    for line in lines:
        try:
            event = json.loads(line)
            level, message = getLevelNamesMapping()[event["level"].upper()], event["message"]
        except (ValueError, TypeError, KeyError):  # a line of a library
            event, level, message = {}, INFO, line.rstrip()
        get_run_logger().log(level, "%s", message)
        problem = message if event.get("event") == "problem" else problem
    return problem


def end(process: subprocess.Popen[str]) -> None:
    """For a run that is cancelled. A process that has ended receives nothing."""
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    intercom_warehouse()
