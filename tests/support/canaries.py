"""A text of its own in each personal column of the catalogue, in all records of a sandbox workspace."""

from collections.abc import Iterator
from typing import Any

from sandbox.people import Json, all_ids
from sandbox.support import Desk
from sandbox.world import Workspace
from sources.intercom.catalog import RESOURCES, TABLES, Nested, Resource, Table

from .personal_data import CANARY, personal

OWN, OF_OTHERS = "own", "others"
OF_PEOPLE = (
    *("Conversations", "Conversation Parts", "Tickets", "Calls"),
    *("Data Events", "Data Export", "Reporting Data Export"),
)
"""Groups of resources of which the person has records."""
UNKNOWN = "shoe_size"
"""A field that Intercom does not document."""
ODD = {"message_receipts": "first_open", "call_transcripts": ""}
"""Where a value for `_extra` is in other tables: in a column of another type, or in none of its own."""
IN_REPORTS = "people.Brand"
"""An attribute of all datasets. A row of a report has one column for all of them."""


def fill(workspace: Workspace, person: str) -> set[str]:
    """Puts a canary into each personal column of each record; returns those of the person's own records.

    The person has a conversation, a ticket, a call, events, a receipt and a row of a report, and takes part in what
    another one does.
    """
    _live(workspace, person)
    workspace.update(person, **{name: value for name, value in personal().items() if name != "notes"})
    for resource in RESOURCES:
        for record in _records(workspace, resource):
            for table in resource.tables:
                for row in _rows(workspace, table, record):
                    _mark(row, table, OWN if _is_own(record, row, person) else OF_OTHERS)
    return {*_own(), *(f"<p>Note {one}</p>" for one in all_ids(person, workspace.contacts[person].attributes["notes"]))}


def personal_columns() -> list[str]:
    """All that can be left out or hashed, as the settings name it."""
    return [f"{table.table}.{name}" for table in TABLES.values() for name in table.personal]


def _own() -> Iterator[str]:
    for resource in RESOURCES:
        for table in resource.tables if resource.group in OF_PEOPLE else ():
            yield from (_canary(OWN, table, name) for name in table.personal if _path(table, name))


def _canary(owner: str, table: Table, column: str) -> str:
    return f"{CANARY}-{owner}-{table.table}-{column}"


def _live(workspace: Workspace, person: str) -> None:
    """What the person does, what another contact does, and what they do together."""
    desk, now = workspace.desk, int(workspace.now().timestamp()) - 10_000
    other = next(one for one in workspace.contacts if one != person)
    for number, contact in enumerate((person, other), start=901):
        workspace.track(contact, "ordered", about="shoes")
        conversation, ticket = desk.start(contact, now), desk.submit(contact, now)
        desk.reply(conversation, now + 10)
        desk.answer(conversation, now + 20)
        desk.comment(ticket, now + 30)
        workspace.lists.add_call(number, now, contact)
        workspace.lists.end_call(str(number), now + 60)
        workspace.lists.exports.send(number, contact, now)
        workspace.lists.reporting.report("call", number, now, user_id=contact)
    _join(desk, person, conversation, ticket)


def _join(desk: Desk, person: str, conversation: str, ticket: str) -> None:
    """The person writes in a conversation and in a ticket of another contact."""
    for record in (desk.conversations[conversation], desk.tickets[ticket]):
        record["contacts"]["contacts"].append({"type": "contact", "id": person, "external_id": person})
        said = {**desk.parts[record["id"]][0], "id": f"99{record['id']}", "attachments": []}
        desk.parts[record["id"]].append({**said, "author": {"type": "user", "id": person}})


def _records(workspace: Workspace, resource: Resource) -> list[Json]:
    desk, lists = workspace.desk, workspace.lists
    if resource.group == "Tickets":
        return list(desk.tickets.values())
    if resource.group in ("Conversations", "Conversation Parts"):
        return list(desk.conversations.values())
    if resource.group == "Data Events":
        return [event.json for contact in workspace.contacts for event in workspace.events.of(contact)]
    if resource.exported and resource.exported.by_dataset:
        return [row for rows in lists.reporting.records.values() for row in rows.values()]
    if resource.exported:
        return list(lists.exports.receipts.values())
    name = "calls" if resource.group == "Calls" else resource.table
    return [record for _, record in lists[name].all()] if name in lists.collections else []


def _rows(workspace: Workspace, table: Table, record: Json) -> list[Json]:
    """The objects in the workspace from which the rows of a table are made. Others are made up by the API's answers."""
    if table.table in ("conversation_parts", "ticket_parts"):
        return workspace.desk.parts[record["id"]]
    if table.table == "call_transcripts":
        said = workspace.lists.transcripts.get(record["id"])
        return [{**record, "transcript": said}] if said else []
    if table.table in ("data_events", "reporting_rows") or not isinstance(table, Nested):
        return [record]
    found: Any = record
    for name in table.within.split("."):
        found = found.get(name) or {}
    return [one for one in found if isinstance(one, dict)]


def _is_own(record: Json, row: Json, person: str) -> bool:
    """Whether the person wrote it, or all of it is about the person."""
    around = [one["id"] for one in record["contacts"]["contacts"]] if "contacts" in record else []
    named = [row.get("id"), (row.get("author") or {}).get("id")]
    named += [record.get(name) for name in ("contact_id", "user_id", "intercom_user_id", "people.user_id")]
    return around == [person] or person in named


def _mark(row: Json, table: Table, owner: str) -> None:
    if table.table == "reporting_rows":
        row[IN_REPORTS] = _canary(owner, table, "attribute_values")
        return
    for name in table.personal:
        if path := _path(table, name):
            is_json = name in table.columns and table.columns[name].kind == "json"
            _put(row, path, _canary(owner, table, name), is_json=is_json)


def _path(table: Table, name: str) -> str:
    """Where the value of a column is sent; empty where no record has it."""
    if name == "_extra":
        return ODD.get(table.table, UNKNOWN)
    return "" if table.table == "contact_notes" else table.columns[name].sent or name


def _put(row: Json, path: str, canary: str, *, is_json: bool) -> None:
    """JSON keeps what it holds, which other columns may be made of."""
    *before, last = path.split(".")
    for name in before:
        row[name] = row.get(name) or {}
        row = row[name]
    known = row.get(last)
    if not is_json:
        row[last] = canary
    elif isinstance(known, list):
        known.append({"name": canary})
    else:
        row[last] = {**(known or {}), "more": canary}
