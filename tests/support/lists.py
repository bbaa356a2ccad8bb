"""The lists of a sandbox workspace as the warehouse's raw tables should hold them."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import duckdb

from sandbox.api import NOTED_AT
from sandbox.lists import shown_dataset, statistics_of
from sandbox.people import Json, all_ids
from sandbox.support import parts_shown, shown_conversation, shown_ticket
from sandbox.world import VERSIONS, Workspace
from sources.intercom.catalog import BY_NAME, CONTACTS, RESOURCES, TABLES, Nested, Resource, Table

from .deployments import Deployment

Row = tuple[Any, ...]

MADE_BY_THE_WAREHOUSE = ("row_id",)
"""Columns that no workspace can know."""


def truth(workspace: Workspace, name: str, version: str = "Preview") -> set[Row]:
    """The rows of a table: the ids that it begins with, and then its columns."""
    table, resource = TABLES[name], BY_NAME[name]
    if resource.parent and resource.parent.table == CONTACTS:
        return set(_of_contacts(workspace, name))
    if name == "article_statistics":
        articles = workspace.lists["articles"].of().values()
        return {(one["id"], *_values(table, statistics_of(one))) for one in articles}
    if name == "call_transcripts":
        calls = workspace.lists["calls"].of().values()
        asked = {one["conversation_id"] for one in calls if one["conversation_id"]}
        return {_values_of(table, call) for one in asked for call in workspace.lists.transcribed(one)}
    if resource.group == "Reporting Data Export":
        return set(_of_reports(workspace, table, has_qualified_ids=_has(version, "2.16")))
    if resource.exported:
        receipts = workspace.lists.exports.receipts.values()
        return {_values_of(table, {key: one for key, one in sent.items() if one != ""}) for sent in receipts}
    if resource.follows == CONTACTS:
        return set(_of_events(workspace, table))
    if not (resource.is_listed or resource.periods):
        return {row for record in supported(workspace, name, version) for row in _rows(table, resource, "", record)}
    found = workspace.lists[resource.table].all()
    return {row for parent, record in found for row in _rows(table, resource, parent, record)}


def _of_reports(workspace: Workspace, table: Table, *, has_qualified_ids: bool) -> Iterator[Row]:
    """The rows of a table of reports. Their ids are hashes, and when they were exported only the warehouse knows."""
    shown = [
        shown_dataset(one, has_qualified_ids=has_qualified_ids)
        for _, one in workspace.lists["reporting_datasets"].all()
    ]
    for one in shown:
        if table.table != "reporting_rows":
            yield from _rows(table, BY_NAME[table.table], "", one)
            continue
        names = {
            named["qualified_id"]: named["id"]
            for named in workspace.lists["reporting_datasets"].of()[one["id"]]["attributes"]
        }
        for at, row in workspace.lists.reporting.known(one["id"], replied=not has_qualified_ids):
            values = row if has_qualified_ids else {names[name]: value for name, value in row.items()}
            yield one["id"], at, _plain({name: value for name, value in values.items() if value}, "json")


def supported(workspace: Workspace, name: str, version: str) -> Iterator[Json]:
    """The conversations, or tickets, as a version of the API shows them, with all their parts."""
    desk, has = workspace.desk, partial(_has, version)
    if BY_NAME[name].group == "Tickets":
        yield from (shown_ticket(one, desk.parts[one["id"]], has) for one in desk.tickets.values())
        return
    for one in desk.conversations.values():
        parts = desk.parts[one["id"]]
        shown = parts_shown(parts, "conversation") | {"conversation_parts": parts}
        yield {**shown_conversation(one, parts, has), "conversation_parts": shown}


def _has(version: str, since: str) -> bool:
    names = list(VERSIONS)
    return names.index(version) >= names.index(since)


def complete_tables(deployment: Deployment) -> list[str]:
    """The tables whose list was complete when it was last read."""
    reads = dict(deployment.query("select table_name, status from intercom_raw.list_reads order by observed_at"))
    return [name for name in TABLES if reads.get(BY_NAME[name].table) == "complete"]


def different_tables(deployment: Deployment, *, silent: bool = True) -> list[str]:
    """Those of these tables that do not equal the workspace. Removed contacts keep their rows.

    Args:
        silent: compare conversations that changed without an update, too.
    """
    lookups = {one.table for one in RESOURCES if one.follows == CONTACTS or (one.exported and one.exported.by_dataset)}
    found = loaded(deployment, *(name for name in complete_tables(deployment) if name not in lookups))
    there = deployment.workspace.contacts.keys()
    for name, rows in found.items():
        parent = BY_NAME[name].parent
        if CONTACTS in (parent and parent.table, BY_NAME[name].follows):
            found[name] = {row for row in rows if row[0] in there}
    version, ignored = deployment.settings.api_version, set[str]() if silent else deployment.workspace.desk.silent
    pairs = {name: (rows, truth(deployment.workspace, name, version)) for name, rows in found.items()}
    return [name for name, (rows, true) in pairs.items() if any(row[0] not in ignored for row in rows ^ true)]


def _of_contacts(workspace: Workspace, name: str) -> Iterator[Row]:
    """The rows of a table of contacts' lists; of a list whose first ten contacts have, only those of longer ones."""
    kind = name.removeprefix("contact_")
    for contact in workspace.contacts.values():
        ids, is_cut = all_ids(contact.id, contact.attributes[kind]), contact.attributes[kind]["has_more"]
        for one in ids if is_cut or kind == "notes" else ():
            note = (f"<p>Note {one}</p>", "991000001", NOTED_AT)
            yield (contact.id, one, *(note if kind == "notes" else ()))


