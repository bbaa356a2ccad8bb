"""Answers that a test can configure: refused searches, wrong counts, a late index, the last page."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.world import NextPageStyle

from .client import Client, created, group_of, ids, in_segment, segment_named, still_workspace

# Refused searches and wrong counts


@pytest.mark.parametrize("sign", ["=", "!=", "IN"])
def test_a_search_by_segment_can_be_refused_at_every_level(sign: str) -> None:
    workspace = still_workspace()
    segment_id = segment_named(workspace, "Everyone")
    client = Client(workspace)
    query = {**in_segment(segment_id), "operator": sign, "value": [segment_id] if sign == "IN" else segment_id}
    deep = group_of("AND", group_of("OR", query))
    client.search(deep)

    workspace.refuses.add("segment_id")

    for one in (query, group_of("AND", query), deep):
        answer = client.request("POST", "/contacts/search", json={"query": one})
        assert answer.status_code == 400
        assert answer.json()["errors"] == [
            {"code": "invalid_field", "message": "segment_id is not a valid search field"}
        ]
    assert client.search({"field": "id", "operator": "IN", "value": list(workspace.contacts)})["total_count"] == 40


def test_a_refused_search_for_several_ids_leaves_the_search_for_one_id() -> None:
    workspace = still_workspace()
    contact_id = next(iter(workspace.contacts))
    client = Client(workspace)
    many = {"field": "id", "operator": "IN", "value": [contact_id]}

    workspace.refuses.add("id IN")

    answer = client.request("POST", "/contacts/search", json={"query": group_of("AND", many)})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"code": "parameter_invalid", "message": "IN is not a valid operator for id"}]
    assert ids(client.search({**many, "operator": "=", "value": contact_id})) == [contact_id]
    assert client.search(in_segment(segment_named(workspace, "Everyone")))["total_count"] == 40


def test_a_search_that_is_no_longer_refused_is_answered() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    query = in_segment(segment_named(workspace, "Everyone"))
    workspace.refuses.add("segment_id")
    refusal = client.refusal(query)

    workspace.refuses.clear()

    assert refusal == (400, "invalid_field")
    assert client.search(query)["total_count"] == 40


@pytest.mark.parametrize(("reported_count", "count"), [(lambda size: size + 3, 43), (lambda size: None, None)])
def test_the_list_can_report_a_wrong_count_while_search_reports_the_true_one(
    reported_count: Callable[[int], int | None], count: int | None
) -> None:
    workspace = still_workspace()
    everyone = segment_named(workspace, "Everyone")
    workspace.reported_count = reported_count

    client = Client(workspace)

    counts = {segment["id"]: segment["count"] for segment in client.get("/segments", include_count="true")["segments"]}
    assert counts[everyone] == count
    assert client.search(in_segment(everyone))["total_count"] == 40


# The index lag


def test_search_finds_a_new_contact_after_the_index_lag() -> None:
    workspace = still_workspace(index_lag=600)
    everyone = segment_named(workspace, "Everyone")
    client = Client(workspace)
    contact_id = workspace.sign_up()

    found = []
    for seconds in (0, 599, 1):
        workspace.advance(seconds=seconds)
        pages = [
            client.search(query, pagination={"per_page": 150}) for query in (in_segment(everyone), created(">", 0))
        ]
        found.append([(contact_id in ids(page), page["total_count"]) for page in pages])

    assert found == [[(False, 40)] * 2, [(False, 40)] * 2, [(True, 41)] * 2]


def test_the_members_and_the_list_have_a_new_contact_at_once() -> None:
    workspace = still_workspace(index_lag=600)
    everyone = segment_named(workspace, "Everyone")
    contact_id = workspace.sign_up()
    created_at = workspace.now()

    assert contact_id in workspace.members(everyone)
    assert contact_id in ids(Client(workspace).get("/contacts", per_page=150))
    assert workspace.pairs() - workspace.memberships.searchable_pairs() == {
        pair for pair in workspace.pairs() if pair[1] == contact_id
    }
    workspace.advance(days=1)
    assert workspace.memberships.searchable_pairs() == workspace.pairs()
    assert (everyone, contact_id) not in workspace.memberships.searchable_pairs(at=created_at)


def test_search_finds_an_update_at_once_despite_the_lag() -> None:
    workspace = still_workspace(index_lag=600)
    contact_id = next(iter(workspace.contacts))

    workspace.update(contact_id, name="Ann")

    query = {"field": "name", "operator": "=", "value": "Ann"}
    assert ids(Client(workspace).search(query)) == [contact_id]


# Styles of the last page


@pytest.mark.parametrize(
    ("style", "end"),
    [
        ("absent", {}),
        ("null", {"next": None}),
        ("object", {"next": {"page": 5, "starting_after": None}}),
        ("url", {}),
    ],
)
def test_the_last_page_ends_in_the_configured_style(style: NextPageStyle, end: dict[str, Any]) -> None:
    workspace = still_workspace()
    workspace.next_page_style = style
    client = Client(workspace)
    cursor = base64.b64encode(b'[0,"",4]').decode()
    ascending = {"field": "created_at", "order": "ascending"}

    last = client.search(created(">", 0), pagination={"starting_after": cursor}, sort=ascending)

    assert {key: last["pages"][key] for key in last["pages"] if key == "next"} == end


@pytest.mark.parametrize("style", ["absent", "null", "object"])
def test_a_page_before_the_last_has_an_object_with_a_cursor(style: NextPageStyle) -> None:
    workspace = still_workspace()
    workspace.next_page_style = style

    following = Client(workspace).search(created(">", 0), pagination={"per_page": 5})["pages"]["next"]

    assert following.keys() == {"page", "starting_after"}
    assert following["page"] == 2


def test_the_next_page_of_a_search_can_be_a_url_with_the_cursor_encoded() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    plain = client.search(created(">", 0), pagination={"per_page": 7})
    workspace.next_page_style = "url"

    odd = client.search(created(">", 0), pagination={"per_page": 7})

    url = urlsplit(odd["pages"].pop("next"))
    cursor = plain["pages"].pop("next")["starting_after"]
    assert (url.scheme, url.netloc, url.path) == ("http", "sandbox", "/contacts/search")
    assert parse_qs(url.query) == {"per_page": ["7"], "starting_after": [cursor]}
    assert "=" not in url.query.rpartition("starting_after=")[2]
    assert odd == plain
    assert client.get("/contacts")["pages"]["next"].keys() == {"page", "starting_after"}
