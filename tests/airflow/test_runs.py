"""Claims about runs of the DAGs: the real command, in the project's own environment, against the sandbox."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import Sandbox, Script, Warehouse, airflow

if TYPE_CHECKING:
    from airflow.sdk import DAG

DAY = datetime(2026, 3, 2, tzinfo=UTC)
Dags = Mapping[str, "DAG"]


def test_a_sync_loads_all_contacts_and_returns_numbers_and_ids(
    dags: Dags, warehouse: Warehouse, sandbox: Sandbox
) -> None:
    run = dags["intercom_warehouse"].test(logical_date=DAY)

    assert run.state == "success"
    assert warehouse.query("select count(*) from intercom.contacts") == [[len(sandbox.contacts())]]
    ((members,),) = warehouse.query("select count(*) from intercom.current_segment_members")
    returned = result(run)
    assert (returned["exit_code"], returned["contacts_read"], returned["members"]) == (0, 300, members)
    assert {name for name, value in returned.items() if isinstance(value, str)} == {"run_id", "workspace_id"}


def log_of(output: str) -> list[tuple[str, str]]:
    """Level and message of each line of a task's own log."""
    lines = (re.match(r"\S+ \[(\w+) +\] (.*?) +\[airflow\.task\.operators", line) for line in output.splitlines())
    return [(line[1], line[2]) for line in lines if line]


def event(level: str, name: str, message: str) -> str:
    """A line of shell that writes an event."""
    return f"""echo '{json.dumps({"level": level, "event": name, "message": message})}' >&2"""


