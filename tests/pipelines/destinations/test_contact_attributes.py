"""`contact_attributes`: a typed column for each custom attribute, with every value, in each database."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.models.definitions import CONTACTS, Attribute, Place, noted_attributes
from sandbox.world import Workspace

from ...support.deployments import START, Deployment, standing_still
from ...support.postgres import NEEDS_POSTGRES
from .postgres_deployment import PostgresDeployment

HOSTILE: dict[str, Any] = {
    "with spaces": "kept",
    "with.dots": 1,
    'with "double" quotes': True,
    "with 'single' quotes": "it's",
    "with\\backslash": 2.5,
    "with/slash~and tilde": "pointer",
    "日本語": "値",
    "": "nothing",
    "workspace_id": "not Intercom's",
    "100%s {key} $1": "a template",
    "'; drop table contacts; --": -7,
    "Plan": "first",
    "plan": "second",
    "PLAN": "third",
    "x" * 80: "long",
    "é" * 40: "long in bytes",
    "created_at": 1_700_000_000,
    "list": [1, {"a": None}],
    "object": {"k": "v"},
    "too large": 10**30,
    "large": 10**17,
    "old_at": -1,
    "milliseconds_at": 1_700_000_000_000,
}


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=[*NEEDS_POSTGRES, pytest.mark.nightly])])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    workspace = Workspace(contacts=12, segments=2, start=START, monotonic=standing_still)
    if request.param == "duckdb":
        return Deployment(tmp_path / "data", workspace)
    address = request.getfixturevalue("server").database()
    return PostgresDeployment(tmp_path / "data", workspace, address=address)


def noted(deployment: Deployment) -> dict[str, Attribute]:
    with deployment.warehouse.pipeline(deployment.name).sql_client() as client:
        place = Place("intercom_raw", "intercom", deployment.warehouse.dialect)
        return {one.name: one for one in noted_attributes(client, place, CONTACTS)}


def values(deployment: Deployment, contact_id: str) -> dict[str, Any]:
    """The contact's values, by attribute."""
    attributes = noted(deployment)
    columns = ", ".join(f'"{one.column}"' for one in attributes.values())
    with deployment.warehouse.reading() as ask:
        (row,) = ask(f"select {columns} from intercom.contact_attributes where contact_id = '{contact_id}'")
    return {name: shown(value, one.type) for (name, one), value in zip(attributes.items(), row, strict=True)}


def shown(value: Any, kind: str) -> Any:
    """A value as Intercom sends it."""
    if isinstance(value, datetime):
        return int(value.astimezone(UTC).timestamp())
    return json.loads(value) if kind == "json" and isinstance(value, str) else value


def test_every_value_is_in_a_column_of_its_type_whatever_its_name_is(deployment: Deployment) -> None:
    contact_id = deployment.workspace.sign_up(custom_attributes=HOSTILE)

    deployment.sync()

    found = values(deployment, contact_id)
    assert {name: found[name] for name in HOSTILE} == HOSTILE | {"too large": str(10**30)}
    types = {name: one.type for name, one in noted(deployment).items()}
    assert types | {"created_at": "timestamp", "old_at": "timestamp", "milliseconds_at": "bigint"} == types
    assert types | {"list": "json", "too large": "text", "with.dots": "bigint"} == types
    assert [noted(deployment)[name].column for name in ("PLAN", "Plan", "workspace_id", "")] == [
        "plan_2",
        "plan_3",
        "workspace_id_2",
        "attribute",
    ]


def test_columns_stay_and_types_only_widen(deployment: Deployment) -> None:
    workspace = deployment.workspace
    first = workspace.sign_up(custom_attributes={"score": 1, "note": "a", "mixed": True, "due_at": 5, "nested": 1})
    deployment.sync()
    before = noted(deployment)

    workspace.encoding.change_fields(remove=["custom_attributes.note", "custom_attributes.favourite_quote"])
    second = workspace.sign_up(
        custom_attributes={"score": 1.5, "mixed": 3, "due_at": 10**12, "nested": [2], "Score": "other"}
    )
    deployment.sync(full=True)

    after = noted(deployment)
    assert {name: one.column for name, one in after.items()} == {
        **{name: one.column for name, one in before.items()},
        "Score": "score_2",
    }
    assert (after["note"], after["favourite_quote"]) == (before["note"], before["favourite_quote"])
    expected = {"score": 1, "mixed": "true", "due_at": "5", "nested": 1, "note": None, "Score": None}
    assert values(deployment, first) | expected == values(deployment, first)
    expected = {"score": 1.5, "mixed": "3", "due_at": str(10**12), "nested": [2], "Score": "other"}
    assert values(deployment, second) | expected == values(deployment, second)


def test_intercoms_list_decides_where_values_do_not(deployment: Deployment) -> None:
    deployment.workspace.attributes.define("never set", "float")
    deployment.workspace.attributes.define("archived", "date", archived=True)
    deployment.workspace.attributes.define("renewed_at", "integer")
    contact_id = deployment.workspace.sign_up(custom_attributes={"renewed_at": 1_700_000_000, "plan": "pro"})

    deployment.sync()

    types = {name: one.type for name, one in noted(deployment).items()}
    assert types | {"never set": "double", "archived": "timestamp", "renewed_at": "bigint", "plan": "text"} == types
    assert types | {"monthly_spend": "double", "sessions": "bigint", "trial_ends_at": "timestamp"} == types
    assert values(deployment, contact_id)["renewed_at"] == 1_700_000_000


def test_a_workspace_that_refuses_the_list_has_columns_by_values_alone(deployment: Deployment) -> None:
    deployment.workspace.attributes.define("never set", "float")
    deployment.workspace.attributes.is_refused = True

    outcome = deployment.sync()

    types = {name: one.type for name, one in noted(deployment).items()}
    assert outcome.exit_code == 0
    assert [note for note in outcome.notes if "data attributes" in note]
    assert "never set" not in types
    assert types | {"sessions": "bigint", "plan": "text", "preferences": "json"} == types
