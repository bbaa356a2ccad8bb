"""Contact search: pages, sort orders, refused queries."""

import base64
from typing import Any

import msgspec
import pytest

from .client import DAY, SECOND, Client, as_sent, error_code, ids, in_segment, segment_named, still_workspace


def test_a_search_answers_as_intercom_does() -> None:
    workspace = still_workspace(contacts=3, segments=4)

    page = Client(workspace).search(
        in_segment(segment_named(workspace, "Everyone")),
        sort={"field": "id", "order": "ascending"},
        pagination={"per_page": 2},
    )

    following = page["pages"]["next"].pop("starting_after")
    second = sorted(workspace.contacts)[1]
    assert msgspec.json.decode(base64.b64decode(following)) == [second, second, 2]
    assert page == {
        "type": "list",
        "data": [as_sent(workspace.contacts[contact_id]) for contact_id in sorted(workspace.contacts)[:2]],
        "total_count": 3,
        "pages": {"type": "pages", "next": {"page": 2}, "page": 1, "per_page": 2, "total_pages": 2},
    }


def test_without_a_sort_the_latest_update_comes_first() -> None:
    workspace = still_workspace()
    contact_id = list(workspace.contacts)[20]
    workspace.advance(seconds=1)
    workspace.update(contact_id, name="Ann")

    page = Client(workspace).search({"field": "created_at", "operator": ">", "value": 0})

    updates = [contact["updated_at"] for contact in page["data"]]
    assert ids(page)[0] == contact_id
    assert updates == sorted(updates, reverse=True)


def test_the_page_size_is_50_by_default_and_at_most_150() -> None:
    client = Client(still_workspace(contacts=200))
    query = {"field": "created_at", "operator": ">", "value": 0}

    sizes = [len(client.search(query, pagination=pagination)["data"]) for pagination in ({}, {"per_page": 500})]

    assert sizes == [50, 150]


def test_a_cursor_in_the_query_string_of_a_search_is_ignored() -> None:
    client = Client(still_workspace())
    query = {"field": "created_at", "operator": ">", "value": 0}
    first = client.search(query, pagination={"per_page": 5})

    cursor = first["pages"]["next"]["starting_after"]
    body = {"query": query, "pagination": {"per_page": 5}}
    again = client.request("POST", "/contacts/search", params={"starting_after": cursor}, json=body)

    assert again.json() == first


def test_a_contact_updated_while_paging_by_descending_updated_at_is_missed() -> None:
    workspace = still_workspace(segments=4)
    everyone = in_segment(segment_named(workspace, "Everyone"))
    pages = Client(workspace).pages(everyone, sort={"field": "updated_at", "order": "descending"})

    found = ids(next(pages))
    missed = (set(workspace.contacts) - set(found)).pop()
    workspace.update(missed, name="Ann")
    found += [contact_id for page in pages for contact_id in ids(page)]

    assert set(workspace.contacts) - set(found) == {missed}


def test_a_member_who_ages_out_while_paging_is_in_no_later_page() -> None:
    workspace = still_workspace(contacts=0)
    for age in range(30):
        workspace.sign_up(signed_up_at=SECOND - age * DAY, created_at=SECOND - age * DAY)
    query = in_segment(segment_named(workspace, "New"))
    pages = Client(workspace).pages(query, sort={"field": "created_at", "order": "descending"})

    first = next(pages)
    workspace.advance(days=15)
    rest = list(pages)

    assert (first["total_count"], rest[-1]["total_count"]) == (30, 15)
    assert sum(len(page["data"]) for page in [first, *rest]) == 15


def test_a_date_attribute_is_compared_by_utc_day() -> None:
    workspace = still_workspace(contacts=0)
    contact_id = workspace.sign_up(custom_attributes={"renewal_at": SECOND})
    client = Client(workspace)

    def matches(sign: str, value: int) -> bool:
        query = {"field": "custom_attributes.renewal_at", "operator": sign, "value": value}
        return ids(client.search(query)) == [contact_id]

    noon, midnight = SECOND, SECOND - DAY // 2
    assert [matches("=", midnight), matches(">", midnight), matches("<", noon + 60)] == [True, False, False]
    assert [matches(">", midnight - 1), matches("<", midnight + DAY)] == [True, True]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"field": "shoe_size", "operator": "=", "value": 1}, "invalid_field"),
        ({"field": "company_id", "operator": "=", "value": "1"}, "invalid_field"),
        ({"field": "created_at", "operator": "IN", "value": [1]}, "parameter_invalid"),
        ({"field": "created_at", "operator": ">", "value": "yesterday"}, "parameter_invalid"),
        ({"field": "created_at", "operator": ">", "value": None}, "parameter_invalid"),
        ({"field": "created_at", "operator": "~", "value": 1}, "parameter_invalid"),
        ({"field": "name", "operator": ">", "value": "A"}, "parameter_invalid"),
        ({"field": "name", "operator": "=", "value": 5}, "parameter_invalid"),
        ({"field": "name", "operator": "==", "value": "A"}, "parameter_invalid"),
        ({"field": "has_hard_bounced", "operator": "=", "value": "true"}, "parameter_invalid"),
        ({"field": "tag_id", "operator": "IN", "value": ["1"]}, "parameter_invalid"),
        ({"field": "segment_id", "operator": "~", "value": "1"}, "parameter_invalid"),
        ({"field": "segment_id", "operator": "IN", "value": "1"}, "parameter_invalid"),
        ({"field": "id", "operator": "IN", "value": []}, "parameter_invalid"),
        ({"field": "id", "operator": {}, "value": []}, "client_error"),
        ({"operator": "AND", "value": []}, "client_error"),
        ({"operator": "AND", "value": [{"field": "role", "operator": "=", "value": "user"}] * 16}, "client_error"),
        (
            {"operator": "AND", "value": [{"operator": "OR", "value": [{"operator": "AND", "value": []}]}]},
            "client_error",
        ),
        ("all contacts", "parameter_not_found"),
    ],
)
def test_a_query_that_intercom_would_refuse_is_refused(query: Any, expected: str) -> None:
    assert Client(still_workspace()).refusal(query) == (400, expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"sort": {"field": "created_at", "order": "desc"}}, "invalid_sort_order"),
        ({"sort": {"field": "shoe_size"}}, "invalid_field"),
        ({"sort": {"field": "segment_id"}}, "invalid_field"),
        ({"sort": "created_at"}, "parameter_invalid"),
        ({"pagination": {"starting_after": "invalid"}}, "client_error"),
        ({"pagination": {"starting_after": "W10="}}, "client_error"),
        ({"pagination": {"per_page": 0}}, "invalid_per_page"),
    ],
)
def test_an_invalid_sort_or_page_is_refused(options: dict[str, Any], expected: str) -> None:
    query = {"field": "role", "operator": "=", "value": "user"}

    assert Client(still_workspace()).refusal(query, **options) == (400, expected)


def test_a_body_that_is_not_json_is_refused() -> None:
    answer = Client(still_workspace()).request("POST", "/contacts/search", content=b'{"query": ')

    assert (answer.status_code, error_code(answer)) == (400, "client_error")
