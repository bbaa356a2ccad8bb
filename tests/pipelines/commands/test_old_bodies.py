"""With `keep_bodies_for`, what people wrote longer ago is in no table and in no file, and what happened stays."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.destinations import Warehouse
from pipelines.destinations.duckdb import DuckDB
from sandbox.people import DAY_SECONDS, Json
from sources.intercom.api import SetupError
from sources.intercom.catalog import TABLES

from ...support.deployments import Deployment, lively_workspace
from ...support.desks import support_deployment
from ...support.postgres import NEEDS_POSTGRES
from ..destinations.sites import NEEDS_DUCKLAKE, Site

KEPT_DAYS = 90
MARKS: dict[str, Any] = {"postgres": NEEDS_POSTGRES, "ducklake": [NEEDS_DUCKLAKE]}
WRITTEN = {
    "conversations": ("conversation_id", "source_body"),
    "conversation_parts": ("part_id", "body"),
    "tickets": ("ticket_id", "description"),
    "ticket_parts": ("part_id", "body"),
}
HAPPENED = """
    select conversation_id, part_count, contact_reply_count, admin_reply_count, seconds_to_first_admin_reply
    from intercom.conversation_metrics
"""


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    made = support_deployment(
        tmp_path / "data", "conversation_parts", "tickets", has_marts=True, conversations=60, tickets=20
    )
    for number, ticket in enumerate(made.workspace.desk.tickets):
        made.workspace.desk.comment(ticket, now(made) - number * 10 * DAY_SECONDS)
    return made


def now(deployment: Deployment) -> int:
    return int(deployment.workspace.now().timestamp())


def records(deployment: Deployment) -> dict[str, list[tuple[str, Json, Any]]]:
    """By table the id of each row, its record in the workspace, and what was written in it."""
    desk = deployment.workspace.desk
    of_tickets = [part for key in desk.tickets for part in desk.parts[key]]
    of_conversations = [part for key in desk.conversations for part in desk.parts[key]]
    described = "_default_description_"
    return {
        "conversations": [(key, one, one["source"]["body"]) for key, one in desk.conversations.items()],
        "conversation_parts": [(one["id"], one, one["body"]) for one in of_conversations],
        "tickets": [(key, one, one["ticket_attributes"][described]) for key, one in desk.tickets.items()],
        "ticket_parts": [(one["id"], one, one["body"]) for one in of_tickets],
    }


def kept(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """By table what each row should hold."""
    limit = now(deployment) - KEPT_DAYS * DAY_SECONDS
    return {
        table: {key: text if one["created_at"] >= limit else None for key, one, text in rows}
        for table, rows in records(deployment).items()
    }


def held(deployment: Deployment, schema: str = "intercom") -> dict[str, dict[str, Any]]:
    found = {}
    with deployment.warehouse.reading() as ask:
        for table, (key, body) in WRITTEN.items():
            name = "id" if schema == "intercom_raw" and table in ("conversations", "tickets") else key
            found[table] = dict(map(tuple, ask(f"select {name}, {body} from {schema}.{table}")))
    return found


def old_texts(deployment: Deployment) -> Iterator[str]:
    limit = now(deployment) - KEPT_DAYS * DAY_SECONDS
    for rows in records(deployment).values():
        yield from (text for _, one, text in rows if text and one["created_at"] < limit)


def test_what_is_too_old_is_never_written(deployment: Deployment) -> None:
    deployment.settings.keep_bodies_for = f"{KEPT_DAYS}d"

    deployment.sync()

    assert held(deployment) == kept(deployment)
    texts = set(old_texts(deployment))
    files = [path.read_bytes() for path in deployment.folder.rglob("*") if path.is_file()]
    assert len(texts) > 20
    assert not [text for text in texts if any(text.encode() in file for file in files)]


def test_each_sync_clears_what_has_become_too_old(deployment: Deployment) -> None:
    deployment.sync()
    everything, happened = held(deployment), deployment.query(HAPPENED)
    assert everything == {table: {key: text for key, _, text in rows} for table, rows in records(deployment).items()}
    deployment.settings.keep_bodies_for = f"{KEPT_DAYS}d"

    deployment.sync()

    assert held(deployment) == held(deployment, "intercom_raw") == kept(deployment) != everything
    assert sorted(deployment.query(HAPPENED)) == sorted(happened)
    before = kept(deployment)
    for days in (1, 30, 8):  # the last two read everything again
        deployment.workspace.advance(days=days)
        deployment.sync(full=days == 8)
        assert held(deployment) == kept(deployment)
    assert kept(deployment) != before


@pytest.mark.nightly
def test_a_copy_of_the_marts_alone_holds_none_of_it(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", "conversations", has_marts=True, conversations=40, tickets=0)
    folder = tmp_path / "data"
    deployment.warehouse = Warehouse(folder, DuckDB(folder, publish_raw=False))
    deployment.sync()
    deployment.settings.keep_bodies_for = f"{KEPT_DAYS}d"

    deployment.sync()

    texts, copy = set(old_texts(deployment)), deployment.warehouse.published.read_bytes()
    of_sources = {text for text in texts if text.startswith("<p>First message")}
    assert len(of_sources) > 10
    assert not [text for text in of_sources if text.encode() in copy]


@pytest.mark.nightly
def test_attributes_of_old_tickets_stay_without_title_and_description(deployment: Deployment) -> None:
    deployment.sync()
    deployment.settings.keep_bodies_for = "1d"

    deployment.workspace.advance(days=300)
    deployment.sync()

    rows = deployment.query("select ticket_attributes, title from intercom.tickets")
    assert {(tuple(json.loads(attributes)), title) for attributes, title in rows} == {(("Progress",), None)}


def test_hashes_of_old_bodies_are_cleared_too(deployment: Deployment) -> None:
    deployment.settings.hash_columns = ["conversation_parts.body", "tickets.ticket_attributes"]
    deployment.settings.hash_key = "0123456789abcdef0123456789ABCDEF"
    deployment.settings.keep_bodies_for = f"{KEPT_DAYS}d"

    deployment.sync()

    bodies, wanted = held(deployment)["conversation_parts"], kept(deployment)["conversation_parts"]
    assert {key: body is None for key, body in bodies.items()} == {key: text is None for key, text in wanted.items()}
    assert deployment.query("select count(*) from intercom.tickets where ticket_attributes is null") == [(0,)]


def test_a_text_that_is_not_a_duration_is_refused(deployment: Deployment) -> None:
    deployment.settings.base_url, deployment.settings.keep_bodies_for = None, "three months"

    with pytest.raises(SetupError, match=r"keep_bodies_for is 'three months', which is not a duration\. Set it to 90d"):
        deployment.settings.on_resolved()


def test_columns_of_bodies_exist() -> None:
    for table in TABLES.values():
        assert {name.partition(".")[0] for name in table.bodies} <= {*table.columns, "_extra"}
        assert not table.bodies or "created_at" in table.columns


@pytest.mark.nightly
@pytest.mark.parametrize("destination", [pytest.param(name, marks=marks) for name, marks in MARKS.items()])
def test_other_destinations_keep_the_same(destination: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    address = request.getfixturevalue("server").database() if destination == "postgres" else ""
    workspace = lively_workspace(contacts=10, segments=1, conversations=40, tickets=12)
    deployment = Site(destination, tmp_path / "data", address).deployment(workspace)
    deployment.settings.resources = ["conversation_parts", "tickets"]
    deployment.sync()
    deployment.settings.keep_bodies_for = f"{KEPT_DAYS}d"
    workspace.advance(days=88)

    deployment.sync()

    assert held(deployment) == held(deployment, "intercom_raw") == kept(deployment)
    with deployment.warehouse.reading() as ask:
        attributes = [row[0] for row in ask("select cast(ticket_attributes as text) from intercom.tickets")]
    assert {tuple(json.loads(one or "{}")) for one in attributes} >= {()}
