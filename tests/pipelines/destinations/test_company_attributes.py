"""`company_attributes`: a typed column for each custom attribute of companies, in each database."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.world import Workspace
from sources.intercom.readings import NO_ATTRIBUTES

from ...support.deployments import START, Deployment, standing_still
from ...support.postgres import NEEDS_POSTGRES
from .postgres_deployment import PostgresDeployment


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=[*NEEDS_POSTGRES, pytest.mark.nightly])])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    workspace = Workspace(contacts=12, segments=2, companies=5, start=START, monotonic=standing_still)
    if request.param == "duckdb":
        return Deployment(tmp_path / "data", workspace, resources=("companies",))
    address = request.getfixturevalue("server").database()
    return PostgresDeployment(tmp_path / "data", workspace, resources=("companies",), address=address)


def set_attributes(deployment: Deployment, **attributes: Any) -> str:
    """Changes the custom attributes of a company. Returns its id."""
    companies = deployment.workspace.lists["companies"]
    company_id = min(companies.of())
    changed = {"custom_attributes": attributes, "updated_at": int(deployment.workspace.now().timestamp())}
    companies.put(companies.of()[company_id] | changed)
    return company_id


def row_of(deployment: Deployment, company_id: str) -> dict[str, Any]:
    with deployment.warehouse.reading() as ask:
        names = [
            name
            for (name,) in ask(
                "select column_name from information_schema.columns "
                "where table_schema = 'intercom' and table_name = 'company_attributes'"
            )
        ]
        columns = ", ".join(f'"{name}"' for name in names)
        (row,) = ask(f"select {columns} from intercom.company_attributes where company_id = '{company_id}'")
    return dict(zip(names, row, strict=True)) | {"workspace_id": None, "company_id": None}


FIXED = {"workspace_id": None, "company_id": None}


def test_each_value_is_in_a_column_of_its_type(deployment: Deployment) -> None:
    deployment.workspace.attributes.define("never set", "float", model="company")
    company_id = set_attributes(
        deployment, score=3, renews_at=1_700_000_000, **{"Company id": "theirs", "company_id": 7}
    )

    deployment.sync()

    assert row_of(deployment, company_id) == FIXED | {
        "score": 3,
        "renews_at": datetime.fromtimestamp(1_700_000_000, UTC),
        "account_manager": None,
        "never_set": None,
        "company_id_2": 7,
        "company_id_3": "theirs",
    }


def test_columns_stay_and_new_ones_come_with_the_companies_that_have_them(deployment: Deployment) -> None:
    company_id = set_attributes(deployment, score=3)
    deployment.sync()
    before = row_of(deployment, company_id)
    deployment.workspace.advance(hours=2)
    set_attributes(deployment, score=2.5, tier="gold")

    deployment.sync()

    assert row_of(deployment, company_id) == before | {"score": 2.5, "tier": "gold"}


def test_contacts_have_attributes_of_their_own(deployment: Deployment) -> None:
    set_attributes(deployment, score=3)

    deployment.sync()

    with deployment.warehouse.reading() as ask:
        listed = set(ask("select distinct model, full_name from intercom.data_attributes"))
    assert ("company", "custom_attributes.score") in listed
    assert ("contact", "custom_attributes.score") not in listed
    assert {("contact", "name"), ("company", "name")} <= listed


def test_there_is_no_such_mart_where_companies_are_not_read(tmp_path: Path) -> None:
    deployment = Deployment(
        tmp_path / "data", Workspace(contacts=12, segments=2, start=START, monotonic=standing_still)
    )

    deployment.sync()

    with deployment.warehouse.reading() as ask:
        names = {name for (name,) in ask("select table_name from information_schema.tables")}
        models = set(ask("select distinct model from intercom.data_attributes"))
    assert "company_attributes" not in names
    assert models == {("contact",)}


def test_lists_that_are_refused_are_one_note(tmp_path: Path) -> None:
    workspace = Workspace(contacts=12, segments=2, companies=5, start=START, monotonic=standing_still)
    deployment = Deployment(tmp_path / "data", workspace, resources=("companies",))
    workspace.attributes.is_refused = True

    outcome = deployment.sync()

    assert outcome.exit_code == 0
    assert [note for note in outcome.notes if "data attributes" in note] == [NO_ATTRIBUTES]
