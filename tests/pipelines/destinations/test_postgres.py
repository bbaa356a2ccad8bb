"""PostgreSQL: the same promises as on DuckDB, on a server that the tests start in a temporary folder."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.commands import Export, Forget, Report
from pipelines.commands.status import Days, StatusQuery
from pipelines.destinations import Warehouse
from pipelines.destinations.format import FORMAT
from pipelines.destinations.postgres import Postgres, configured_credentials
from pipelines.errors import ExitCode, Misconfigured, ModelsFailed, Unreachable
from pipelines.messages import Step
from pipelines.models.definitions import SQL, list_marts, load_models
from pipelines.runs import build_models
from pipelines.settings import use_project_config
from sandbox.world import Workspace, add_odd_contacts
from sources.intercom.api import Refused
from sources.intercom.catalog import ALL, BY_NAME, TABLES

from ...soak.kills import PROCESSES, Death, reporting_steps
from ...support.deployments import START, Deployment, standing_still
from ...support.desks import differences
from ...support.interference import Stop
from ...support.lists import complete_tables, different_tables
from ...support.patience import HANG_SECONDS
from ...support.personal_data import CANARY, found_in, personal
from ...support.postgres import NEEDS_POSTGRES, PASSWORD, Row, Server, connected, run
from ..commands.test_backfill import DAY, LONG_AGO, backfill
from .postgres_deployment import PostgresDeployment, credentials
from .sites import MARTS, plain_row

MODELS = load_models()
LISTS = ("tags", "companies", "contact_companies", "contact_tags")
SCAN_TIMES = {
    ("segments", "last_complete_scan_at"),
    ("segment_membership_snapshots", "observed_at"),
    ("workspaces", "last_observed_at"),
}
SYNCED = (0, 1, 4)
"""The days of five on which the twins are synced."""
PLAIN_CONTACTS = "select to_jsonb(contacts) - '_dlt_load_id' from intercom_raw.contacts order by id"
SAME_TYPES = {
    "VARCHAR": "character varying",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE": "double precision",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "JSON": "jsonb",
}

pytestmark = NEEDS_POSTGRES


@pytest.fixture
def make_deployment(tmp_path: Path, database: str) -> Callable[..., PostgresDeployment]:
    """Makes deployments that share one data folder and one database."""

    def make(name: str = "intercom", **options: Any) -> PostgresDeployment:
        defaults: dict[str, Any] = {"contacts": 120, "segments": 6, "start": START, "monotonic": standing_still}
        return PostgresDeployment(tmp_path / "data", Workspace(**(defaults | options)), name, address=database)

    return make


@pytest.fixture
def deployment(make_deployment: Callable[..., PostgresDeployment]) -> PostgresDeployment:
    return make_deployment()


# The same as on DuckDB


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, server: Server) -> tuple[Deployment, PostgresDeployment]:
    """One workspace over ten days, synced into DuckDB and PostgreSQL at the same instants on most of them."""
    folder = tmp_path_factory.mktemp("twins")
    workspace = Workspace(contacts=300, segments=8, start=START, monotonic=standing_still)
    pair = (
        Deployment(folder / "duckdb", workspace, resources=LISTS),
        PostgresDeployment(folder / "postgres", workspace, address=server.database(), resources=LISTS),
    )
    for twin in pair:
        twin.settings.track_attributes = ["custom_attributes.plan", "custom_attributes.preferences", "owner_id"]
    for day in range(10):
        a_day(workspace)
        for twin in pair if day % 5 in SYNCED else ():
            assert twin.job().run().exit_code == 0
    return pair


def a_day(workspace: Workspace) -> None:
    """A day of life, with events that are rare in a workspace of this size."""
    users = [contact.id for contact in workspace.contacts.values() if contact.value("role") == "user"]
    leads = [contact.id for contact in workspace.contacts.values() if contact.value("role") == "lead"]
    workspace.archive(users[0])
    workspace.delete(users[1])
    workspace.merge(leads[0], users[2])
    workspace.sign_up(name='O\'Neill, "Ann";\tÅ 100% \\N', email="")
    workspace.live(days=1, churn=0.08)
    workspace.live_lists(8)


@pytest.mark.nightly
@pytest.mark.parametrize("mart", MARTS)
def test_all_days_give_the_same_rows_as_on_duckdb(twins: tuple[Deployment, PostgresDeployment], mart: str) -> None:
    ours, theirs = (sorted(map(plain_row, twin.query(f"select * from intercom.{mart}")), key=repr) for twin in twins)

    assert ours
    assert theirs == ours


@pytest.mark.nightly
def test_the_report_has_the_same_numbers_as_on_duckdb(twins: tuple[Deployment, PostgresDeployment]) -> None:
    ours, theirs = (Report(twin.warehouse, with_people=True).numbers() for twin in twins)

    assert ours.segments
    assert replace(theirs, totals=ours.totals) == ours
    assert theirs.totals.joins_count == ours.totals.joins_count > 0


@pytest.mark.nightly
def test_exports_hold_the_same_rows_as_on_duckdb(twins: tuple[Deployment, PostgresDeployment], tmp_path: Path) -> None:
    for number, twin in enumerate(twins):
        Export(
            twin.warehouse, tmp_path / str(number), select=["contacts", "segment_tenure", "segment_memberships"]
        ).run()

    for file in sorted((tmp_path / "0").iterdir()):
        ours, theirs = (pq.read_table(tmp_path / name / file.name) for name in "01")
        assert theirs.column_names == ours.column_names
        rows = [sorted(map(in_order, plain_table(table))) for table in (ours, theirs)]
        assert rows[0] == rows[1]
        assert len(rows[0]) > 5


def in_order(row: list[object]) -> str:
    return json.dumps(row, sort_keys=True, default=str)


def plain_table(table: pa.Table) -> list[list[object]]:
    return [list(plain_row(row.values())) for row in table.to_pylist()]


@pytest.mark.nightly
def test_the_days_had_events_of_every_kind(twins: tuple[Deployment, PostgresDeployment]) -> None:
    reasons = "select distinct reason from intercom.segment_membership_events"
    statuses = "select distinct removal_status from intercom.contacts where removal_status is not null"

    assert {reason for (reason,) in twins[1].query(reasons)} > {"baseline", "joined", "left"}
    assert twins[1].query(statuses)
    assert twins[1].query("select count(distinct observed_on) from intercom.segment_daily") == [(6,)]


@pytest.mark.nightly
def test_columns_have_the_same_names_order_and_types_as_on_duckdb(twins: tuple[Deployment, PostgresDeployment]) -> None:
    columns = (
        "select table_name, ordinal_position, column_name, data_type from information_schema.columns "
        "where table_schema in ('intercom', 'intercom_build') and not starts_with(table_name, '_') order by 1, 2"
    )
    ours, theirs = (twin.query(columns) for twin in twins)

    assert [(*row[:3], "character varying" if row[3] == "text" else row[3]) for row in theirs] == [
        (*row[:3], SAME_TYPES[row[3]]) for row in ours
    ]


@pytest.mark.nightly
def test_every_description_is_a_comment_in_the_database(twins: tuple[Deployment, PostgresDeployment]) -> None:
    relations = (
        "select relname, obj_description(oid, 'pg_class') from pg_class "
        "where relnamespace in ('intercom'::regnamespace, 'intercom_build'::regnamespace) and relkind in ('r', 'v')"
    )
    columns = (
        "select relname, attname, col_description(pg_class.oid, attnum) from pg_class "
        "join pg_attribute on attrelid = pg_class.oid and attnum > 0 "
        "where relnamespace in ('intercom'::regnamespace, 'intercom_build'::regnamespace) and relkind in ('r', 'v')"
    )

    models = (
        *MODELS,
        *(mart for mart in list_marts() if not {BY_NAME[name].table for name in mart.loaded}.isdisjoint(LISTS)),
    )
    assert sorted(twins[1].query(relations)) == sorted((model.name, model.description) for model in models)
    described = {(relation, column): text for relation, column, text in twins[1].query(columns)}
    ours = {(model.name, column): text for model in models for column, text in model.columns.items()}
    assert described == ours | {
        key: f"The custom attribute {key[1]}."
        for key in described.keys() - ours.keys()
        if key[0] in ("contact_attributes", "company_attributes", "ticket_attributes")
    }


@pytest.mark.nightly
def test_syncing_twice_changes_no_row_but_runs_and_scan_times(deployment: PostgresDeployment) -> None:
    deployment.sync()
    deployment.workspace.live(days=1)
    deployment.sync()
    before = lasting(deployment)

    deployment.workspace.advance(seconds=2)
    outcome = deployment.sync()

    assert (outcome.joins, outcome.leaves) == (0, 0)
    assert lasting(deployment) == before


def lasting(deployment: PostgresDeployment) -> dict[str, list[Row]]:
    """The marts without the columns that every run changes."""
    columns = {
        model.name: ", ".join(column for column in model.columns if (model.name, column) not in SCAN_TIMES)
        for model in MODELS
        if model.name in MARTS and model.name != "sync_runs"
    }
    return {
        name: sorted(deployment.query(f"select {said} from intercom.{name}"), key=repr)
        for name, said in columns.items()
    }


@pytest.mark.nightly
def test_odd_contacts_arrive_too(deployment: PostgresDeployment) -> None:
    odd = add_odd_contacts(deployment.workspace, crowd=160)

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert deployment.members() == deployment.workspace.pairs()
    names = {deployment.workspace.contacts[key].attributes["name"].replace("\0", "\ufffd") for key in odd["names"]}
    loaded: dict[str, str] = dict(deployment.query("select contact_id, name from intercom.contacts"))
    assert {loaded[key] for key in odd["names"]} == names


@pytest.mark.nightly
def test_two_workspaces_do_not_mix(make_deployment: Callable[..., PostgresDeployment]) -> None:
    first, second = make_deployment(), make_deployment("acme", workspace_id="acme", seed=7)

    first.sync()
    second.sync()
    first.workspace.live(days=1, churn=0.1)
    first.sync()

    assert first.members() == first.workspace.pairs()
    assert second.members() == second.workspace.pairs()
    assert {row[0] for row in first.query("select workspace_id from intercom.contacts")} == {"sandbox", "acme"}


@pytest.mark.nightly
def test_status_is_the_same_and_says_where_nothing_is_built_yet(deployment: PostgresDeployment) -> None:
    deployment.workspace.faults.status(401, times=None)
    with pytest.raises(Refused):
        deployment.sync()
    before = StatusQuery(deployment.warehouse, deployment.workspace.now()).answer()
    deployment.workspace.faults.clear()
    deployment.sync()
    deployment.workspace.reported_count = lambda size: size + 1
    deployment.workspace.advance(days=3)
    deployment.sync()

    after = StatusQuery(deployment.warehouse, deployment.workspace.now()).answer()

    assert "missing" in str(before.unread)
    assert (after.unread, after.published_at) == (None, None)
    (one,) = after.workspaces
    assert (one.segments, one.members) == (6, len(deployment.workspace.pairs()))
    assert [segment.has_drifted for segment in one.segments_worth_a_look] == [True] * 6
    assert one.days_missing == (Days(date(2026, 3, 3), date(2026, 3, 4)),)


def test_no_file_is_made_and_nothing_is_published(deployment: PostgresDeployment) -> None:
    deployment.sync()

    assert sorted(path.name for path in deployment.folder.iterdir()) == ["lock", "pipelines", "runs.jsonl"]


def test_every_connection_gives_times_in_utc(deployment: PostgresDeployment) -> None:
    with deployment.warehouse.pipeline("intercom").sql_client() as client:
        assert client.execute_sql("show timezone") == [("UTC",)]


@pytest.mark.nightly
def test_a_database_starts_empty_in_a_data_folder_that_was_used_for_another(
    make_deployment: Callable[..., PostgresDeployment],
) -> None:
    deployment = make_deployment()
    in_a_file = Deployment(deployment.folder, deployment.workspace)
    in_a_file.sync()
    deployment.sync()
    deployment.workspace.live(days=1, churn=0.2)
    deployment.sync()

    in_a_file.sync()

    assert deployment.query("select count(*) from intercom.contacts where not is_deleted") == [
        (len(deployment.workspace.contacts),)
    ]
    assert in_a_file.members() == deployment.members() == deployment.workspace.pairs()


# The swap of the marts


def standing(deployment: PostgresDeployment) -> list[Row]:
    """Schemas and relations with their ids and comments: what was rebuilt differs."""
    schemas = deployment.query("select nspname, oid from pg_namespace where nspname !~ '^pg_' order by 1")
    relations = "select relname, oid, obj_description(oid) from pg_class where relnamespace = 'intercom'::regnamespace"
    return schemas + sorted(deployment.query(relations), key=repr)


@pytest.mark.nightly
def test_a_check_that_fails_leaves_the_marts_as_they_were(deployment: PostgresDeployment) -> None:
    deployment.sync()
    before = standing(deployment), lasting(deployment)
    deployment.query("update intercom_raw.segment_scans set members = members + 1")

    with pytest.raises(ModelsFailed, match="members_after_a_scan_equal_the_log"):
        deployment.rebuild()

    assert (standing(deployment), lasting(deployment)) == before


@pytest.mark.nightly
def test_a_model_that_fails_leaves_the_marts_as_they_were(deployment: PostgresDeployment, sql: Path) -> None:
    deployment.sync()
    before = standing(deployment), lasting(deployment)
    change(sql / "marts" / "workspaces" / "sync_runs.sql", "api_calls", "api_costs as api_calls")

    with pytest.raises(ModelsFailed, match=r"model sync_runs could not be built.*api_costs"):
        deployment.rebuild(sql)

    assert (standing(deployment), lasting(deployment)) == before


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    """A copy of the project's SQL that a test may change."""
    return Path(shutil.copytree(SQL, tmp_path / "sql"))


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.nightly
def test_a_reader_never_waits_for_a_build(deployment: PostgresDeployment, sql: Path) -> None:
    deployment.sync()
    deployment.sync()  # loads the first run's row, without which the build would not ask for the lock
    held = "from runs cross join (select pg_advisory_xact_lock(1)) as held"
    change(sql / "marts" / "workspaces" / "sync_runs.sql", "from runs", held)

    with ThreadPoolExecutor() as pool, connected(deployment.address) as cursor:
        cursor.execute("select pg_advisory_lock(1)")
        build = pool.submit(deployment.rebuild, sql)
        while not (waits_for_the_test(cursor) or build.done()):
            time.sleep(0.01)
        cursor.execute(f"set statement_timeout = '{HANG_SECONDS}s'")  # a reader that waits for the build ends here
        for mart in MARTS:
            cursor.execute(f"select count(*) from intercom.{mart}")
        assert not build.done()
        cursor.execute("select pg_advisory_unlock(1)")

    assert build.exception() is None


