"""The differences between API versions."""

import asyncio
from datetime import datetime

import httpx
import pytest

from sandbox.api import create_app
from sandbox.world import VERSIONS

from .client import BY_DAY, BY_SECOND, DAY, SECOND, Client, created, headers_of, ids, still_workspace


def second_of(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp())


@pytest.mark.parametrize(
    ("timezone", "start", "end"),
    [
        ("America/Los_Angeles", "2026-02-10T08:00:00Z", "2026-02-11T08:00:00Z"),
        ("America/Los_Angeles", "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"),
        ("America/Los_Angeles", "2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z"),
        ("Asia/Kolkata", "2026-02-09T18:30:00Z", "2026-02-10T18:30:00Z"),
        ("UTC", "1935-02-10T00:00:00Z", "1935-02-11T00:00:00Z"),
        # Clocks that change at midnight: a day that starts at one o'clock, and one that ends with midnight twice.
        ("Africa/Cairo", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"),
        ("Africa/Cairo", "2026-10-28T21:00:00Z", "2026-10-29T22:00:00Z"),
    ],
)
def test_older_versions_match_the_whole_day_of_the_workspaces_timezone(timezone: str, start: str, end: str) -> None:
    workspace = still_workspace(contacts=0, timezone=timezone)
    first, after = second_of(start), second_of(end)
    before, early, late, later = (
        workspace.sign_up(created_at=second) for second in (first - 1, first, after - 1, after)
    )
    client = Client(workspace, headers=headers_of("2.14"))

    for wanted in (first, (first + after) // 2, after - 1):
        assert set(ids(client.search(created("=", wanted)))) == {early, late}
        assert ids(client.search(created("<", wanted))) == [before]
        assert ids(client.search(created(">", wanted))) == [later]


@pytest.mark.parametrize("version", BY_DAY)
@pytest.mark.parametrize("field", ["created_at", "updated_at", "last_seen_at", "custom_attributes.renewal_at"])
def test_older_versions_have_three_operators_for_timestamps(version: str, field: str) -> None:
    client = Client(still_workspace(), headers=headers_of(version))

    for sign in ("=", ">", "<"):
        client.search({"field": field, "operator": sign, "value": SECOND})
    for sign, value in ((">=", SECOND), ("<=", SECOND), ("!=", None), ("IN", [SECOND]), ("NIN", [SECOND])):
        assert client.refusal({"field": field, "operator": sign, "value": value}) == (400, "parameter_invalid")


@pytest.mark.parametrize("version", BY_SECOND)
def test_newer_versions_match_timestamps_by_second(version: str) -> None:
    workspace = still_workspace(contacts=0)
    contact_id = workspace.sign_up(created_at=SECOND)
    client = Client(workspace, headers=headers_of(version))

    found = [len(ids(client.search(created(sign, SECOND)))) for sign in ("=", ">=", "<=", ">", "<", "!=")]

    assert found == [1, 1, 1, 0, 0, 0]
    assert ids(client.search(created(">", SECOND - 1))) == [contact_id]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("field", ["created_at", "custom_attributes.renewal_at"])
def test_a_whole_second_may_have_a_decimal_point(version: str, field: str) -> None:
    workspace = still_workspace(contacts=2)
    contact_id = workspace.sign_up(created_at=SECOND + DAY, custom_attributes={"renewal_at": SECOND + DAY})
    client = Client(workspace, headers=headers_of(version))

    assert ids(client.search({"field": field, "operator": ">", "value": float(SECOND)})) == [contact_id]
    assert client.refusal({"field": field, "operator": ">", "value": SECOND + 0.5}) == (400, "parameter_invalid")


def test_date_attributes_are_compared_by_the_workspaces_days_in_older_versions_and_by_utc_days_in_newer_ones() -> None:
    workspace = still_workspace(contacts=0, timezone="Asia/Kolkata")
    evening = second_of("2026-02-09T19:00:00Z")
    workspace.sign_up(custom_attributes={"renewal_at": evening})
    query = {"field": "custom_attributes.renewal_at", "operator": "=", "value": evening + DAY // 4}

    counts = {
        version: Client(workspace, headers=headers_of(version)).search(query)["total_count"] for version in VERSIONS
    }

    assert counts == dict.fromkeys(BY_DAY, 1) | dict.fromkeys(BY_SECOND, 0)


def test_one_query_has_different_answers_in_different_versions() -> None:
    workspace = still_workspace(contacts=0)
    workspace.sign_up(created_at=SECOND)
    app = httpx.ASGITransport(create_app(workspace))

    async def count(version: str) -> int:
        async with httpx.AsyncClient(transport=app, base_url="http://sandbox", headers=headers_of(version)) as client:
            answer = await client.post("/contacts/search", json={"query": created("=", SECOND + 1)})
        return int(answer.json()["total_count"])

    assert [asyncio.run(count(version)) for version in ("Preview", "2.16", "2.17", "2.7")] == [0, 1, 0, 1]


def test_a_time_beyond_the_calendar_is_accepted() -> None:
    client = Client(still_workspace(), headers=headers_of("2.7"))

    counts = [client.search(created(sign, 10**17))["total_count"] for sign in ("=", ">", "<")]

    assert counts == [0, 0, 40]


@pytest.mark.parametrize("version", BY_DAY)
def test_older_versions_sort_and_answer_by_second(version: str) -> None:
    workspace = still_workspace(contacts=0)
    created_ids = [workspace.sign_up(created_at=SECOND + second) for second in (3, 1, 2)]
    client = Client(workspace, headers=headers_of(version))

    page = client.search(created("=", SECOND), sort={"field": "created_at", "order": "ascending"})

    assert ids(page) == [created_ids[1], created_ids[2], created_ids[0]]
    assert [contact["created_at"] for contact in page["data"]] == [SECOND + 1, SECOND + 2, SECOND + 3]


@pytest.mark.parametrize("version", VERSIONS)
def test_owner_ids_are_numbers_up_to_2_15_and_text_from_2_16_on(version: str) -> None:
    workspace = still_workspace(contacts=0)
    owned = [workspace.sign_up(owner_id=owner) for owner in (814_860, "814861", None)]
    client = Client(workspace, headers=headers_of(version))

    lists = [client.get("/contacts"), client.search({"field": "role", "operator": "=", "value": "user"})]
    alone = [client.get(f"/contacts/{contact_id}")["owner_id"] for contact_id in owned]

    is_text = version in ("2.16", "2.17", "Preview")
    assert alone == (["814860", "814861", None] if is_text else [814_860, 814_861, None])
    for page in lists:
        assert {contact["id"]: contact["owner_id"] for contact in page["data"]} == dict(zip(owned, alone, strict=True))


def test_a_contact_without_an_owner_is_encoded_once_for_all_versions() -> None:
    workspace = still_workspace(contacts=0)
    contact = workspace.contacts[workspace.sign_up(owner_id=None)]

    sent = [workspace.encoder(version).encode(contact) for version in VERSIONS.values()]

    assert all(one is contact.json for one in sent)


def test_only_a_contacts_own_owner_id_depends_on_the_version() -> None:
    workspace = still_workspace(contacts=0)
    custom = {"owner_id": 814_860, 'x"owner_id': 814_860, '"owner_id":814860': '"owner_id":814860'}
    contact_id = workspace.sign_up(owner_id=814_860, name='"owner_id":814860', custom_attributes=custom)

    sent = Client(workspace).get(f"/contacts/{contact_id}")

    assert sent == {**workspace.contacts[contact_id].attributes, "owner_id": "814860"}


def test_below_2_16_an_unknown_order_is_descending() -> None:
    query = {"field": "role", "operator": "=", "value": "user"}
    client = Client(still_workspace(), headers=headers_of("2.15"))

    odd, plain = (client.search(query, sort={"field": "id", "order": order}) for order in ("asc", "descending"))

    assert odd == plain
    assert Client(still_workspace(), headers=headers_of("2.16")).refusal(query, sort={"order": "asc"}) == (
        400,
        "invalid_sort_order",
    )
