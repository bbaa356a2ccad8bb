"""A person who is forgotten is in no conversation and no ticket; what others wrote stays."""

from pathlib import Path
from typing import Any

import duckdb

from pipelines.commands import Forget, Forgotten
from pipelines.loading.contact_rows import FORMER

from ...support.deployments import Deployment
from ...support.desks import support_deployment
from ...support.personal_data import found_in

SECRET = "ann.of.nowhere"


def forget(deployment: Deployment, contact_id: str) -> Forgotten:
    return Forget(deployment.warehouse, deployment.name, clock=deployment.workspace.now, contact_id=contact_id).run()


def counts(deployment: Deployment) -> list[tuple[Any, ...]]:
    tables = ("conversations", "conversation_parts", "conversation_metrics", "tickets", "ticket_parts")
    return [deployment.query(f"select count(*) from intercom.{table}")[0] for table in tables]


def fill_former_columns(deployment: Deployment) -> None:
    """As release 1.0 left them."""
    with duckdb.connect(str(deployment.warehouse.file)) as connection:
        for table, column in FORMER.items():
            connection.execute(f"alter table intercom_raw.{table} add column {column} varchar")
            connection.execute(f"update intercom_raw.{table} set {column} = ?", [f'{{"nickname": "{SECRET}"}}'])


def test_a_forgotten_person_leaves_nothing_in_conversations_and_tickets(tmp_path: Path) -> None:
    deployment = support_deployment(
        tmp_path / "data", "conversation_parts", "tickets", has_marts=True, conversations=20, tickets=3
    )
    workspace, desk = deployment.workspace, deployment.workspace.desk
    person, other = list(workspace.contacts)[:2]
    workspace.update(person, name=SECRET, email=f"{SECRET}@example.com")
    now = int(workspace.now().timestamp()) - 10_000
    own, shared = desk.start(person, now), desk.start(other, now)
    ticket = desk.submit(person, now)
    desk.tickets[ticket]["ticket_attributes"]["_default_title_"] = f"About {SECRET}"
    for one in (own, shared):
        desk.reply(one, now + 10)
        desk.answer(one, now + 20)
    desk.parts[own][-1]["body"] = f"Dear {SECRET}"
    desk.conversations[shared]["contacts"]["contacts"].append({"type": "contact", "id": person, "external_id": SECRET})
    theirs = {**desk.parts[own][0], "id": "99", "body": f"I am {SECRET}"}
    desk.parts[shared].append(theirs)
    deployment.sync()
    before = counts(deployment)
    fill_former_columns(deployment)
    assert found_in(deployment.folder, [SECRET])

    forget(deployment, person)

    assert found_in(deployment.folder, [SECRET, person]) == {}
    assert counts(deployment) == before
    kept = "select count(body), count(*) from intercom.conversation_parts where conversation_id = ?"
    assert deployment.query(kept, own) == [(0, 2)]
    assert deployment.query(kept, shared) == [(2, 3)]
    assert deployment.query("select count(*) from intercom.conversation_contacts") == [(23,)]
