"""Any value in any field of a list's records: it costs that value, or the list is incomplete."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.people import Json
from sandbox.world import Workspace
from sources.intercom.api import Intercom
from sources.intercom.catalog import RESOURCES, Resource
from sources.intercom.lists.reader import ListReader, ReadRecords
from sources.intercom.lists.rows import table_of
from sources.intercom.tables import LIST_TABLES, Privacy

from ...support.deployments import AT_ONCE
from ...support.odd_answers import VALUES, Places

WORKSPACE = Workspace(contacts=0, segments=0, companies=3, articles=3)
LISTED = [one for one in RESOURCES if one.parent is None and one.is_listed]
NOTED: Json = {"workspace_id": "w", "run_id": "r", "is_deleted": False, "observed_at": WORKSPACE.now()}


def read(resource: Resource, body: bytes) -> ReadRecords:
    """What is read of a list whose only page is this one; a scroll ends behind it."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b'{"data": []}' if "scroll_param" in request.url.params else body)

    async def whole() -> ReadRecords:
        retries = replace(AT_ONCE, attempts=2)
        async with Intercom("http://list", "token", transport=httpx.MockTransport(answer), retries=retries) as client:
            return await ListReader(client, resource, Privacy()).whole()

    return asyncio.run(whole())


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(resource=st.sampled_from(LISTED), values=st.lists(st.tuples(st.integers(0, 40), VALUES), min_size=1, max_size=4))
def test_any_value_in_any_field_costs_that_value(resource: Resource, values: list[tuple[int, bytes]]) -> None:
    records, places = [dict(one) for _, one in WORKSPACE.lists[resource.table].all()], Places()
    for turn, record in enumerate(records):
        number, value = values[turn % len(values)]
        names = sorted(record.keys() - {"id"})
        places.replace(record, names[number % len(names)], value)

    found = read(resource, places.encoded({"type": "list", resource.rows: records, "scroll_param": "next"}))

    assert found.problem is None
    assert {one.id for one in found.records.values()} == {str(record["id"]) for record in records}
    for table in resource.tables:
        rows = [row for one in found.records.values() for row in one.rows(table).rows]
        if rows:
            assert table_of(table, resource, rows, NOTED).schema == LIST_TABLES[table.table]


@settings(max_examples=40)
@given(resource=st.sampled_from(LISTED), value=VALUES)
def test_a_list_that_is_none_is_never_an_empty_one(resource: Resource, value: bytes) -> None:
    places = Places()
    answer: dict[str, Any] = {"type": "list", resource.rows: None}
    places.replace(answer, resource.rows, value)

    found = read(resource, places.encoded(answer))

    assert found.problem is not None or json.loads(value) == []


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"data": null}', b'{"data": 7}', b'{"data": [7, {}]}'])
def test_an_answer_without_records_is_incomplete(body: bytes) -> None:
    assert read(next(one for one in LISTED if one.table == "tags"), body).problem is not None


def test_an_address_of_another_host_is_never_followed() -> None:
    hosts = set[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.add(request.url.host)
        page = int(request.url.params.get("page", 1))
        following = f"https://other.example/articles?page={page + 1}" if page < 3 else None
        return httpx.Response(200, json={"data": [{"id": str(page)}], "pages": {"next": following}})

    async def whole() -> ReadRecords:
        articles = next(one for one in LISTED if one.table == "articles")
        async with Intercom("http://list", "token", transport=httpx.MockTransport(answer), retries=AT_ONCE) as client:
            return await ListReader(client, articles, Privacy()).whole()

    assert [one.id for one in asyncio.run(whole()).records.values()] == ["1", "2", "3"]
    assert hosts == {"list"}


def test_pages_in_a_circle_and_pages_without_end_make_a_list_incomplete() -> None:
    def circle(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", 1))
        return httpx.Response(200, json={"data": [{"id": str(page)}], "pages": {"next": {"page": page % 3 + 1}}})

    async def whole() -> ReadRecords:
        tags = next(one for one in LISTED if one.table == "tags")
        async with Intercom("http://list", "token", transport=httpx.MockTransport(circle), retries=AT_ONCE) as client:
            return await ListReader(client, tags, Privacy()).whole()

    assert "again" in str(asyncio.run(whole()).problem) or "without end" in str(asyncio.run(whole()).problem)
