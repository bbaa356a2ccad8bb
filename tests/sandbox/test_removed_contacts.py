"""Contacts that are merged, archived, blocked or deleted, and the list of removed contacts."""

from itertools import pairwise
from typing import Any

import pytest

from sandbox.people import Contact
from sandbox.world import VERSIONS, Workspace

from .client import (
    DAY,
    REMOVED,
    SECOND,
    Client,
    as_sent,
    created,
    error_code,
    headers_of,
    ids,
    in_segment,
    segment_named,
    still_workspace,
)

# Merged, archived and blocked contacts


@pytest.mark.parametrize("version", VERSIONS)
def test_from_2_16_on_a_merged_contact_links_to_the_surviving_contact(version: str) -> None:
    workspace = still_workspace()
    chain = [workspace.sign_up(role="lead") for _ in range(5)]
    for lead, user in pairwise(chain):
        workspace.merge(lead, user)
    client = Client(workspace, headers=headers_of(version))

    far, near = (client.request("GET", f"/contacts/{contact_id}") for contact_id in chain[:2])

    assert (far.status_code, error_code(far)) == (404, "not_found")
    if version in ("2.16", "2.17", "Preview"):
        assert (near.status_code, error_code(near)) == (410, "contact_merged")
        assert near.headers["link"] == f'</contacts/{chain[-1]}>; rel="canonical"'
    else:
        assert (near.status_code, error_code(near)) == (404, "not_found")
        assert "link" not in near.headers


def test_a_contact_merged_into_a_deleted_one_is_not_found() -> None:
    workspace = still_workspace()
    lead, user = workspace.sign_up(role="lead"), workspace.sign_up()
    workspace.merge(lead, user)
    workspace.delete(user)

    answer = Client(workspace).request("GET", f"/contacts/{lead}")

    assert (answer.status_code, error_code(answer)) == (404, "not_found")


def test_a_contact_is_not_merged_into_itself() -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up()

    with pytest.raises(ValueError, match="itself"):
        workspace.merge(contact_id, contact_id)


def test_a_merge_moves_the_survivors_updated_at() -> None:
    workspace = still_workspace()
    lead, user = workspace.sign_up(role="lead"), workspace.sign_up()
    workspace.advance(days=1)

    workspace.merge(lead, user)

    assert workspace.contacts[user].value("updated_at") == SECOND + DAY


def remove(workspace: Workspace, how: str, contact_id: str) -> None:
    {"merge": lambda merged_id: workspace.merge(merged_id, workspace.sign_up())}.get(how, getattr(workspace, how))(
        contact_id
    )


@pytest.mark.parametrize("how", ["merge", "archive", "block", "delete"])
def test_a_removed_contact_is_in_no_list_search_or_segment_except_in_the_past(how: str) -> None:
    workspace = still_workspace()
    everyone = segment_named(workspace, "Everyone")
    contact_id = workspace.sign_up()
    client = Client(workspace)
    before = workspace.now()
    pairs = workspace.pairs()
    workspace.advance(seconds=1)

    remove(workspace, how, contact_id)

    assert contact_id not in {*workspace.members(everyone), *ids(client.get("/contacts", per_page=150))}
    for query in ({"field": "id", "operator": "=", "value": contact_id}, created(">", 0), in_segment(everyone)):
        assert contact_id not in ids(client.search(query, pagination={"per_page": 150}))
    assert (everyone, contact_id) in pairs
    assert workspace.pairs(at=before) == pairs
    assert workspace.pairs(at=workspace.now()) == workspace.pairs()