def waits_for_the_test(cursor: Any) -> bool:
    cursor.execute("select count(*) > 0 from pg_locks where locktype = 'advisory' and not granted")
    return bool(cursor.fetchone()[0])


@pytest.mark.nightly
def test_a_reader_of_a_long_result_neither_stops_a_build_nor_loses_the_rest(deployment: PostgresDeployment) -> None:
    deployment.sync()
    spells = deployment.query("select * from intercom.segment_memberships")
    replaced = "select nspname from pg_namespace where nspname like 'intercom\\_replaced\\_%'"
    with connected(deployment.address) as cursor:
        cursor.execute(
            "begin; declare result cursor for select * from intercom.segment_memberships; fetch 10 in result"
        )
        begun = cursor.fetchall()

        deployment.workspace.live(days=1, churn=0.2)
        deployment.sync()
        cursor.execute("fetch all in result")
        ended = cursor.fetchall()

        assert begun + ended == spells
        assert len(deployment.query(replaced)) == 2  # the marts, and what they were built from
        assert deployment.members() == deployment.workspace.pairs()

    deployment.rebuild()

    assert deployment.query(replaced) == []


@pytest.mark.nightly
def test_grants_survive_a_build(deployment: PostgresDeployment) -> None:
    deployment.sync()
    deployment.query("create role analyst login; create role \"A; 'b'\" login")
    deployment.query("grant usage on schema intercom to analyst with grant option")
    deployment.query("grant select on intercom.segments, intercom.contacts to analyst, \"A; 'b'\", public")
    deployment.query("grant select (contact_id, entered_at) on intercom.segment_memberships to analyst")
    deployment.query("alter default privileges in schema intercom grant select on tables to analyst")
    before = grants(deployment)

    deployment.sync()
    deployment.sync()

    assert grants(deployment) >= before
    assert run(
        deployment.address.replace("postgres:", "analyst:", 1), "select count(*) > 0 from intercom.segment_daily"
    )


