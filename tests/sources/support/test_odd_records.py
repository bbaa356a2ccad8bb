"""Any value in any field of a conversation or ticket costs that value alone."""

import asyncio

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from sandbox.people import Json
from sandbox.support import shown_conversation, shown_ticket
from sandbox.world import Workspace
from sources.intercom.api import Intercom
from sources.intercom.catalog import BY_NAME, Resource
from sources.intercom.lists import RecordReader, one_page, query_call
from sources.intercom.lists.rows import table_of
from sources.intercom.search import BY_CREATION
from sources.intercom.tables import LIST_TABLES, Privacy

from ...support.odd_answers import VALUES, Places

WORKSPACE = Workspace(contacts=10, segments=0, conversations=5, tickets=5)
DESK = WORKSPACE.desk
NOTED: Json = {"workspace_id": "w", "run_id": "r", "is_deleted": False, "observed_at": WORKSPACE.now()}
SENT: dict[str, list[Json]] = {
    "conversations": [
        shown_conversation(one, DESK.parts[key], lambda _: True) for key, one in DESK.conversations.items()
    ],
    "tickets": [shown_ticket(one, DESK.parts[key], lambda _: True) for key, one in DESK.tickets.items()],
}


def sent(resource: Resource, body: bytes) -> list[Raw]:
    """The records of a search whose only page is this one."""

    async def page() -> list[Raw]:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
        async with Intercom("http://search", "token", transport=transport) as client:
            found, _ = await one_page(client, resource, query_call(resource.path, {}, sort=BY_CREATION, per_page=150))
            return found.records

    return asyncio.run(page())


@pytest.mark.parametrize("name", SENT)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(field=st.integers(0, 60), value=VALUES)
def test_any_value_in_any_field_costs_that_value(name: str, field: int, value: bytes) -> None:
    resource, records, places = BY_NAME[name], [dict(one) for one in SENT[name]], Places()
    for record in records:
        names = sorted(record.keys() - {"id"})
        places.replace(record, names[field % len(names)], value)
    body = places.encoded({"type": "list", resource.rows: records, "total_count": len(records)})

    found = [RecordReader(resource, Privacy()).read(one) for one in sent(resource, body)]

    assert [one and one.id for one in found] == [record["id"] for record in records]
    for table in resource.tables:
        rows = [row for one in found if one for row in one.rows(table).rows]
        assert not rows or table_of(table, resource, rows, NOTED).schema == LIST_TABLES[table.table]
