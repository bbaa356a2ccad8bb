"""Two DAGs for Airflow 3.3 that run the command; neither this project nor dlt is imported into Airflow's processes.

Symlink this file into the dags folder: docs/airflow.md tells how, and what pool it needs.
"""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from airflow.sdk import DAG, Asset, BaseOperator, Context, CronDataIntervalTimetable, Param, Variable
from airflow.sdk.exceptions import AirflowException, AirflowFailException

COMMAND = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "intercom-warehouse"
"""Beside this file's own project, also where the dags folder holds a symlink to it."""
COMMAND_VARIABLE = "intercom_warehouse_command"
SCHEDULE = os.environ.get("INTERCOM_WAREHOUSE_SCHEDULE", "15 3 * * *")
POOL = "intercom_warehouse"
NEEDS_POOL = (
    f"A task that stays *scheduled* has no pool: `airflow pools set {POOL} 1 'One writer of the warehouse at a time'`."
)
MARTS = Asset("intercom_marts")
"""Known by its name alone: another DAG that says `Asset("intercom_marts")` means this one."""

LOCK_WAIT = "10m"
GRACE_SECONDS = 10
DONE, UNAVAILABLE, BUSY, INCOMPLETE = 0, 4, 5, 6

SETTINGS: dict[str, Any] = {
    # One writer at a time, across both DAGs: max_active_runs does not keep two DAGs apart, nor a backfill from a
    # scheduled run.
    "pool": POOL,
    # 2, 4, 8, 16 and 32 minutes, each up to doubled by Airflow: one or two hours in which Intercom, or whoever holds
    # the warehouse, may come to rest. Airflow goes on doubling for a task that was cleared, hence the most.
    "retries": 5,
    "retry_delay": timedelta(minutes=2),
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(hours=1),
    # Ends what hangs. A first load that takes longer goes on where it was in the next try.
    "execution_timeout": timedelta(hours=3),
}
# Ends a run whose task never starts, as where the pool is missing; long enough for all tries of one that does, and over
# before the next day's run.
RUN_TIMEOUT = timedelta(hours=22)

WORKSPACE = Param(None, type=["null", "string"], description="Another workspace than the default one, by its name.")


class Command(BaseOperator):
    """Runs `intercom-warehouse`; its standard error becomes the task's log, its figures the task's result."""

    _process: "subprocess.Popen[str] | None" = None
    _is_to_end = False

    def arguments(self, context: Context) -> list[str]:
        """What comes after the name of the command.

        Raises:
            AirflowFailException: nothing should be run.
        """
        raise NotImplementedError

    def execute(self, context: Context) -> dict[str, Any]:
        """Counts, and ids of runs and workspaces, out of what the command answered.

        Raises:
            AirflowFailException: trying again would not help.
            AirflowException: trying again may help.
        """
        words = [command(), "--log-format", "json", *self.arguments(context), f"--wait={LOCK_WAIT}", "--json"]
        with TemporaryFile("w+", encoding="utf-8") as output:
            exit_code = self._run(words, output)
            if exit_code != DONE:
                raise failure(exit_code, is_first_try=self._is_first_try(context))
            output.seek(0)
            return figures(json.load(output))

    def on_kill(self) -> None:
        """Ends the command with the task. What it had read to the end is loaded by the next run."""
        self._is_to_end = True  # it may be just about to begin
        if self._process:  # only told: this may interrupt whoever waits for it
            self._process.terminate()

    def _run(self, words: list[str], output: IO[str]) -> int:
        # It stays in the process group that Airflow makes for a task: a SIGKILL to that group has to reach it, too.
        with subprocess.Popen(  # noqa: S603 (no shell, and no param can become an option of its own)
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
        ) as self._process:
            if self._is_to_end:
                self._process.terminate()
            try:
                for line in self._process.stderr or ():
                    self.log.info("%s", line.rstrip())
                return self._process.wait()
            finally:
                end(self._process)

    def _is_first_try(self, context: Context) -> bool:
        """The first since the run began, or since somebody cleared the task."""
        task_instance: Any = context["ti"]
        return bool(task_instance.try_number == task_instance.max_tries - self.retries + 1)


