"""What every destination in the registry promises, and what an unknown one gets."""

import ast
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.alerts import Rule
from pipelines.commands import Abort, Forget
from pipelines.commands.abort_pending import waiting_for
from pipelines.commands.explain import Explain
from pipelines.commands.repair import Repair
from pipelines.commands.status import StatusQuery
from pipelines.destinations import (
    DESTINATIONS,
    MARTS,
    RAW,
    Destination,
    columns,
    destination_named,
    relations,
    statement,
)
from pipelines.errors import Busy, ExitCode, Misconfigured
from pipelines.folder import LockRequest
from pipelines.loading.packages import Stuck
from pipelines.runs import build_models
from pipelines.settings import ROOT, warehouse_settings

from ...soak.kills import Death
from ...support.deployments import Deployment
from ...support.nightly import nightly_except
from ...support.personal_data import CANARY, personal
from ...support.postgres import NEEDS_POSTGRES
from ...support.snapshots import copied
from ...support.terminal import Terminal
from .sites import NEEDS_DUCKLAKE, Site, different_marts, live, lived, members, plain_row, spoil, sync_and_die, syncing

MARKS: dict[str, Any] = {
    "duckdb": [pytest.mark.xdist_group("postgres")],  # so that one process makes what all are compared with
    "postgres": NEEDS_POSTGRES,
    "ducklake": [NEEDS_DUCKLAKE, pytest.mark.xdist_group("postgres")],
    "ducklake in postgres": [NEEDS_DUCKLAKE, *NEEDS_POSTGRES],
}
DAYS = 5
DEMO = "display/demo.py"
"""Shows how to query the demo's file."""
FIRST_MODELS = r"^function \S*execute_many"


def new_site(destination: str, folder: Path, request: pytest.FixtureRequest) -> Site:
    address = request.getfixturevalue("server").database() if "postgres" in destination else ""
    return Site(destination.partition(" ")[0], folder / "data", address)