def grants(deployment: PostgresDeployment) -> set[Row]:
    said = (
        "select nspname, '', '', nspacl::text from pg_namespace where nspname = 'intercom' "
        "union all select relname, '', '', relacl::text from pg_class "
        "where relnamespace = 'intercom'::regnamespace and relname in ('segments', 'contacts') "
        "union all select 'segment_memberships', attname, '', attacl::text from pg_attribute "
        "where attrelid = 'intercom.segment_memberships'::regclass and attacl is not null "
        "union all select 'default', '', defaclobjtype::text, defaclacl::text from pg_default_acl"
    )
    return set(deployment.query(said))


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("create view reports.members as select * from intercom.current_segment_members", "view reports.members"),
        ("create materialized view reports.m as select * from intercom.segments", "materialized view reports.m"),
        ("create view intercom.members as select 1 as one", "view intercom.members"),
        ("create table intercom.notes (note text)", "table intercom.notes"),
        ("create function intercom.one() returns int language sql as 'select 1'", r"function intercom\.one\(\)"),
    ],
)
def test_what_others_made_of_the_marts_is_never_dropped(
    deployment: PostgresDeployment, statement: str, named: str
) -> None:
    deployment.sync()
    deployment.query("create schema reports")
    deployment.query(statement)
    before = standing(deployment), lasting(deployment)

    with pytest.raises(
        ModelsFailed, match=rf"would drop what it did not make itself: {named}\..*docs/destinations\.md"
    ):
        deployment.sync()

    assert (standing(deployment), lasting(deployment)) == before


