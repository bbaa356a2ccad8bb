"""PostgreSQL: repair, a restored backup, and a lost schema, as in a DuckDB file."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from pipelines.commands.repair import Repair
from pipelines.destinations import Warehouse
from pipelines.destinations.postgres import PASSING, Postgres, configured_credentials
from pipelines.errors import Busy, ExitCode, Misconfigured, Unreachable
from pipelines.loading.working_folder import OTHER_STATE

from ...support.deployments import lively_workspace
from ...support.first_loads import contacts, true_contacts
from ...support.postgres import PROGRAMS
from .postgres_deployment import PostgresDeployment, credentials

pytestmark = [
    pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL's server is not installed"),
    pytest.mark.xdist_group("postgres"),
]
DOUBLED = {
    "changes": "insert into intercom_raw.membership_changes select * from intercom_raw.membership_changes",
    "runs": "insert into intercom_raw.runs select * from intercom_raw.runs",
    "contacts": "insert into intercom_raw.contacts select * from intercom_raw.contacts",
    "scans": "insert into intercom_raw.segment_scans select * from intercom_raw.segment_scans",
}


@pytest.fixture
def deployment(tmp_path: Path, database: str) -> PostgresDeployment:
    deployment = PostgresDeployment(tmp_path / "data", lively_workspace(), address=database)
    for _ in range(3):
        deployment.workspace.live(days=1)
        deployment.sync()
    return deployment


@pytest.fixture
def cursor(deployment: PostgresDeployment, database: str) -> Iterator[Any]:
    connection = psycopg2.connect(database)
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


@pytest.mark.nightly
@pytest.mark.parametrize("kind", DOUBLED)
def test_doubled_rows_stop_no_sync_and_repair_removes_them(
    deployment: PostgresDeployment, cursor: Any, kind: str
) -> None:
    cursor.execute(DOUBLED[kind])

    outcome = deployment.sync()
    repaired = Repair(deployment.warehouse, deployment.name, clock=deployment.workspace.now).run()
    again = deployment.sync()

    assert outcome.exit_code == again.exit_code == ExitCode.DONE
    assert len(outcome.warnings) == 1
    assert repaired.doubled
    assert repaired.warnings == again.warnings == ()
    assert deployment.members() == deployment.workspace.pairs()


@pytest.mark.nightly
def test_without_a_run_in_the_middle_the_next_sync_equals_the_workspace(
    deployment: PostgresDeployment, cursor: Any
) -> None:
    cursor.execute("select distinct run_id from intercom_raw.segment_scans order by 1 limit 1 offset 1")
    ((run_id,),) = cursor.fetchall()

    repaired = Repair(deployment.warehouse, deployment.name, run_id=run_id, clock=deployment.workspace.now).run()
    deployment.sync()

    assert [run.run_id for run in repaired.runs] == [run_id]
    assert deployment.members() == deployment.workspace.pairs()


@pytest.mark.nightly
def test_a_database_that_was_restored_from_a_backup_is_up_to_date_after_one_sync(
    deployment: PostgresDeployment, database: str, tmp_path: Path
) -> None:
    assert PROGRAMS is not None
    backup = tmp_path / "backup"
    subprocess.run(
        [PROGRAMS / "pg_dump", "--schema=intercom*", "--format=custom", f"--file={backup}", database], check=True
    )
    for _ in range(2):
        deployment.workspace.live(days=1)
        deployment.sync()
    subprocess.run([PROGRAMS / "pg_restore", "--clean", "--if-exists", f"--dbname={database}", backup], check=True)

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert OTHER_STATE in outcome.notes
    assert deployment.members() == deployment.workspace.pairs()
    assert contacts(deployment) == true_contacts(deployment.workspace)


@pytest.mark.nightly
def test_a_lost_schema_is_told_and_the_marts_stay(deployment: PostgresDeployment, cursor: Any) -> None:
    cursor.execute("drop schema intercom_raw cascade")

    with pytest.raises(Misconfigured, match="sync --accept-loss"):
        deployment.sync()

    cursor.execute("select count(*) from intercom.segment_memberships")
    assert cursor.fetchall() > [(0,)]


@pytest.mark.nightly
def test_a_session_that_holds_a_lock_is_named_and_the_next_sync_equals_the_workspace(
    deployment: PostgresDeployment, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.workspace.live(days=1)
    monkeypatch.setattr("pipelines.destinations.postgres.LOCK_TIMEOUT", "200ms")
    deployment.warehouse = Warehouse(deployment.folder, Postgres(credentials(database)))
    blocker = psycopg2.connect(database, application_name="a notebook")
    with blocker, blocker.cursor() as cursor:
        cursor.execute("lock table intercom_raw.contacts")
        with pytest.raises(Busy, match=r"Session \d+ of postgres \(a notebook\) has locked tables"):
            deployment.sync()
    blocker.close()

    deployment.sync()

    assert deployment.members() == deployment.workspace.pairs()


FAULTS = {
    "alter role current_user set statement_timeout = '1ms'": "statement_timeout",
    "alter role current_user set default_transaction_read_only = on": "accepts no writes",
}


@pytest.mark.nightly
@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_server_does_is_told_in_its_words(deployment: PostgresDeployment, cursor: Any, fault: str) -> None:
    deployment.workspace.live(days=1)
    cursor.execute(fault)
    try:
        with pytest.raises(Unreachable, match=FAULTS[fault]):
            deployment.sync()
    finally:
        cursor.execute("set default_transaction_read_only = off")
        cursor.execute("alter role current_user reset all")

    deployment.sync()

    assert deployment.members() == deployment.workspace.pairs()


@pytest.mark.parametrize("state", PASSING)
def test_what_the_server_refuses_is_told_in_its_words_whoever_asks(database: str, state: str) -> None:
    code = state.ljust(5, "0")
    refused = f"do $$ begin raise exception using errcode = '{code}', message = 'refused'; end $$"

    with pytest.raises(Unreachable, match=PASSING[state][0]), Postgres(credentials(database)).reading() as read:
        read(refused)


def test_a_password_may_come_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://ann@db.example:5432/crm")

    assert configured_credentials().password is None