def test_the_log_of_a_task_has_the_messages_of_the_command_at_their_levels(
    dags: Dags, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script.does(
        event("info", "load", "Loading 7 rows"),
        event("warning", "alert", "Paying has no members."),
        "echo '{\"members\": 1}'",
        event("error", "check_failed", "It \x1b[2J is odd"),
    )

    run = dags["intercom_warehouse"].test(logical_date=DAY)

    assert log_of(capsys.readouterr().out) == [
        ("info", "Loading 7 rows"),
        ("warning", "Paying has no members."),
        ("error", "It \\u001b[2J is odd"),
    ]
    assert result(run) == {"members": 1}


@pytest.mark.parametrize("line", ["Reading", "{", "[]", "7", '{"level": "info"}', '{"level": "loud", "message": "Hi"}'])
def test_a_line_that_is_no_event_stays_as_it_is(
    dags: Dags, script: Script, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    script.does(f"echo '{line}' >&2", "echo '{}'")

    dags["intercom_warehouse"].test(logical_date=DAY)

    assert log_of(capsys.readouterr().out) == [("info", line)]


def test_an_error_of_the_command_is_an_error_in_the_log_and_the_reason_of_the_failure(
    dags: Dags, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in WRONG_TOKEN.items():
        monkeypatch.setenv(name, value)

    dags["intercom_warehouse"].test(logical_date=DAY)

    output = capsys.readouterr().out
    log = log_of(output)
    assert [level for level, _ in log] == ["info", "error", "error"]
    assert log[1][1].startswith("Intercom refused GET /me: HTTP 401")
    assert log[2][1] == "Ended: refused"
    assert f"The command ended with exit code 3. {log[1][1]}" in output


def test_params_become_options(dags: Dags, script: Script) -> None:
    script.does("echo '{}'")
    sync, backfill = dags["intercom_warehouse"], dags["intercom_warehouse_backfill"]

    sync.test(logical_date=DAY)
    sync.test(logical_date=DAY, run_conf={"full": True, "workspace": "acme"})
    window = {"from": "2026-03-02", "to": "2026-03-09", "by": "updated_at"}
    backfill.test(logical_date=None, run_conf=window)

    assert script.calls() == [
        "--log-format json sync --wait=10m --json",
        "--log-format json sync --full --workspace=acme --wait=10m --json",
        "--log-format json backfill --from=2026-03-02 --to=2026-03-09 --by=updated_at --wait=10m --json",
    ]


@pytest.mark.parametrize("is_manual", [False, True])
def test_two_days_backfilled_load_exactly_the_contacts_of_those_days(
    dags: Dags, warehouse: Warehouse, sandbox: Sandbox, *, is_manual: bool
) -> None:
    created = {contact["id"]: created_on(contact) for contact in sandbox.contacts()}
    a_day, contacts_of = timedelta(days=1), Counter(created.values())
    first = max(contacts_of, key=lambda day: min(contacts_of[day], contacts_of[day + a_day]))
    second = first + a_day
    assert contacts_of[second]
    backfill = dags["intercom_warehouse_backfill"]
    if is_manual:  # it loads the first day, with the logical date of the second
        backfill.test(logical_date=datetime(second.year, second.month, second.day, tzinfo=UTC))

    airflow(
        "backfill", "create", "--dag-id", backfill.dag_id, "--reprocess-behavior", "completed",
        "--from-date", f"{first}", "--to-date", f"{second}",
    )  # fmt: skip
    runs = finished_runs(backfill)

    assert [(run.logical_date.date(), run.state) for run in runs] == [(first, "success"), (second, "success")]
    loaded = {contact_id for (contact_id,) in warehouse.query("select id from intercom_raw.contacts")}
    assert loaded == {contact_id for contact_id, day in created.items() if day in (first, second)}


def test_a_day_is_from_midnight_to_midnight_in_utc(dags: Dags, script: Script) -> None:
    script.does("echo '{}'")

    dags["intercom_warehouse_backfill"].test(logical_date=DAY)

    (call,) = script.calls()
    assert "--from=2026-03-01T00:00:00+00:00 --to=2026-03-02T00:00:00+00:00" in call


@pytest.mark.parametrize("given", [{}, {"from": "2026-03-02"}, {"to": "2026-03-02"}])
def test_a_run_without_a_window_does_not_run_the_command(dags: Dags, script: Script, given: dict[str, str]) -> None:
    script.does("echo '{}'")

    run = dags["intercom_warehouse_backfill"].test(logical_date=None, run_conf=given)

    assert (run.state, script.calls()) == ("failed", [])


def test_without_the_command_a_run_fails_and_names_the_path(
    dags: Dags, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    run = dags["intercom_warehouse"].test(logical_date=DAY)

    assert run.state == "failed"
    assert f"There is no command {script.folder}/command." in capsys.readouterr().out


UNREACHABLE = {"SOURCES__INTERCOM__BASE_URL": "http://127.0.0.1:9"}
WRONG_TOKEN = {"SOURCES__INTERCOM__ACCESS_TOKEN": "wrong"}


@pytest.mark.parametrize(
    ("dag_id", "wrong", "outcome"),
    [
        ("intercom_warehouse", UNREACHABLE, "unavailable"),
        ("intercom_warehouse", WRONG_TOKEN, "refused"),
        ("intercom_warehouse_backfill", UNREACHABLE, "unavailable"),
    ],
)
def test_a_failed_run_is_shown_by_status(
    dags: Dags,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    dag_id: str,
    wrong: dict[str, str],
    outcome: str,
) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    (task,) = dags[dag_id].tasks
    task.retries = 0  # each try takes seconds to give up on an unreachable host

    run = dags[dag_id].test(logical_date=DAY)

    assert run.state == "failed"
    status = warehouse.status("--max-age", "26h")
    assert status["exit_code"] == 6
    (workspace,) = status["workspaces"]
    assert workspace["is_stale"]
    assert [(run["command"].split()[0], run["outcome"]) for run in workspace["runs"]] == [(task.task_id, outcome)]


def result(run: Any) -> dict[str, Any]:
    """The result of the only task of a run."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        (row,) = session.scalars(XComModel.get_many(run_id=run.run_id, key="return_value", dag_ids=run.dag_id))
        returned: dict[str, Any] = XComModel.deserialize_value(row)
    return returned


def finished_runs(dag: "DAG") -> list[Any]:
    """The runs of a backfill, oldest first, run one after the other as the scheduler does."""
    from airflow.models.backfill import Backfill
    from airflow.models.dagbag import DBDagBag
    from airflow.models.dagrun import DagRun
    from airflow.sdk.definitions.dag import _run_task
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from sqlalchemy import select, update

    with create_session() as session:
        queued = select(DagRun).where(DagRun.dag_id == dag.dag_id, DagRun.state == "queued")
        runs = session.scalars(queued.order_by(DagRun.logical_date)).all()
        for run in runs:
            run.dag = DBDagBag().get_dag_for_run(run, session=session)
            run.set_state(DagRunState.RUNNING)
            (task_instance,) = run.get_task_instances(session=session)
            task_instance.try_number, task_instance.state = task_instance.try_number + 1, "scheduled"
            session.commit()
            _run_task(ti=task_instance, task=dag.get_task(task_instance.task_id))
            session.expire_all()
            run.update_state(session=session)
        session.execute(update(Backfill).values(completed_at=datetime.now(UTC)))
        session.commit()
        session.expunge_all()
    return list(runs)


def created_on(contact: Mapping[str, Any]) -> date:
    """The UTC day on which a contact was created."""
    return datetime.fromtimestamp(contact["created_at"], UTC).date()