def related(workspace: Workspace, kind: str) -> set[Row]:
    """All pairs of a contact, and what it is related to."""
    contacts = workspace.contacts.values()
    return {(contact.id, one) for contact in contacts for one in all_ids(contact.id, contact.attributes[kind])}


def loaded(deployment: Deployment, *names: str) -> dict[str, set[Row]]:
    """The rows of tables that are not marked as deleted, likewise. No key comes twice."""
    if type(deployment) is not Deployment:
        return {name: _loaded(deployment.query, TABLES[name], BY_NAME[name]) for name in names}
    with duckdb.connect(str(deployment.readable), read_only=True) as connection:

        def query(sql: str) -> list[Row]:
            return connection.execute(sql).fetchall()

        return {name: _loaded(query, TABLES[name], BY_NAME[name]) for name in names}


def _loaded(query: Callable[[str], list[Row]], table: Table, resource: Resource) -> set[Row]:
    before = _before(table, resource)
    shown = {name: column.kind for name, column in table.columns.items() if name not in MADE_BY_THE_WAREHOUSE}
    columns, key = ", ".join((*before, *shown)), ", ".join((*before, *table.key))
    doubled = f"select {key} from intercom_raw.{table.table} group by {key} having count(*) > 1"
    assert query(doubled) == []
    rows = query(f"select {columns} from intercom_raw.{table.table} where not is_deleted")
    kinds = ["text"] * len(before) + [*shown.values()]
    return {tuple(_plain(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in rows}


def _rows(table: Table, resource: Resource, parent: str, record: Json) -> Iterator[Row]:
    before = (parent,) if resource.parent else ()
    if not isinstance(table, Nested):
        yield (*before, *_values(table, record))
        return
    for nested in _nested(table, record):
        yield (*before, str(record["id"]), *_values(table, nested))


def _nested(table: Nested, record: Json) -> Iterator[Json]:
    inner: Any = record
    for part in table.within.split("."):
        inner = inner.get(part) or {}
    if table.keyed_by:
        yield from ({**text, table.keyed_by: name} for name, text in inner.items() if name != "type")
        return
    only = next(iter(table.columns))
    for one in inner or ():
        yield one if isinstance(one, dict) else {only: one}


def _of_events(workspace: Workspace, table: Table) -> Iterator[Row]:
    """The rows of a table of events. When contacts were looked up, only the warehouse knows."""
    for contact_id in workspace.contacts:
        events = [one.json for one in workspace.events.of(contact_id)]
        for one in events if table.table == "data_events" else workspace.events.summaries(contact_id):
            yield (contact_id, *_values(table, one))


def _values_of(table: Table, record: Json) -> Row:
    return tuple(_values(table, record))


def _values(table: Table, record: Json) -> Iterator[Any]:
    for name, column in table.columns.items():
        value = _at(record, column.sent or name)
        if value is None and column.older:
            value = _at(record, column.older)
        yield None if column.none and str(value) == column.none else _plain(value, column.kind)


def _at(record: Json, path: str) -> Any:
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _plain(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "json":
        return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True)
    if kind == "time" and isinstance(value, str):
        return int(datetime.fromisoformat(value.strip()).astimezone(UTC).timestamp())
    return str(value) if kind == "text" else value


def _before(table: Table, resource: Resource) -> tuple[str, ...]:
    of_parent = (resource.parent.column,) if resource.parent else ()
    return of_parent if table is resource else (*of_parent, resource.id_column)