class Sync(Command):
    """Brings the warehouse up to date, whatever the interval: Intercom tells only the present."""

    def arguments(self, context: Context) -> list[str]:
        """As the run's params say."""
        params = context["params"]
        return ["sync", *(["--full"] if params["full"] else []), *workspace(params)]


class Backfill(Command):
    """Loads the contacts of the run's interval, or of the days given by hand."""

    def arguments(self, context: Context) -> list[str]:
        """A window from its beginning up to, but not including, its end."""
        params = context["params"]
        beginning, end = window(context)
        return ["backfill", f"--from={beginning}", f"--to={end}", f"--by={params['by']}", *workspace(params)]


def command() -> str:
    """Where the command is.

    Raises:
        AirflowFailException: it is not there.
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
        AirflowFailException: there is none, or it is empty: a run that loads nothing must not look like one that did.
    """
    by_hand = context["params"]["from"], context["params"]["to"]
    if all(by_hand):
        return by_hand
    beginning, end = context.get("data_interval_start"), context.get("data_interval_end")
    if any(by_hand) or not beginning or not end or beginning >= end:
        raise AirflowFailException(
            "This run has no window, so nothing was run: it has no data interval, or an empty one, or only one of the "
            "params from and to. Give it both, or let airflow backfill create make runs, each with its interval."
        )
    if (logical_date := context.get("logical_date")) and context["dag_run"].run_type == "backfill":
        # A run made by hand has the interval that ends with its logical date, and keeps it when a backfill takes the
        # run over: the day that the backfill is for would be missing, and the run green.
        beginning, end = logical_date, logical_date + (end - beginning)
    return beginning.isoformat(), end.isoformat()


def workspace(params: Any) -> list[str]:
    """The option that names another workspace than the default one."""
    return [f"--workspace={params['workspace']}"] if params["workspace"] else []


def failure(exit_code: int, *, is_first_try: bool) -> AirflowException:
    """How the task ends: whether Airflow tries again depends on the kind of the error alone."""
    if exit_code < 0:
        return AirflowException(f"The command was ended by signal {-exit_code}. The next try goes on from there.")
    words = f"The command ended with exit code {exit_code}; the lines above say why."
    if exit_code in (UNAVAILABLE, BUSY) or (exit_code == INCOMPLETE and is_first_try):
        return AirflowException(f"{words} Another try may help.")
    if exit_code == INCOMPLETE:
        return AirflowFailException(f"{words} All else is loaded and published, but this needs a look.")
    return AirflowFailException(f"{words} Trying again unchanged will not help.")


def figures(answer: dict[str, Any]) -> dict[str, Any]:
    """What of the command's answer other tasks may see: numbers and ids."""
    return {name: value for name, value in answer.items() if isinstance(value, int | float) or name.endswith("_id")}


def end(process: "subprocess.Popen[str]") -> None:
    """Ends a process that has not ended yet: kindly, then by force."""
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
    catchup=False,  # one sync catches up with all that was missed
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
    # a plain cron expression would give each run an interval of no length
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2011, 1, 1, tzinfo=UTC),  # the year Intercom was founded: no contact is older
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    dagrun_timeout=RUN_TIMEOUT,
    default_args=SETTINGS,
    params={
        "from": Param(None, type=["null", "string"], description="By hand: the first moment, as 2026-03-02."),
        "to": Param(None, type=["null", "string"], description="By hand: the moment after the last, as 2026-03-03."),
        "by": Param("created_at", enum=["created_at", "updated_at"], description="What has to lie in the window."),
        "workspace": WORKSPACE,
    },
    tags=["intercom"],
    doc_md=f"`intercom-warehouse backfill`. {NEEDS_POOL}",
):
    Backfill(task_id="backfill", outlets=[MARTS])
