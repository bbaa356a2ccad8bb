"""Two DAGs for Airflow 3.3 that run the command. They import neither this project nor dlt into Airflow's processes.

Symlink this file into the dags folder. docs/airflow.md shows how, and which pool the DAGs need.
"""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from logging import INFO, getLevelNamesMapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

from airflow.sdk import DAG, Asset, BaseOperator, Context, CronDataIntervalTimetable, Param, Variable
from airflow.sdk.exceptions import AirflowException, AirflowFailException

COMMAND = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "intercom-warehouse"
"""In the project of this file. `resolve` follows the symlink in the dags folder."""
COMMAND_VARIABLE = "intercom_warehouse_command"
SCHEDULE = os.environ.get("INTERCOM_WAREHOUSE_SCHEDULE", "15 3 * * *")
POOL = "intercom_warehouse"
NEEDS_POOL = (
    f"A task that stays *scheduled* has no pool: `airflow pools set {POOL} 1 'One writer of the warehouse at a time'`."
)
MARTS = Asset("intercom_marts")
"""Other DAGs refer to it by its name: `Asset("intercom_marts")`."""

LOCK_WAIT = "10m"
GRACE_SECONDS = 10
DONE, UNAVAILABLE, BUSY, INCOMPLETE = 0, 4, 5, 6

SETTINGS: dict[str, Any] = {
    # One writer at a time, in both DAGs: max_active_runs limits one DAG, and not a backfill beside a scheduled run.
    "pool": POOL,
    # 2, 4, 8, 16 and 32 minutes, each up to doubled by Airflow: one or two hours for Intercom to recover, or for
    # another run to end. Airflow keeps doubling for a task that was cleared, so there is a maximum.
    "retries": 5,
    "retry_delay": timedelta(minutes=2),
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(hours=1),
    # Ends a run that hangs. The next try resumes a first load that takes longer.
    "execution_timeout": timedelta(hours=3),
}
# Ends a run whose task never starts, for example without the pool. Long enough for all tries, and over before the next
# day's run.
RUN_TIMEOUT = timedelta(hours=22)

WORKSPACE = Param(None, type=["null", "string"], description="The name of another workspace.")


class Line(NamedTuple):
    """A line that the command writes on standard error."""

    level: int
    message: str
    is_problem: bool = False

    @classmethod
    def of(cls, text: str) -> "Line":
        """An event becomes its message, at its level. Any other line, such as that of a library, stays as it is."""
        try:
            event = json.loads(text)
            level = getLevelNamesMapping()[event["level"].upper()]
            return cls(level, str(event["message"]), event["event"] == "problem")
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls(INFO, text)


