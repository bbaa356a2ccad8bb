"""The catalogue agrees with Intercom's OpenAPI descriptions, which lie beside this repository, and with itself."""

import asyncio
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from sandbox.api import create_app
from sandbox.world import VERSIONS, Workspace
from sources.intercom.api import absence_codes, has
from sources.intercom.catalog import (
    ALL,
    DEFAULT,
    ELSEWHERE,
    EMBEDDED,
    NOT_LISTED,
    RESOURCES,
    TABLES,
    Nested,
    Resource,
    choice_problems,
    chosen,
)
from sources.intercom.lists.paging import first_call, group_call, period_call
from sources.intercom.tables import BESIDE_CONTACTS, LIST_TABLES

DESCRIPTIONS = Path(__file__).parents[4] / "shared" / "intercom-openapi"
DESCRIBED = ("2.7", "2.11", "2.14", "2.16", "Preview")
described = pytest.mark.skipif(
    not DESCRIPTIONS.is_dir(),
    reason=f"Intercom's OpenAPI descriptions are not in ../{'/'.join(DESCRIPTIONS.parts[-2:])}",
)
UNDESCRIBED = frozenset(("conversations", "is_internal", "parent_id", "active_at", "newest_at"))
FILES = frozenset(("reporting_exports",))
"""Resources that are read from files, of which the descriptions say nothing. Their columns are the reader's own."""
"""Names in examples of other answers, or of earlier versions, and those of what a reader adds."""
BESIDE = {"data_event_reads": "data_event_list", "message_receipts": "data_export_csv"}
"""Schemas of answers that the descriptions have, and name at no path."""