@pytest.fixture(scope="module", params=[pytest.param(name, marks=marks) for name, marks in MARKS.items()])
def destination(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def site(destination: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Site:
    return new_site(destination, tmp_path_factory.mktemp("site"), request)


@pytest.fixture(scope="module")
def twins(site: Site, tmp_path_factory: pytest.TempPathFactory) -> tuple[Deployment, Deployment]:
    """Five days of a workspace, synced into the destination and into a DuckDB file at the same instants."""

    def in_a_file(folder: Path) -> Path:
        return copied("five days", lambda made: sync_daily(Site("duckdb", made)), folder)

    if site.destination == "duckdb":
        in_a_file(site.folder)
    else:
        sync_daily(site)
    file = in_a_file(tmp_path_factory.mktemp("twin") / "data")
    return site.deployment(lived(DAYS)), Deployment(file, lived(DAYS))


def sync_daily(site: Site) -> None:
    workspace = lived(0)
    for _ in range(DAYS):
        live(workspace)
        assert site.deployment(workspace).job().run().exit_code == ExitCode.DONE


@pytest.fixture(scope="module")
def differing(twins: tuple[Deployment, Deployment]) -> dict[str, int]:
    """How the marts differ, before any test has changed them; those of the DuckDB file are all built again."""
    ours, theirs = twins
    with theirs.warehouse.held():
        build_models(theirs.warehouse.pipeline(theirs.name))
        theirs.warehouse.publish((), list[str]().append)
    return different_marts(ours.warehouse, theirs.warehouse)


@pytest.fixture
def deployed(twins: tuple[Deployment, Deployment], differing: dict[str, int]) -> Deployment:
    """The deployment that the tests share. Each leaves it equal to its workspace."""
    assert differing is not None, "compared before a test changes it"
    return twins[0]


def test_each_destination_of_the_registry_is_tested() -> None:
    assert DESTINATIONS.keys() <= MARKS.keys()


def test_all_marts_have_the_rows_that_a_whole_build_in_a_duckdb_file_has(differing: dict[str, int]) -> None:
    assert differing == {}


def test_a_sync_without_changes_leaves_every_spell(deployed: Deployment) -> None:
    def spells() -> list[str]:
        with deployed.warehouse.reading() as ask:
            return sorted(repr(plain_row(row)) for row in ask(f"select * from {MARTS}.segment_memberships"))

    before = spells()
    deployed.sync()

    assert spells() == before != []
    assert members(deployed.warehouse) == deployed.workspace.pairs()


def test_status_knows_the_segments_and_their_members(deployed: Deployment) -> None:
    answer = StatusQuery(deployed.warehouse, deployed.workspace.now()).answer()

    assert answer.unread is None
    (one,) = answer.workspaces
    assert (one.segments, one.members) == (len(deployed.workspace.segments), len(deployed.workspace.pairs()))


def test_alerts_are_judged_in_its_marts(deployed: Deployment) -> None:
    before = Counter(segment_id for segment_id, _ in deployed.workspace.pairs())
    deployed.workspace.live(days=1, churn=0.5)

    alerts = deployed.sync(rules=(Rule("changed", members=0), Rule("stale", hours=1))).alerts

    now = Counter(segment_id for segment_id, _ in deployed.workspace.pairs())
    changed = {(one, before[one], now[one]) for one in deployed.workspace.segments if before[one] != now[one]}
    assert changed
    assert {(one.segment_id, one.members_before, one.members) for one in alerts} == changed


def test_a_contact_is_explained_by_its_log(deployed: Deployment) -> None:
    with deployed.warehouse.reading() as ask:
        ((contact_id, left_at),) = ask(
            f"select contact_id, left_at from {MARTS}.segment_memberships where leave_reason = 'left' "
            "order by left_at, contact_id limit 1"
        )

    explained = Explain(deployed.warehouse, contact_id).run()

    spells = {spell.left_at: spell for story in explained.segments for spell in story.spells}
    assert explained.has_log
    assert [one and one.seen_how for one in (spells[left_at].entry, spells[left_at].exit)] == ["page", "lookup"]
    assert all(spell.entry and spell.entry.scan for spell in spells.values())
    with pytest.raises(Misconfigured, match="has no contact with that"):
        Explain(deployed.warehouse, "it's 100% {contact} \\ unknown?").run()


def test_the_workspace_is_as_fresh_as_the_run_just_made(deployed: Deployment) -> None:
    deployed.sync()

    with deployed.warehouse.reading() as ask:
        (found,) = ask(f"select name, region, timezone, last_observed_at from {MARTS}.workspaces")

    workspace = deployed.workspace
    assert tuple(found[:3]) == (f"Sandbox {workspace.workspace_id}", workspace.region, workspace.timezone)
    assert found[3] == workspace.now()


def test_every_model_is_there_and_the_catalog_knows_its_columns(deployed: Deployment) -> None:
    with deployed.warehouse.pipeline(deployed.name).sql_client() as client:
        found = relations(client.execute_sql, deployed.warehouse.dialect, MARTS)
        types = {
            column.name: column.type
            for column in columns(client.execute_sql, deployed.warehouse.dialect, RAW)
            if column.table == "contacts"
        }

    assert (found["segments"], found["contacts"]) == ("table", "view")
    assert {types["name"], types["custom_attributes"]} <= deployed.warehouse.dialect.text_types


def test_statements_with_reserved_words_run(deployed: Deployment) -> None:
    dialect, schema = deployed.warehouse.dialect, {"schema": "order"}
    with deployed.warehouse.pipeline(deployed.name).sql_client() as client:
        client.execute_sql(statement(dialect, "create schema {schema}", **schema))
        client.execute_sql(statement(dialect, 'create table {schema}.{table} ("group" text)', table="user", **schema))
        client.execute_sql(statement(dialect, "insert into {schema}.{table} values (?)", table="user", **schema), "a")
        counted = statement(
            dialect,
            'select count(*) as "all", "group" from {schema}.{table} as rows group by "group"',
            table="user",
            **schema,
        )

        assert [tuple(row) for row in client.execute_sql(counted) or ()] == [(1, "a")]


def test_one_run_writes_at_a_time(deployed: Deployment, site: Site) -> None:
    elsewhere = site.elsewhere().deployment(deployed.workspace)

    with deployed.warehouse.held(), pytest.raises(Busy), elsewhere.warehouse.held():
        pass
    with elsewhere.warehouse.held():
        pass


def test_a_second_run_waits_for_the_first(deployed: Deployment, site: Site) -> None:
    elsewhere, told = site.elsewhere().deployment(deployed.workspace), list[str]()

    with ExitStack() as before:
        before.enter_context(deployed.warehouse.held())
        request = LockRequest(
            "sync", "b", wait=timedelta(minutes=1), say=told.append, sleep=lambda _: before.close(), monotonic=lambda: 0
        )
        with elsewhere.warehouse.held(request), pytest.raises(Busy), deployed.warehouse.held():
            pass

    assert len(told) == 1
    assert told[0].startswith("Waiting 1 minute at most: ")


def test_rewriting_leaves_every_row(deployed: Deployment) -> None:
    def loaded() -> Any:
        with deployed.warehouse.pipeline(deployed.name).sql_client() as client:
            return client.execute_sql(f"select id, updated_at from {RAW}.contacts order by id")

    before = loaded()
    with deployed.warehouse.held():
        deployed.warehouse.rewrite(["contacts"])

    assert loaded() == before != []


@pytest.mark.nightly
def test_of_two_syncs_at_once_one_writes_and_the_other_ends_as_busy(
    destination: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    site = new_site(destination, tmp_path, request)
    processes = [syncing(one, 1, Death("^never$")) for one in (site, site.elsewhere())]
    for process in processes:
        process.join()

    assert sorted(process.exitcode or 0 for process in processes) in ([0, 0], [0, ExitCode.BUSY])
    first = site.deployment(lived(1))
    assert members(first.warehouse) == first.workspace.pairs()
    with first.warehouse.pipeline(first.name).sql_client() as client:
        runs = client.execute_sql(f"select count(distinct run_id) from {RAW}.membership_changes")
    assert runs == [(1,)]


def test_a_package_that_cannot_be_loaded_is_dropped_and_read_again(deployed: Deployment) -> None:
    live(deployed.workspace)
    changes: list[int | None] = []

    def interfere(step: str) -> None:
        if step == "Loading":
            pipeline = deployed.warehouse.pipeline(deployed.name)
            pipeline.normalize()
            (file,) = Path(pipeline.working_dir).rglob("new_jobs/membership_changes.*")
            changes.append(waiting_for(pipeline).packages[0].rows["membership_changes"])
            spoil(file)

    with pytest.raises(Stuck, match=r"membership_changes: .*abort-pending"):
        deployed.sync(say=interfere)
    aborted = Abort(deployed.warehouse, deployed.name, confirm=lambda _: True, clock=deployed.workspace.now).run()
    outcome = deployed.sync()

    assert aborted.is_dropped
    assert changes == [outcome.joins + outcome.leaves]
    assert members(deployed.warehouse) == deployed.workspace.pairs()


def test_without_a_run_the_next_sync_equals_the_workspace(deployed: Deployment) -> None:
    live(deployed.workspace)
    run_id = deployed.sync().run_id

    repaired = Repair(deployed.warehouse, deployed.name, run_id=run_id, clock=deployed.workspace.now).run()
    deployed.sync()

    assert [run.run_id for run in repaired.runs] == [run_id]
    assert members(deployed.warehouse) == deployed.workspace.pairs()


def test_a_forgotten_person_is_nowhere_and_all_counts_are_as_they_were(deployed: Deployment, site: Site) -> None:
    workspace = deployed.workspace
    contact_id = min(workspace.contacts)
    workspace.update(contact_id, **personal())
    workspace.update(max(workspace.contacts), custom_attributes={"referred_by": contact_id})
    deployed.sync()
    with deployed.warehouse.reading() as ask:
        before = sorted(map(plain_row, ask(f"select * from {MARTS}.segment_daily")))
    held = site.holding([CANARY]), site.holding([contact_id])

    forgotten = Forget(deployed.warehouse, contact_id=contact_id).run()

    assert forgotten.rows["contacts"] == 2
    assert all(held)
    assert site.holding([CANARY, contact_id]) == set()
    with deployed.warehouse.reading() as ask:
        assert sorted(map(plain_row, ask(f"select * from {MARTS}.segment_daily"))) == before
    assert deployed.sync(full=True).exit_code == ExitCode.DONE
    assert members(deployed.warehouse) == workspace.pairs()


@pytest.mark.parametrize("number", nightly_except([1, 5, 8], 5))
def test_readers_keep_the_marts_of_the_last_run_when_the_next_is_killed_and_the_one_after_makes_up_for_it(
    destination: str, number: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    site = new_site(destination, tmp_path, request)
    first = site.deployment(lived(1))
    first.sync()

    ended = sync_and_die(site, 2, Death(FIRST_MODELS, number))

    assert ended == -signal.SIGKILL
    assert members(first.warehouse) == first.workspace.pairs()
    last = site.deployment(lived(2))
    last.workspace.advance(seconds=2)
    last.sync()
    assert members(last.warehouse) == last.workspace.pairs()


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS[name]) for name in DESTINATIONS])
def test_a_dialect_claims_what_dlt_knows(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE__DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://user:password@localhost/database")
    destination: Destination = destination_named(name).configured(warehouse_settings())

    known = destination.dlt_destination().capabilities()

    assert destination.dialect.name == known.sqlglot_dialect
    assert known.supports_ddl_transactions or destination.dialect.swap == "repoint"


@pytest.mark.parametrize("name", ["snowflake", "filesystem", "postgresql"])
def test_an_unknown_destination_is_refused_with_the_list_of_those_there_are(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("WAREHOUSE__DESTINATION", name)

    with pytest.raises(Misconfigured, match=r"duckdb or ducklake or postgres.*docs/destinations\.md"):
        warehouse_settings()


@pytest.mark.parametrize("command", ["sync", "status", "models", "check"])
def test_an_unknown_destination_is_refused_before_anything_is_written(terminal: Terminal, command: str) -> None:
    ended = terminal.run(command, WAREHOUSE__DESTINATION="snowflake")

    assert ended.exit_code == 2, ended.errors
    assert ended.is_one_paragraph
    assert "duckdb or ducklake or postgres" in " ".join(ended.errors.split())
    assert not terminal.folder.exists()


def test_no_code_outside_the_destinations_names_an_engine() -> None:
    files = (path for path in (ROOT / "pipelines").rglob("*.py") if "destinations" not in path.parts)
    named = {
        f"{path.relative_to(ROOT / 'pipelines')}: {word}"
        for path in files
        for word in _words_of_code(ast.parse(path.read_text()))
        for engine in DESTINATIONS
        if engine in word.lower()
    }

    assert {place for place in named if not place.startswith(DEMO)} == set()


def _words_of_code(tree: ast.Module) -> Iterator[str]:
    """Names, and strings without spaces: docstrings and messages are prose."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.alias(name=word) | ast.Constant(value=str(word)):
                if " " not in word:
                    yield word
            case ast.FunctionDef(name=word) | ast.ClassDef(name=word) | ast.ImportFrom(module=str(word)):
                yield word