@pytest.mark.nightly
def test_a_database_of_a_newer_release_is_left_as_it_is(deployment: PostgresDeployment) -> None:
    deployment.sync()
    run(deployment.address, "insert into intercom_raw._releases values ('99.0.0', %s)", FORMAT + 1)
    before = run(deployment.address, "select * from intercom_raw.segment_scans")

    with pytest.raises(Misconfigured, match=r"written by release 99\.0\.0"):
        deployment.sync()

    assert run(deployment.address, "select * from intercom_raw.segment_scans") == before


@pytest.mark.nightly
def test_choosing_one_model_builds_all(deployment: PostgresDeployment) -> None:
    deployment.sync()

    built = build_models(deployment.warehouse.pipeline("intercom"), ["segments"])

    assert set(built.models) == {model.name for model in MODELS}
    with pytest.raises(Misconfigured, match="No model is called members"):
        build_models(deployment.warehouse.pipeline("intercom"), ["members"])


# What can be wrong


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (None, "lack database, username, host"),
        (f"postgresql://someone:{PASSWORD}@", "lack database, host"),
        (f"someone {PASSWORD} somewhere", "cannot be understood"),
        (f"postgresql://someone:{PASSWORD}@127.0.0.1:port/db", "cannot be understood"),
    ],
)
def test_credentials_that_cannot_be_understood_are_refused_without_repeating_them(
    monkeypatch: pytest.MonkeyPatch, address: str | None, said: str
) -> None:
    if address:
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)

    with pytest.raises(Misconfigured, match=rf"{said}.*DESTINATION__POSTGRES__CREDENTIALS") as refused:
        configured_credentials()

    assert PASSWORD not in str(refused.value)


