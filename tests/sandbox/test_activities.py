"""The activity feed."""

from typing import Any

import pytest

from .client import BY_DAY, BY_SECOND, DAY, FEED, REMOVED, SECOND, Client, error_code, headers_of, still_workspace


def test_the_feed_has_creations_merges_and_deletions_and_nothing_else() -> None:
    workspace = still_workspace()
    lead = workspace.sign_up(role="lead")
    workspace.advance(seconds=1.5)
    user = workspace.sign_up(external_id="user-42")
    for change in (workspace.see, workspace.archive, workspace.unarchive):
        change(user)
    workspace.update(user, name="Ann")
    workspace.tag(user, "vip")
    workspace.block(next(iter(workspace.contacts)))
    workspace.merge(lead, user)
    workspace.advance(days=1)
    workspace.delete(user)

    feed = Client(workspace).get(FEED)

    def activity(number: int, second: float, event_type: str, contact_id: str, **more: str) -> dict[str, Any]:
        return {
            "type": "contact_activity",
            "id": f"{int((SECOND + second) * 1000)}.{number:06x}",
            "event_type": event_type,
            "contact_id": contact_id,
            **more,
            "created_at": SECOND + int(second),
        }

    merge = {"merge_source_id": lead, "merge_target_id": user}
    assert feed == {
        "type": "list",
        "data": [
            activity(1, 0, "contact.created", lead, role="lead"),
            activity(2, 1.5, "contact.created", user, role="user", external_id="user-42"),
            activity(3, 1.5, "contact.merged", user, role="user", external_id="user-42", **merge),
            activity(4, 1.5 + DAY, "contact.deleted", user, role="user"),
        ],
        "pages": {"type": "pages", "per_page": 50, "next": {"starting_after": feed["data"][-1]["id"]}},
    }


def test_the_feed_continues_after_the_last_id_and_an_empty_page_has_no_next() -> None:
    workspace = still_workspace(contacts=0)
    client = Client(workspace)
    people = [workspace.sign_up() for _ in range(5)]

    pages = [client.get(FEED, per_page=3)]
    while following := pages[-1]["pages"].get("next"):
        pages.append(client.get(FEED, per_page=3, **following))

    assert [[activity["contact_id"] for activity in page["data"]] for page in pages] == [people[:3], people[3:], []]
    assert pages[-1] == {"type": "list", "data": [], "pages": {"type": "pages", "per_page": 3}}
    workspace.delete(people[0])
    (latest,) = client.get(FEED, **pages[-2]["pages"]["next"])["data"]
    assert (latest["event_type"], latest["contact_id"]) == ("contact.deleted", people[0])


def test_the_feed_has_no_initial_contact_of_a_workspace() -> None:
    assert Client(still_workspace()).get(FEED)["data"] == []


@pytest.mark.parametrize(("per_page", "expected"), [(None, 50), ("151", 150), ("7", 7), ("12abc", 12)])
def test_the_feed_has_50_activities_a_page_and_at_most_150(per_page: str | None, expected: int) -> None:
    workspace = still_workspace(contacts=0)
    for _ in range(200):
        workspace.sign_up()

    page = Client(workspace).get(FEED, **({"per_page": per_page} if per_page else {}))

    assert (len(page["data"]), page["pages"]["per_page"]) == (expected, expected)


@pytest.mark.parametrize("path", [FEED, REMOVED])
@pytest.mark.parametrize("per_page", ["0", "abc", "-1", ""])
def test_a_page_size_below_1_is_refused(path: str, per_page: str) -> None:
    answer = Client(still_workspace()).request("GET", path, params={"per_page": per_page})

    assert (answer.status_code, error_code(answer)) == (400, "invalid_per_page")


def test_a_cursor_that_is_not_from_the_feed_is_refused() -> None:
    workspace = still_workspace()
    workspace.sign_up()

    answer = Client(workspace).request("GET", FEED, params={"starting_after": "1717000200000.0000c3"})

    message = "Please try again using a starting_after value from a paginated response"
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"code": "client_error", "message": f"Invalid starting_after param. {message}"}]


@pytest.mark.parametrize("version", BY_DAY)
@pytest.mark.parametrize("path", [FEED, REMOVED])
def test_older_versions_have_neither_the_feed_nor_the_list_of_removed_contacts(path: str, version: str) -> None:
    answer = Client(still_workspace(), headers=headers_of(version)).request("GET", path)

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"code": "intercom_version_invalid", "message": "Requested resource is not available in current API version"}
    ]


@pytest.mark.parametrize("version", BY_SECOND)
@pytest.mark.parametrize("path", [FEED, REMOVED])
def test_newer_versions_have_the_feed_and_the_list_of_removed_contacts(path: str, version: str) -> None:
    assert Client(still_workspace(), headers=headers_of(version)).get(path)["data"] == []
