"""Views in the form of another tool's tables: their columns, types and rows, and what becomes of their schema."""

import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.commands import Forget
from pipelines.destinations import Warehouse
from pipelines.destinations.duckdb import DuckDB
from pipelines.errors import ModelsFailed
from pipelines.settings import ROOT
from sandbox.world import Workspace

from ...support.deployments import START, Deployment, after_first_run, standing_still
from ...support.fivetran import SCHEMA, TABLES, differences
from ...support.personal_data import found_in

REFERENCE = ROOT.parent / "shared" / "reference" / "fivetran-tables.md"
TYPES = {"string": "VARCHAR", "int": "BIGINT", "float": "DOUBLE", "boolean": "BOOLEAN", "timestamp": "TIMESTAMP"}
TEXTS = {
    "admin": {"job_title"},
    "company_history": {"industry", "plan_id", "plan_name", "website"},
    "conversation_history": {"conversation_rating_remark", "sla_name", "sla_status"},
}
"""Columns that are numbers in the reference, and texts in Intercom. The package takes any type there."""
LOADED = {"company_tag_history", "contact_tag_history", "conversation_tag_history"}
"""Tables in which `_fivetran_synced` is a text in the reference, or absent: dbt reads it as a time in all sources."""
SIZES: dict[str, Any] = {"contacts": 40, "segments": 2, "companies": 8, "articles": 6, "conversations": 30}


def with_views(folder: Path, *resources: str, **sizes: int) -> Deployment:
    workspace = Workspace(start=START, monotonic=standing_still, **(SIZES | sizes))
    deployment = Deployment(folder, workspace, resources=resources)
    deployment.warehouse.compatibility = ("fivetran",)
    return deployment


def types_of(table: str) -> dict[str, str]:
    texts = TEXTS.get(table, set())
    types = {name: "VARCHAR" if name in texts else TYPES[kind] for name, kind in TABLES[table].items()}
    return types | ({"_fivetran_synced": "TIMESTAMP"} if table in LOADED else {})


def shape(deployment: Deployment) -> dict[str, dict[str, str]]:
    """The columns of each relation in the schema, with their types."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in deployment.query(
        "select table_name, column_name, data_type from information_schema.columns where table_schema = ?", SCHEMA
    ):
        found.setdefault(table, {})[column] = kind
    return found


def test_tables_are_those_of_the_reference() -> None:
    if not REFERENCE.exists():
        pytest.skip("the reference is not beside this clone; the other tests compare with fivetran_tables.yml")
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)

    assert {table: dict(re.findall(r"(\w+) \((\w+)\)", columns)) for table, columns in rows} == TABLES


def test_views_of_lists_that_are_not_read_have_no_rows(tmp_path: Path) -> None:
    deployment = after_first_run("views", with_views, tmp_path / "data")

    assert shape(deployment) == {table: types_of(table) for table in TABLES}
    filled = {table for table in TABLES if deployment.query(f"select 1 from {SCHEMA}.{table} limit 1")}
    assert filled == {"contact_history", "contact_company_history", "contact_tag_history"}


def test_rows_are_those_of_the_workspace_through_a_day(tmp_path: Path) -> None:
    deployment = with_views(tmp_path / "data", "all")
    workspace = deployment.workspace
    deployment.sync()
    assert differences(deployment) == {}
    assert shape(deployment) == {table: types_of(table) for table in TABLES}
    for _ in range(20):
        workspace.advance(minutes=40)
        workspace.live_support(2)
        workspace.live_lists(2)
    workspace.advance(days=8)

    deployment.sync(full=True)

    assert differences(deployment) == {}
    for table in TABLES:
        assert deployment.query(f"select count(*) - count(_fivetran_synced) from {SCHEMA}.{table}") == [(0,)]
    gone = deployment.query(f"select id from {SCHEMA}.tag where _fivetran_deleted")
    assert gone == deployment.query("select cast(tag_id as bigint) from intercom.tags where is_deleted")


@pytest.mark.nightly
def test_lists_fill_the_views_once_they_are_read(tmp_path: Path) -> None:
    deployment = with_views(tmp_path / "data")
    deployment.sync()

    deployment.settings.resources = ["conversations"]
    deployment.sync()

    assert deployment.query(f"select count(*) from {SCHEMA}.conversation_history") == [(30,)]
    assert deployment.query(f"select count(*) from {SCHEMA}.conversation_part_history") == [(0,)]


def test_an_id_that_is_no_number_is_null(tmp_path: Path) -> None:
    deployment = with_views(tmp_path / "data", "tags", conversations=0)
    deployment.workspace.lists["tags"].put({"type": "tag", "id": "not-a-number", "name": "Odd"})

    deployment.sync()

    assert deployment.query(f"select id from {SCHEMA}.tag where name = 'Odd'") == [(None,)]


def test_the_schema_goes_with_the_setting(tmp_path: Path) -> None:
    deployment = after_first_run("views", with_views, tmp_path / "data")

    deployment.warehouse.compatibility = ()
    deployment.sync()

    there = deployment.query("select count(*) from information_schema.schemata where schema_name = ?", SCHEMA)
    assert there == [(0,)]


@pytest.mark.nightly
def test_a_schema_of_others_stays_as_it_is(tmp_path: Path) -> None:
    deployment = with_views(tmp_path / "data")
    deployment.warehouse.compatibility = ()
    deployment.sync()
    with deployment.warehouse.pipeline(deployment.name).sql_client() as client:
        client.execute_many([f"create schema {SCHEMA}", f"create table {SCHEMA}.admin as select 1 as id"])
    deployment.sync()
    deployment.warehouse.compatibility = ("fivetran",)

    with pytest.raises(ModelsFailed, match=r"holds what it did not make: intercom_fivetran\.admin"):
        deployment.sync()

    deployment.warehouse.compatibility = ()
    deployment.sync()
    assert deployment.query(f"select id from {SCHEMA}.admin") == [(1,)]


@pytest.mark.nightly
def test_a_copy_of_the_marts_alone_has_the_views_as_tables(tmp_path: Path) -> None:
    deployment = with_views(tmp_path / "data", "conversations", "tags")
    folder = tmp_path / "data"
    deployment.warehouse = Warehouse(folder, DuckDB(folder, publish_raw=False), compatibility=("fivetran",))

    deployment.sync()

    assert shape(deployment) == {table: types_of(table) for table in TABLES}
    assert deployment.query(f"select count(*) from {SCHEMA}.conversation_history") == [(30,)]
    raw = "select count(*) from information_schema.tables where table_schema = 'intercom_raw'"
    assert deployment.query(raw) == [(0,)]


def test_a_forgotten_person_is_in_no_view(tmp_path: Path) -> None:
    deployment = with_views(tmp_path / "data", "conversation_parts")
    person = next(iter(deployment.workspace.contacts))
    deployment.workspace.update(person, name="Ann of Nowhere")
    deployment.sync()

    Forget(deployment.warehouse, deployment.name, clock=deployment.workspace.now, contact_id=person).run()

    assert found_in(deployment.folder, [person, "Ann of Nowhere"]) == {}
    assert shape(deployment) == {table: types_of(table) for table in TABLES}