@pytest.fixture
def locked(server: Server) -> Iterator[None]:
    """A user with another password."""
    run(server.address(), "create role locked login password 'another'")
    yield
    run(server.address(), "drop role locked")


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize(
    ("user", "database", "said"),
    [
        ("locked", "postgres", "password authentication failed"),
        ("absent", "postgres", 'role "absent" does not exist'),
        ("postgres", "nowhere", 'database "nowhere" does not exist'),
    ],
)
def test_a_user_whom_the_server_refuses_is_a_matter_of_the_credentials(
    tmp_path: Path, server: Server, user: str, database: str, said: str
) -> None:
    warehouse = Warehouse(tmp_path, Postgres(credentials(server.address(database, user))))

    with pytest.raises(Misconfigured, match=f"{said}.*DESTINATION__POSTGRES__CREDENTIALS") as refused, warehouse.held():
        pass

    assert PASSWORD not in str(refused.value)


def test_an_option_that_libpq_does_not_know_is_a_matter_of_the_credentials(tmp_path: Path, server: Server) -> None:
    warehouse = Warehouse(tmp_path, Postgres(credentials(f"{server.address('postgres')}?colour={PASSWORD}")))

    with pytest.raises(Misconfigured, match="cannot be understood") as refused, warehouse.held():
        pass

    assert PASSWORD not in str(refused.value)


