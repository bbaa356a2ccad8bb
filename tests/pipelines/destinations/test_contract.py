"""What every destination in the registry promises, and what an unknown one gets."""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.alerts import Rule
from pipelines.commands.explain import Explain
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
from pipelines.errors import Busy, Misconfigured
from pipelines.settings import ROOT, warehouse_settings
from sandbox.world import Workspace

from ...support.deployments import START, Deployment, standing_still
from ...support.postgres import NEEDS_POSTGRES
from ...support.terminal import Terminal
from .postgres_deployment import PostgresDeployment

Make = Callable[[Path, Workspace], Deployment]
ENGINES = ("duckdb", "postgres")
DEMO = "display/demo.py"
"""Shows how to query the demo's file."""


@pytest.fixture(scope="module")
def make_duckdb() -> Make:
    return Deployment


@pytest.fixture(scope="module")
def make_postgres(request: pytest.FixtureRequest) -> Make:
    address = request.getfixturevalue("server").database()
    return lambda folder, workspace: PostgresDeployment(folder, workspace, address=address)


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=NEEDS_POSTGRES if name == "postgres" else ()) for name in DESTINATIONS],
)
def make(request: pytest.FixtureRequest) -> Make:
    """Makes deployments into one database. A destination without a fixture of its own is untested: an error."""
    made: Make = request.getfixturevalue(f"make_{request.param}")
    return made


@pytest.fixture(scope="module")
def deployed(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Three synced days of a workspace; the tests share it."""
    workspace = Workspace(contacts=80, segments=4, start=START, monotonic=standing_still)
    deployment = make(tmp_path_factory.mktemp("deployed") / "data", workspace)
    for _ in range(3):
        workspace.live(days=1, churn=0.2)
        deployment.sync()
    return deployment


def test_readers_see_the_workspace_and_a_sync_without_changes_leaves_their_rows(deployed: Deployment) -> None:
    memberships = f"select segment_id, contact_id from {MARTS}.current_segment_members"
    spells = f"select * from {MARTS}.segment_memberships"
    with deployed.warehouse.reading() as ask:
        before = sorted(map(repr, ask(spells)))

        assert {tuple(row) for row in ask(memberships)} == deployed.workspace.pairs()

    deployed.sync()

    with deployed.warehouse.reading() as ask:
        assert sorted(map(repr, ask(spells))) == before


def test_alerts_are_judged_in_its_marts(deployed: Deployment) -> None:
    before = Counter(segment_id for segment_id, _ in deployed.workspace.pairs())
    deployed.workspace.live(days=1, churn=0.5)

    alerts = deployed.sync(rules=(Rule("changed", members=0), Rule("stale", hours=1))).alerts

    now = Counter(segment_id for segment_id, _ in deployed.workspace.pairs())
    changed = {(one, before[one], now[one]) for one in deployed.workspace.segments if before[one] != now[one]}
    assert changed
    assert {(one.segment_id, one.members_before, one.members) for one in alerts} == changed


def test_a_contact_is_explained_by_its_log(deployed: Deployment) -> None:
    ((contact_id, left_at),) = deployed.query(
        "select contact_id, left_at from intercom.segment_memberships where leave_reason = 'left'"
        " order by left_at, contact_id limit 1"
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


def test_one_run_writes_at_a_time(deployed: Deployment, make: Make) -> None:
    elsewhere = make(deployed.folder, deployed.workspace)

    with deployed.warehouse.held(), pytest.raises(Busy), elsewhere.warehouse.held():
        pass
    with elsewhere.warehouse.held():
        pass


def test_rewriting_leaves_every_row(deployed: Deployment) -> None:
    def loaded() -> Any:
        with deployed.warehouse.pipeline(deployed.name).sql_client() as client:
            return client.execute_sql(f"select id, updated_at from {RAW}.contacts order by id")

    before = loaded()
    with deployed.warehouse.held():
        deployed.warehouse.rewrite(["contacts"])

    assert loaded() == before != []


@pytest.mark.parametrize("name", DESTINATIONS)
def test_a_dialect_claims_what_dlt_knows(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE__DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://user:password@localhost/database")
    destination: Destination = destination_named(name).configured(warehouse_settings())

    known = destination.dlt_destination().capabilities()

    assert destination.dialect.name == known.sqlglot_dialect
    assert known.supports_ddl_transactions  # both ways to swap marts need them


@pytest.mark.parametrize("name", ["snowflake", "filesystem", "postgresql"])
def test_an_unknown_destination_is_refused_with_the_list_of_those_there_are(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("WAREHOUSE__DESTINATION", name)

    with pytest.raises(Misconfigured, match=r"duckdb or postgres.*docs/destinations\.md"):
        warehouse_settings()


@pytest.mark.parametrize("command", ["sync", "status", "models", "check"])
def test_an_unknown_destination_is_refused_before_anything_is_written(terminal: Terminal, command: str) -> None:
    ended = terminal.run(command, WAREHOUSE__DESTINATION="snowflake")

    assert ended.exit_code == 2, ended.errors
    assert ended.is_one_paragraph
    assert "duckdb or postgres" in " ".join(ended.errors.split())
    assert not terminal.folder.exists()


def test_no_code_outside_the_destinations_names_an_engine() -> None:
    files = (path for path in (ROOT / "pipelines").rglob("*.py") if "destinations" not in path.parts)
    named = {
        f"{path.relative_to(ROOT / 'pipelines')}: {word}"
        for path in files
        for word in _words_of_code(ast.parse(path.read_text()))
        for engine in ENGINES
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
