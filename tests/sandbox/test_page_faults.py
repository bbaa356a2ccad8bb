"""Faults of pages, lists, the feed and single endpoints."""

from typing import Any

import pytest

from sandbox.world import Workspace

from .client import FEED, Client, error_code, ids, in_segment, segment_named, still_workspace


def everyone_in_pages(workspace: Workspace, client: Client) -> list[Any]:
    query = in_segment(segment_named(workspace, "Everyone"))
    return list(client.pages(query, sort={"field": "id", "order": "ascending"}))


def test_an_empty_page_keeps_its_count_and_its_next() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    workspace.faults.empty_page(segment_named(workspace, "Everyone"), page=2)

    faulty, whole = everyone_in_pages(workspace, client), everyone_in_pages(workspace, client)

    assert [len(page["data"]) for page in faulty] == [10, 0, 10, 10]
    assert {**faulty[1], "data": whole[1]["data"]} == whole[1]


def test_an_empty_page_can_be_the_last() -> None:
    workspace = still_workspace()
    workspace.faults.empty_page(page=2, keeps_next=False)

    pages = everyone_in_pages(workspace, Client(workspace))

    assert [(len(page["data"]), page["total_count"]) for page in pages] == [(10, 40), (0, 40)]


def test_half_a_page_continues_like_a_whole_one() -> None:
    workspace = still_workspace()
    workspace.faults.half_page(segment_named(workspace, "Everyone"))

    pages = everyone_in_pages(workspace, Client(workspace))

    assert [contact_id for page in pages for contact_id in ids(page)] == sorted(
        set(workspace.contacts) - set(sorted(workspace.contacts)[5:10])
    )


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_a_repeated_page_replaces_the_next(order: str) -> None:
    workspace = still_workspace()
    segment_id = segment_named(workspace, "Everyone")
    workspace.faults.repeat_page(segment_id, page=2)

    pages = Client(workspace).pages(in_segment(segment_id), sort={"field": "id", "order": order})

    first, second, third, last = (ids(page) for page in pages)
    assert third == second
    assert {*first, *second, *last} < {*workspace.contacts}
    assert not {*last} & {*first, *second}


def test_a_fault_of_one_segment_does_not_affect_others() -> None:
    workspace = still_workspace()
    workspace.faults.empty_page(segment_named(workspace, "New"), times=None)

    assert len(everyone_in_pages(workspace, Client(workspace))[0]["data"]) == 10


def test_segments_can_be_missing_from_the_list_and_still_exist() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    workspace.faults.half_segment_list()
    workspace.faults.lose_segments(3, times=2)

    lengths = [len(client.get("/segments")["segments"]) for _ in range(4)]

    assert lengths == [4, 5, 5, 8]
    assert client.get(f"/segments/{list(workspace.segments)[-1]}")


def test_the_feed_can_be_empty_and_then_continue() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    workspace.sign_up()
    cursor = client.get(FEED)["pages"]["next"]
    workspace.sign_up()
    whole = client.get(FEED, **cursor)
    workspace.faults.empty_feed(times=2)

    pages = [client.get(FEED, **cursor) for _ in range(3)]

    empty = {"type": "list", "data": [], "pages": {"type": "pages", "per_page": 50}}
    assert pages == [empty, empty, whole]


def test_the_feed_is_empty_until_faults_are_cleared() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    workspace.sign_up()
    workspace.faults.empty_feed(times=None)

    activities = [client.get(FEED)["data"] for _ in range(3)]
    workspace.faults.clear()

    assert activities == [[], [], []]
    assert len(client.get(FEED)["data"]) == 1


@pytest.mark.parametrize("status", [403, 502, 503])
def test_a_load_balancer_answers_html_without_intercoms_headers(status: int) -> None:
    workspace = still_workspace()
    client = Client(workspace)
    workspace.faults.status(status, times=2, path_prefix="/segments")

    answers = [client.request("GET", path) for path in ("/me", "/segments", "/segments", "/segments")]

    assert [answer.status_code for answer in answers] == [200, status, status, 200]
    assert answers[1].headers["content-type"].startswith("text/html")
    assert "x-request-id" not in answers[1].headers


def test_intercoms_own_errors_come_in_its_envelope() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    workspace.faults.status(500)
    workspace.faults.status(429, headers={"Retry-After": "3"})

    broken, refused = client.request("GET", "/me"), client.request("GET", "/me")

    assert (broken.status_code, error_code(broken)) == (500, "server_error")
    assert (refused.status_code, error_code(refused)) == (429, "rate_limit_exceeded")
    assert (refused.headers["retry-after"], refused.headers["x-ratelimit-remaining"]) == ("3", "0")
    assert workspace.refused == 1


def test_a_body_can_be_empty_until_faults_are_cleared() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    workspace.faults.empty_body(times=None)

    answers = [client.request("GET", "/me") for _ in range(3)]
    workspace.faults.clear()

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"")}
    assert client.get("/me")["type"] == "admin"
