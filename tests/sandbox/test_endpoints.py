"""What each endpoint returns."""

import pytest

from sandbox.segments.rules import Nobody

from .client import DAY, FEED, REMOVED, SECOND, Client, as_sent, ids, in_segment, segment_named, still_workspace


def test_me_has_the_workspace_its_region_and_timezone() -> None:
    workspace = still_workspace(workspace_id="acme", region="EU", timezone="Europe/Berlin")

    app = Client(workspace).get("/me")["app"]

    assert (app["id_code"], app["region"], app["timezone"]) == ("acme", "EU", "Europe/Berlin")


def test_segments_have_a_count_only_on_request() -> None:
    workspace = still_workspace()
    client = Client(workspace)

    plain, counted = client.get("/segments"), client.get("/segments", include_count="true")

    assert plain["type"] == "segment.list"
    assert not any("count" in segment for segment in plain["segments"])
    assert {segment["id"]: segment["count"] for segment in counted["segments"]} == {
        segment_id: len(workspace.members(segment_id)) for segment_id in workspace.segments
    }


def test_an_edited_or_renamed_segment_moves_its_updated_at() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    segment_id = segment_named(workspace, "Paying")
    workspace.advance(days=1)

    workspace.rename_segment(segment_id, "Customers")
    workspace.edit_segment(segment_id, Nobody())

    assert client.get(f"/segments/{segment_id}") == {
        "type": "segment",
        "id": segment_id,
        "name": "Customers",
        "created_at": workspace.segments[segment_id].created_at,
        "updated_at": SECOND + DAY,
        "person_type": "user",
    }
    assert client.search(in_segment(segment_id))["data"] == []


def test_a_deleted_segment_is_in_no_answer() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    segment_id = segment_named(workspace, "Everyone")

    workspace.delete_segment(segment_id)

    assert client.request("GET", f"/segments/{segment_id}").json()["errors"] == [
        {"code": "not_found", "message": "Resource Not Found"}
    ]
    assert segment_id not in {segment["id"] for segment in client.get("/segments")["segments"]}
    assert client.search(in_segment(segment_id))["total_count"] == 0


def test_a_contact_and_its_segments_can_be_read() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    contact_id = next(iter(workspace.contacts))

    contact = client.get(f"/contacts/{contact_id}")
    segments = client.get(f"/contacts/{contact_id}/segments")

    assert contact == as_sent(workspace.contacts[contact_id])
    assert segments["type"] == "list"
    assert {(segment["id"], contact_id) for segment in segments["data"]} == {
        pair for pair in workspace.pairs() if pair[1] == contact_id
    }


@pytest.mark.parametrize("path", ["/contacts/{}", "/contacts/{}/segments"])
def test_a_deleted_contact_is_not_found(path: str) -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up()
    workspace.delete(contact_id)

    answer = Client(workspace).request("GET", path.format(contact_id))

    assert answer.status_code == 404
    assert answer.json()["errors"] == [{"code": "not_found", "message": "User Not Found"}]


def test_the_list_of_contacts_has_10_a_page_and_at_most_150() -> None:
    workspace = still_workspace(contacts=200)
    client = Client(workspace)

    pages = [client.get("/contacts")["pages"], client.get("/contacts", per_page=999)["pages"]]

    assert [page["per_page"] for page in pages] == [10, 150]
    assert [page["total_pages"] for page in pages] == [20, 2]


def test_the_list_of_contacts_is_complete() -> None:
    workspace = still_workspace()
    client = Client(workspace)

    found, page = [], client.get("/contacts", per_page=7)
    found += ids(page)
    while "next" in page["pages"]:
        page = client.get("/contacts", per_page=7, starting_after=page["pages"]["next"]["starting_after"])
        found += ids(page)

    assert sorted(found) == sorted(workspace.contacts)


def test_calls_are_counted_by_endpoint() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    contact_id = next(iter(workspace.contacts))

    for path in ("/me", "/segments", "/contacts", f"/contacts/{contact_id}", f"/contacts/{contact_id}/segments"):
        client.get(path)
    for path in (FEED, REMOVED):
        client.get(path)
    client.get(f"/segments/{next(iter(workspace.segments))}")
    client.search(in_segment("none"))

    kinds = ("me", "segments", "segment", "contacts", "contact", "contact_segments", "search", "activities", "deleted")
    assert workspace.calls == dict.fromkeys(kinds, 1)


def test_the_status_has_contents_and_calls_and_is_not_a_call_itself() -> None:
    workspace = still_workspace(segments=4)
    client = Client(workspace, limit=2)
    workspace.faults.status(500)
    for _ in range(3):
        client.request("GET", "/me")

    status = client.request("GET", "/_sandbox", headers={}).json()

    assert status.pop("cpu_seconds") > 0
    assert status == {
        "contacts": 40,
        "segments": {segment: len(workspace.members(segment)) for segment in workspace.segments},
        "calls": {"me": 1},
        "refused": 1,
        "spoilt": {"500": 1},
    }


@pytest.mark.parametrize("memberships", [2.5, 3.7])
def test_segments_can_be_chosen_by_memberships_per_contact(memberships: float) -> None:
    workspace = still_workspace(contacts=1900, segments=30, memberships=memberships)

    assert len(workspace.segments) == 30
    assert 0.97 * memberships < len(workspace.pairs()) / 1900 <= memberships