class Command(BaseOperator):
    """Runs `intercom-warehouse`. Its standard error becomes the task's log, its numbers and ids the task's result."""

    _process: "subprocess.Popen[str] | None" = None
    _was_stopped = False

    def arguments(self, context: Context) -> list[str]:
        """The arguments of the command.

        Raises:
            AirflowFailException: the command must not run.
        """
        raise NotImplementedError

    def execute(self, context: Context) -> dict[str, Any]:
        """Returns the numbers and ids of the command's result.

        Raises:
            AirflowFailException: trying again does not help.
            AirflowException: trying again may help.
        """
        arguments = [command(), "--log-format", "json", *self.arguments(context), f"--wait={LOCK_WAIT}", "--json"]
        with TemporaryFile("w+", encoding="utf-8") as output:
            exit_code, problem = self._run(arguments, output)
            if exit_code != DONE:
                raise failure(exit_code, problem, is_first_try=self._is_first_try(context))
            output.seek(0)
            return numbers_and_ids(json.load(output))

    def on_kill(self) -> None:
        """Ends the command with the task. The next run loads the packages that were complete."""
        self._was_stopped = True  # for a command that is just starting
        if self._process:  # without waiting: this may interrupt the wait in _run
            self._process.terminate()

    def _run(self, arguments: list[str], output: IO[str]) -> tuple[int, str]:
        """The exit code, and the command's last error message."""
        problem = ""
        # It stays in the process group of Airflow's task, so that a SIGKILL to that group reaches it, too.
        with subprocess.Popen(  # noqa: S603 (no shell, and no param can add an option)
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as self._process:
            if self._was_stopped:
                self._process.terminate()
            try:
                for text in self._process.stderr or ():
                    line = Line.of(text.rstrip())
                    self.log.log(line.level, "%s", visible(line.message))
                    problem = visible(line.message) if line.is_problem else problem
                return self._process.wait(), problem
            finally:
                end(self._process)

    def _is_first_try(self, context: Context) -> bool:
        """The first try since the run started, or since the task was cleared."""
        task_instance: Any = context["ti"]
        return bool(task_instance.try_number == task_instance.max_tries - self.retries + 1)


class Sync(Command):
    """Brings the warehouse up to date. The interval does not matter: Intercom returns only the present state."""

    def arguments(self, context: Context) -> list[str]:
        params = context["params"]
        return ["sync", *(["--full"] if params["full"] else []), *workspace(params)]


class Backfill(Command):
    """Loads the contacts of the run's interval, or of the window in its params."""

    def arguments(self, context: Context) -> list[str]:
        params = context["params"]
        start, end = window(context)
        return ["backfill", f"--from={start}", f"--to={end}", f"--by={params['by']}", *workspace(params)]


def visible(line: str) -> str:
    """A line without characters that a terminal obeys. The command writes none, but a library that ends it may."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in line)


def command() -> str:
    """The path of the command.

    Raises:
        AirflowFailException: there is no such file.
    """
    path = str(Variable.get(COMMAND_VARIABLE, default=str(COMMAND)))
    if not os.access(path, os.X_OK):
        raise AirflowFailException(
            f"There is no command {path}. Run make install in the project's folder, or set the Airflow Variable "
            f"{COMMAND_VARIABLE} to where bin/intercom-warehouse is on the machine that runs the task."
        )
    return path


def window(context: Context) -> tuple[str, str]:
    """The window to load.

    Raises:
        AirflowFailException: no window, or an empty one. A run that loads nothing must not succeed.
    """
    params = context["params"]["from"], context["params"]["to"]
    if all(params):
        return params
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if any(params) or not start or not end or start >= end:
        raise AirflowFailException(
            "This run has no window, so it loaded nothing: it has no data interval, or an empty one, or only one of "
            "the params from and to. Set both params, or create runs with intervals: airflow backfill create."
        )
    if (logical_date := context.get("logical_date")) and context["dag_run"].run_type == "backfill":
        # A manual run has the interval that ends with its logical date, and keeps it when a backfill takes the run
        # over. Without this, the backfill would miss its day, and the run would still succeed.
        start, end = logical_date, logical_date + (end - start)
    return start.isoformat(), end.isoformat()


def workspace(params: Any) -> list[str]:
    """The option for another workspace than the default one."""
    return [f"--workspace={params['workspace']}"] if params["workspace"] else []


def failure(exit_code: int, problem: str, *, is_first_try: bool) -> AirflowException:
    """The error that ends the task. Airflow decides by its class whether to try again."""
    if exit_code < 0:
        return AirflowException(f"Signal {-exit_code} ended the command. The next try resumes its work.")
    message = f"The command ended with exit code {exit_code}. {problem or 'The lines above give the reason.'}"
    if exit_code in (UNAVAILABLE, BUSY) or (exit_code == INCOMPLETE and is_first_try):
        return AirflowException(f"{message} Another try may help.")
    if exit_code == INCOMPLETE:
        return AirflowFailException(f"{message} The rest is loaded and published. Check what is incomplete.")
    return AirflowFailException(f"{message} Fix the cause before the next try.")


def numbers_and_ids(result: dict[str, Any]) -> dict[str, Any]:
    """The part of the command's result that other tasks may read."""
    return {name: value for name, value in result.items() if isinstance(value, int | float) or name.endswith("_id")}


def end(process: "subprocess.Popen[str]") -> None:
    """Ends a process, with a signal that it can handle and then with one that it cannot."""
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


with DAG(
    "intercom_warehouse",
    description="Brings the Intercom warehouse up to date",
    schedule=CronDataIntervalTimetable(SCHEDULE, timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # one sync makes up for all missed runs
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    default_args=SETTINGS,
    params={
        "full": Param(False, type="boolean", description="Read every contact and sweep every segment."),
        "workspace": WORKSPACE,
    },
    tags=["intercom"],
    doc_md=f"`intercom-warehouse sync`. {NEEDS_POOL}",
):
    Sync(task_id="sync", outlets=[MARTS])

with DAG(
    "intercom_warehouse_backfill",
    description="Loads the contacts of its interval again, for airflow backfill create",
    # with a plain cron expression each run would have an empty interval
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2011, 1, 1, tzinfo=UTC),  # Intercom was founded in this year: no contact is older
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    dagrun_timeout=RUN_TIMEOUT,
    default_args=SETTINGS,
    params={
        "from": Param(None, type=["null", "string"], description="Start of the window: 2026-03-02."),
        "to": Param(None, type=["null", "string"], description="End of the window, not included."),
        "by": Param("created_at", enum=["created_at", "updated_at"], description="The time that is in the window."),
        "workspace": WORKSPACE,
    },
    tags=["intercom"],
    doc_md=f"`intercom-warehouse backfill`. {NEEDS_POOL}",
):
    Backfill(task_id="backfill", outlets=[MARTS])
