"""Conversations and tickets of the sandbox: they are as Intercom describes them, and found as a sync asks for them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sandbox.api import create_app, day_of
from sandbox.support import statistics_of
from sandbox.world import VERSIONS, Workspace

from ..support.nightly import nightly
from .test_contract import Answer, Fault, Request, an_error, ask, faults
from .test_contract import pytestmark as needs_descriptions

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DESCRIBED = ("2.7", "2.14", "2.16", "Preview")
"""Not 2.11: a schema of its conversations refers to one that is not there."""
ANY: dict[str, Any] = {"field": "created_at", "operator": ">", "value": 1}
NULL_IN_EXAMPLES = {"admin_assignee_id", "team_assignee_id", "ai_topics", "snoozed_until"}
"""Fields that are null in Intercom's own examples, or where another version describes them, though not as described."""


def workspace_with_support(**options: Any) -> Workspace:
    workspace = Workspace(contacts=50, segments=1, start=START, **({"conversations": 60, "tickets": 12} | options))
    if workspace.desk.tickets:
        workspace.live_support(40)
    return workspace


def requests(version: str, workspace: Workspace) -> list[Request]:
    conversation, ticket = next(iter(workspace.desk.conversations)), next(iter(workspace.desk.tickets))
    search = {"query": ANY, "pagination": {"per_page": 60}}
    found = [
        Request("conversation", f"/conversations/{conversation}", described="/conversations/{id}"),
        Request("conversations", "/conversations?per_page=60"),
        Request("conversations", "/conversations/search", "POST", body=search),
        Request("error", "/conversations/search", "POST", status=400, body={"query": {"field": "type"}}),
        an_error(404, "/conversations/1", "/conversations/{id}"),
    ]
    if version != "2.7":
        found += [
            Request("ticket", f"/tickets/{ticket}", described="/tickets/{id}"),
            Request("tickets", "/tickets/search", "POST", body=search),
            an_error(404, "/tickets/1", "/tickets/{id}"),
        ]
    if version in ("2.16", "Preview"):
        found.append(Request("deletions", "/conversations/deleted?per_page=2"))
    return found


def is_accepted(fault: Fault) -> bool:
    """Times are described as text; null is missing where something has not happened yet."""
    name = fault.place.rpartition(".")[2]
    if fault.keyword == "format":
        return name.endswith(("_at", "_since", "_until"))
    is_null = "statistics" in fault.place or name in NULL_IN_EXAMPLES
    return fault.keyword == "type" and is_null


@needs_descriptions
@pytest.mark.parametrize("version", nightly(DESCRIBED, "2.7", "2.16"))
def test_answers_are_as_described_except_where_the_description_is_wrong(version: str) -> None:
    workspace = workspace_with_support()

    answers = asyncio.run(ask(workspace, version, requests(version, workspace)))

    assert {fault for fault in faults(version, answers) if not is_accepted(fault)} == set()
    assert len(answers) == len(requests(version, workspace))


@needs_descriptions
def test_a_part_that_is_not_as_described_is_found() -> None:
    asked = Request("conversation", "/conversations/1", described="/conversations/{id}")
    body = {"id": 1, "conversation_parts": {"conversation_parts": [{"part_type": 7}]}}

    found = faults("Preview", [Answer(asked, body)])

    assert {fault.place for fault in found if not is_accepted(fault)} == {
        "conversation.id",
        "conversation.conversation_parts.conversation_parts.part_type",
    }


def asked(workspace: Workspace, method: str, path: str, version: str = "Preview", **options: Any) -> httpx.Response:
    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(workspace))
        headers = {"Authorization": f"Bearer {workspace.token}", "Intercom-Version": version}
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as client:
            return await client.request(method, path, **options)

    return asyncio.run(answer())


def searched(workspace: Workspace, query: Any, order: str = "ascending", **pagination: Any) -> Any:
    sort = {"field": "created_at", "order": order}
    body = {"query": query, "sort": sort, "pagination": pagination}
    return asked(workspace, "POST", "/conversations/search", json=body).json()


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_pages_of_a_search_follow_each_other_although_records_are_deleted_between(order: str) -> None:
    workspace = workspace_with_support(tickets=0)
    seen = list[str]()
    page = searched(workspace, ANY, order, per_page=25)
    while True:
        seen += [one["id"] for one in page["conversations"]]
        if "next" not in page["pages"]:
            break
        if len(seen) == 25:
            workspace.desk.delete(seen[-1], 1)
        page = searched(workspace, ANY, order, per_page=25, starting_after=page["pages"]["next"]["starting_after"])

    assert len(seen) == len(set(seen)) == 60


def test_search_compares_seconds_or_the_days_of_the_workspace() -> None:
    workspace = workspace_with_support(conversations=0, tickets=0)
    noon = int(datetime(2026, 2, 10, 20, tzinfo=UTC).timestamp())
    for hours in (-30, -3, 0, 3, 30):
        workspace.desk.start(next(iter(workspace.contacts)), noon + hours * 3_600)
    later = {"field": "updated_at", "operator": ">", "value": noon}

    by_second = searched(workspace, later)["total_count"]
    workspace.desk.day = day_of("America/Los_Angeles")
    by_day = searched(workspace, later)["total_count"]

    assert (by_second, by_day) == (3, 1)


def test_a_conversation_shows_its_500_newest_parts() -> None:
    workspace = workspace_with_support(conversations=0, tickets=0)
    one = workspace.desk.start(next(iter(workspace.contacts)), 1)
    for number in range(501):
        workspace.desk.reply(one, number)

    parts = asked(workspace, "GET", f"/conversations/{one}").json()["conversation_parts"]

    assert len(parts["conversation_parts"]) == 500
    assert parts["total_count"] == 501
    assert parts["conversation_parts"][0]["created_at"] == 1


def test_statistics_follow_from_the_parts() -> None:
    workspace = workspace_with_support(conversations=0, tickets=0)
    desk = workspace.desk
    one = desk.start(next(iter(workspace.contacts)), 1_000)
    for event, at in ((desk.answer, 1_100), (desk.close, 1_200), (desk.reply, 1_500), (desk.answer, 1_900)):
        event(one, at)

    found = statistics_of(desk.conversations[one], desk.parts[one])

    assert found["time_to_admin_reply"] == 100
    assert found["time_to_first_close"] == 200
    assert found["count_reopens"] == 1
    assert found["median_time_to_reply"] == 100
    assert found["last_admin_reply_at"] == 1_900


def test_versions_without_tickets_or_deletions_refuse_them() -> None:
    workspace = workspace_with_support()
    statuses = {
        version: (
            asked(workspace, "POST", "/tickets/search", version, json={"query": ANY}).status_code,
            asked(workspace, "GET", "/conversations/deleted", version).status_code,
        )
        for version in VERSIONS
    }

    assert statuses["2.9"] == (400, 400)
    assert statuses["2.10"] == (200, 400)
    assert statuses["2.16"] == statuses["Preview"] == (200, 200)