@cache
def description(version: str) -> dict[str, Any]:
    text = (DESCRIPTIONS / f"{version}.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)  # the safe one, in C
    return loaded


def operation(version: str, resource: Resource) -> Any:
    paths = description(version)["paths"]
    named = [path for path in paths if re.sub(r"{\w+}", "{id}", path) == resource.path]
    is_post = resource.searched or resource.grouped or resource.exported
    return paths[named[0]]["post" if is_post else "get"] if named else None


def names_in(version: str, value: Any, followed: frozenset[str] = frozenset()) -> Iterator[str]:
    """All names of properties in a schema or an example, however deep."""
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference not in followed:
            target: Any = description(version)
            for part in reference.split("/")[1:]:
                target = target.get(part, {})  # 2.11 refers to a schema that is not there
            yield from names_in(version, target, followed | {reference})
        for name, inner in value.items():
            yield name
            yield from names_in(version, inner, followed)
    elif isinstance(value, list):
        for inner in value:
            yield from names_in(version, inner, followed)


def cases() -> Iterator[tuple[str, Resource]]:
    return ((version, one) for version in DESCRIBED for one in RESOURCES if has(version, one.since))


def codes_of_absence(version: str, path: str) -> set[str]:
    """The codes of the errors with which Intercom's examples say that the record of a path is not there."""
    paths = description(version)["paths"]
    operations = [paths[one].get("get") or {} for one in paths if re.sub(r"{\w+}", "{id}", one) == path]
    answers = [one["responses"].get("404", {}).get("content", {}) for one in operations]
    examples = [
        example for answer in answers for kind in answer.values() for example in kind.get("examples", {}).values()
    ]
    return {fault["code"] for example in examples for fault in example["value"].get("errors", ())}


@described
@pytest.mark.parametrize("version", DESCRIBED)
def test_every_code_of_absence_counts_as_proof(version: str) -> None:
    paths = {one.lookup for one in RESOURCES if one.lookup} | {one.path for one in RESOURCES if one.parent}
    codes = {path: codes_of_absence(version, path) for path in (*paths, "/segments/{id}", "/companies/{id}/segments")}

    assert {path: found - absence_codes(path) for path, found in codes.items() if found - absence_codes(path)} == {}
    assert sum(map(len, codes.values())) > 10


def sent_names(resource: Resource) -> set[str]:
    sent = {column.sent or name for name, column in resource.columns.items()}
    for table in resource.nested:
        sent |= {table.within} | {column.sent or name for name, column in table.columns.items()}
        sent -= {
            table.keyed_by,
            *(() if len(table.columns) > 1 or next(iter(table.columns.values())).sent else table.columns),
        }
    return {part for name in sent for part in name.split(".")}


@described
@pytest.mark.parametrize(("version", "resource"), list(cases()), ids=lambda value: getattr(value, "table", value))
def test_a_list_and_its_columns_are_described(version: str, resource: Resource) -> None:
    listed = operation(version, resource)

    assert listed is not None
    known = set(names_in(version, listed["responses"]["200"]))
    known |= set(names_in(version, description(version)["components"]["schemas"].get(BESIDE.get(resource.table), {})))
    assert resource.rows in known
    if resource.table in FILES:
        return
    new = {name for other in DESCRIBED if has(other, version) for name in _later(other, resource)}
    assert sent_names(resource) - known - new - UNDESCRIBED == set()


def plain_values(table: Nested) -> set[str]:
    """The column of a list of plain values, which have no name."""
    (name, column), *others = table.columns.items()
    return set() if others or column.sent else {name}


def _later(version: str, resource: Resource) -> set[str]:
    """Names that a later version has: a column may be of that."""
    listed = operation(version, resource) if has(version, resource.since) else None
    return set(names_in(version, listed["responses"]["200"])) if listed else set()


@described
def test_every_group_of_the_reference_is_loaded_or_says_why_not() -> None:
    groups = {tag["name"] for version in DESCRIBED for tag in description(version)["tags"]}
    known = {one.group for one in RESOURCES} | ELSEWHERE.keys() | NOT_LISTED.keys()

    assert groups - known == set()
    assert known - groups <= {"Conversation Participants"}


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.table)
def test_the_sandbox_serves_each_list_and_its_records_from_the_version_on(resource: Resource) -> None:
    workspace = Workspace(contacts=1, segments=0, conversations=1)
    parents = {
        "newsfeed_items": "68",
        "article_statistics": "1",
        "company_notes": f"{1:024x}",
        "custom_objects": "Order",
        "conversation_part_reads": next(iter(workspace.desk.conversations)),
    }
    of_contacts = ("contact_companies", "contact_tags", "contact_notes", "data_event_reads", "data_event_summary_reads")
    parents |= dict.fromkeys(of_contacts, next(iter(workspace.contacts)))
    call = first_call(resource, parents.get(resource.table, "1"))
    is_open: dict[str, Any] = {"query": {"field": "open", "operator": "=", "value": True}}
    method, body = ("POST", is_open) if resource.searched else ("GET", None)
    if resource.grouped:
        method, body = "POST", group_call(resource, ["700001"]).body
    if resource.exported:
        method, body = "POST", {"created_at_after": 1, "created_at_before": 2}
    if resource.table == "reporting_exports":
        body = {"dataset_id": "call", "attribute_ids": [], "start_time": 1, "end_time": 2}
    if resource.periods:
        now = int(workspace.now().timestamp())
        call = period_call(resource, now - 3_600, now)

    async def statuses() -> dict[str, int]:
        transport = httpx.ASGITransport(create_app(workspace))
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            found = {}
            for version in VERSIONS:
                headers = {"Authorization": f"Bearer {workspace.token}", "Intercom-Version": version}
                if body and "attribute_ids" in body:
                    body["attribute_ids"] = ["call.state" if has(version, "2.16") else "state"]
                answer = await client.request(method, call.address, headers=headers, json=body)
                found[version] = answer.status_code
                workspace.lists.exports.jobs.clear()
            return found

    assert asyncio.run(statuses()) == {version: 200 if has(version, resource.since) else 400 for version in VERSIONS}


def test_no_table_has_the_name_of_another_and_each_has_a_key() -> None:
    assert len(TABLES) == sum(len(one.tables) for one in RESOURCES)
    assert TABLES.keys() & {"contacts", *BESIDE_CONTACTS} == EMBEDDED
    for name, schema in LIST_TABLES.items():
        assert next(field.name for field in schema if not field.nullable) == "workspace_id", name
        assert set(TABLES[name].key) <= set(TABLES[name].columns), name


def test_names_choose_resources_and_a_wrong_one_is_named_with_the_nearest() -> None:
    assert chosen(["team_admins", "tags"]) == chosen(["teams", "tags"])
    assert chosen([ALL]) == RESOURCES
    assert set(chosen([DEFAULT])) == {one for one in RESOURCES if one.is_default}
    assert chosen([]) == ()
    assert [problem.partition(" intercom")[0] for problem in choice_problems(["tag", "all"])] == [
        "No resource is called 'tag'. Did you mean tags?"
    ]