def test_a_user_who_may_not_create_schemas_is_advised_to_get_that_right(tmp_path: Path, server: Server) -> None:
    address = server.database()
    run(address, "create role guest login")
    guest = PostgresDeployment(
        tmp_path,
        Workspace(contacts=50, segments=2, start=START, monotonic=standing_still),
        address=address.replace("postgres:", "guest:", 1),
    )

    with pytest.raises(Misconfigured, match=r"The user guest may not.*permission denied.*create schemas"):
        guest.sync()


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        warehouse = Warehouse(tmp_path, Postgres(credentials(f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/db")))

        with pytest.raises(Unreachable, match=r"cannot be reached.*[Cc]onnection refused.*Try again") as gone:
            warehouse.held().__enter__()

    assert gone.value.exit_code == 4
    assert PASSWORD not in str(gone.value)


@pytest.mark.nightly
def test_a_server_that_goes_away_during_a_run_is_unavailable(deployment: PostgresDeployment, server: Server) -> None:
    deployment.sync()

    def shut_out(step: str) -> None:
        if step == "Loading":
            name = deployment.address.rpartition("/")[2]
            run(server.address(), f"alter database {name} allow_connections false")

    deployment.workspace.live(days=1, churn=0.2)
    with pytest.raises(Unreachable, match="not currently accepting connections"):
        deployment.sync(say=shut_out)

    run(server.address(), f"alter database {deployment.address.rpartition('/')[2]} allow_connections true")
    deployment.sync()
    assert deployment.members() == deployment.workspace.pairs()


@pytest.mark.nightly
@pytest.mark.parametrize(("port", "exit_code"), [(None, 2), (1, 4)], ids=["not loaded yet", "not there"])
def test_the_command_line_says_what_to_do_in_one_paragraph(
    tmp_path: Path, server: Server, port: int | None, exit_code: int
) -> None:
    address = server.database() if port is None else f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/db"
    environment = {
        "WAREHOUSE__DATA_DIR": str(tmp_path),
        "WAREHOUSE__DESTINATION": "postgres",
        "DESTINATION__POSTGRES__CREDENTIALS": address,
    }

    ended = subprocess.run(
        [Path(sys.executable).parent / "intercom-warehouse", "models"],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )

    assert ended.returncode == exit_code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert PASSWORD not in ended.stdout + ended.stderr


# Backfilling


@pytest.mark.nightly
def test_a_backfill_that_was_stopped_goes_on_and_leaves_the_cursor_where_it_was(deployment: PostgresDeployment) -> None:
    deployment.sync()
    before, cursor = deployment.query(PLAIN_CONTACTS), deployment.cursor()
    run(deployment.address, "delete from intercom_raw.contacts where updated_at <= %s", cursor)

    with pytest.raises(Stop):
        backfill(deployment, since=LONG_AGO, chunk=DAY * 365, say=stop_behind_a_chunk_of_contacts)
    in_between = deployment.query(PLAIN_CONTACTS)
    outcome = backfill(deployment, since=LONG_AGO, chunk=DAY * 365)

    assert len(in_between) < len(before)
    assert deployment.query(PLAIN_CONTACTS) == before
    assert 0 < outcome.contacts_loaded < len(before)
    assert deployment.cursor() == cursor
    assert deployment.query("select count(*) from intercom.contacts") == [(len(before),)]


def stop_behind_a_chunk_of_contacts(step: str) -> None:
    if isinstance(step, Step) and step.name == "chunk_loaded" and step.metrics["contacts"]:
        raise Stop


# Forgetting


@pytest.mark.nightly
@pytest.mark.parametrize("point", ["Removing", "Building", "Rewriting"])
def test_a_killed_forget_is_finished_when_it_is_run_again(deployment: PostgresDeployment, point: str) -> None:
    contact_id = min(deployment.workspace.contacts)
    deployment.workspace.update(contact_id, **personal())
    deployment.sync()
    counts = "select * from intercom.segment_daily order by 1, 2, 3"
    before = deployment.query(counts)

    process = PROCESSES.Process(target=die_forgetting, args=(deployment.folder, deployment.address, contact_id, point))
    process.start()
    process.join()
    forgotten = Forget(deployment.warehouse, contact_id=contact_id).run()

    assert process.exitcode == -signal.SIGKILL
    assert forgotten.was_interrupted
    assert {
        table for table in tables(deployment) for word in (CANARY, contact_id) if word in text_of(deployment, table)
    } == set()
    assert found_in(deployment.folder, [CANARY, contact_id]) == {}
    assert deployment.query(counts) == before


def die_forgetting(folder: Path, address: str, contact_id: str, point: str) -> None:
    use_project_config()
    warehouse = Warehouse(folder, Postgres(credentials(address)))
    Forget(warehouse, contact_id=contact_id, say=reporting_steps(Death(f"^say {point}"))).run()


def tables(deployment: PostgresDeployment) -> list[str]:
    names = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname like 'intercom%'"
    return [name for (name,) in run(deployment.address, names)]


def text_of(deployment: PostgresDeployment, table: str) -> str:
    return str(run(deployment.address, f"select rows::text from {table} as rows"))


@pytest.mark.nightly
def test_all_lists_equal_the_workspace(make_deployment: Callable[..., PostgresDeployment]) -> None:
    deployment = make_deployment(contacts=40, segments=2)
    deployment.settings.resources, deployment.settings.custom_objects = [ALL], ["Order"]

    for _ in range(3):
        deployment.workspace.live(days=1)
        deployment.workspace.live_lists(20)
        deployment.sync()

        assert different_tables(deployment) == []
    assert len(complete_tables(deployment)) == len(TABLES)
    marts = "select count(*) from information_schema.views where table_schema = 'intercom' and table_name = 'companies'"
    assert deployment.query(marts) == [(1,)]


@pytest.mark.nightly
def test_conversations_and_tickets_equal_the_workspace(make_deployment: Callable[..., PostgresDeployment]) -> None:
    deployment = make_deployment(contacts=20, segments=1, conversations=30, tickets=5)
    deployment.settings.resources = ["conversation_parts", "tickets"]
    deployment.sync()
    assert differences(deployment) == {}
    deployment.workspace.live_support(15)
    deployment.workspace.advance(hours=1)

    deployment.sync()

    assert differences(deployment, silent=False) == {}
    metrics = "select count(*), sum(part_count), bool_and(has_all_parts) from intercom.conversation_metrics"
    desk = deployment.workspace.desk
    assert deployment.query(metrics) == [
        (len(desk.conversations), sum(len(desk.parts[key]) for key in desk.conversations), True)
    ]
    teams = "select cast(sum(conversation_count) as bigint) from intercom.team_metrics"
    assert deployment.query(teams) == [(sum(bool(one["team_assignee_id"]) for one in desk.conversations.values()),)]