def test_an_unarchived_contact_is_unchanged_except_for_updated_at() -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up(name="Ann")
    workspace.tag(contact_id, "vip")
    before = as_sent(workspace.contacts[contact_id])
    workspace.archive(contact_id)
    workspace.advance(days=1)

    workspace.unarchive(contact_id)

    assert Client(workspace).get(f"/contacts/{contact_id}") == {**before, "updated_at": SECOND + DAY}
    assert workspace.contacts[contact_id].tags == {"vip"}
    assert contact_id in workspace.members(segment_named(workspace, "Everyone"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("how", "flag"), [("archive", "archived"), ("block", "blocked")])
def test_an_archived_or_blocked_contact_is_found_by_id_with_a_flag_and_no_segments(
    how: str, flag: str, version: str
) -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up()
    client = Client(workspace, headers=headers_of(version))
    before = client.get(f"/contacts/{contact_id}")

    remove(workspace, how, contact_id)

    assert client.get(f"/contacts/{contact_id}") == {**before, flag: True}
    assert client.get(f"/contacts/{contact_id}/segments") == {"type": "list", "data": []}


def test_field_changes_apply_to_archived_contacts() -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up()
    workspace.archive(contact_id)

    workspace.encoding.change_fields(add={"pronouns": "they"})

    sent = Client(workspace).get(f"/contacts/{contact_id}")
    assert (sent["pronouns"], sent["archived"]) == ("they", True)


@pytest.mark.parametrize("how", ["merge", "delete"])
def test_the_segments_of_a_merged_or_deleted_contact_are_not_found(how: str) -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up()
    remove(workspace, how, contact_id)

    answer = Client(workspace).request("GET", f"/contacts/{contact_id}/segments")

    assert (answer.status_code, error_code(answer)) == (404, "not_found")


@pytest.mark.parametrize("how", ["block", "merge", "delete"])
def test_only_an_archived_contact_can_be_unarchived(how: str) -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up()
    remove(workspace, how, contact_id)

    with pytest.raises(KeyError):
        workspace.unarchive(contact_id)


@pytest.mark.parametrize("how", ["archive", "block", "unarchive"])
def test_an_unknown_contact_can_be_neither_removed_nor_restored(how: str) -> None:
    with pytest.raises(KeyError):
        getattr(still_workspace(), how)("unknown")


# The list of removed contacts


def removed(contact: Contact, status: str, **more: str) -> dict[str, Any]:
    known = {key: contact.attributes[key] for key in ("id", "external_id", "email")}
    return {"type": "contact", **known, "status": status, **more}


def test_the_list_of_removed_contacts_has_the_status_of_each() -> None:
    workspace = still_workspace()
    archived, back, blocked, merged, deleted, user = list(workspace.contacts.values())[:6]
    workspace.delete(deleted.id)
    workspace.archive(archived.id)
    workspace.archive(back.id)
    workspace.block(blocked.id)
    workspace.merge(merged.id, user.id)
    workspace.unarchive(back.id)

    page = Client(workspace).get(REMOVED)

    assert page == {
        "type": "list",
        "data": [
            removed(deleted, "pending_deletion"),
            removed(archived, "archived"),
            removed(blocked, "blocked"),
            removed(merged, "merged", merged_into_id=user.id),
        ],
        "pages": {"type": "pages", "page": 1, "per_page": 10, "total_pages": 1},
        "total_count": 4,
    }


def test_a_deleted_contact_has_no_attributes_after_seven_days() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    contact = workspace.contacts[workspace.sign_up(email="ann@example.com")]
    workspace.delete(contact.id)

    workspace.advance(days=7, seconds=-1)
    (before,) = client.get(REMOVED)["data"]
    workspace.advance(seconds=1)
    (after,) = client.get(REMOVED)["data"]

    assert before == removed(contact, "pending_deletion")
    assert after == {**before, "status": "permanently_deleted", "external_id": None, "email": None}


def test_the_list_of_removed_contacts_is_paged_by_number() -> None:
    workspace = still_workspace(contacts=200)
    people = list(workspace.contacts)[:160]
    for contact_id in people:
        workspace.archive(contact_id)
    client = Client(workspace)

    pages = [client.get(REMOVED, per_page=999, page=page) for page in (1, 2, 3)]

    assert [ids(page) for page in pages] == [people[:150], people[150:], []]
    assert [page["pages"] for page in pages] == [
        {"type": "pages", "page": page, "per_page": 150, "total_pages": 2} for page in (1, 2, 3)
    ]
    assert {page["total_count"] for page in pages} == {160}
    assert len(client.get(REMOVED)["data"]) == 10


@pytest.mark.parametrize("page", ["0", "abc"])
def test_a_page_number_below_1_is_refused(page: str) -> None:
    answer = Client(still_workspace()).request("GET", REMOVED, params={"page": page})

    assert (answer.status_code, error_code(answer)) == (400, "parameter_invalid")


def test_email_addresses_of_removed_contacts_are_escaped_unless_configured() -> None:
    workspace = still_workspace()
    workspace.archive(workspace.sign_up(email="a&b@example.com"))
    client = Client(workspace)

    lists = [client.get(REMOVED), client.get(REMOVED, escape_identity="false")]

    assert [page["data"][0]["email"] for page in lists] == ["a&amp;b@example.com", "a&b@example.com"]


def test_a_contact_who_signs_up_again_with_its_id_is_no_longer_removed() -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up()
    workspace.merge(contact_id, workspace.sign_up())

    workspace.sign_up(id=contact_id)

    client = Client(workspace)
    assert client.get(REMOVED)["data"] == []
    assert client.get(f"/contacts/{contact_id}") == as_sent(workspace.contacts[contact_id])
