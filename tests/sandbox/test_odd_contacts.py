"""Contacts with irregular values, and contacts with changed fields."""

from sandbox.world import add_odd_contacts
from sandbox.world.oddities import COLLIDING, FUTURE, ODD_NAMES, PAST

from .client import DAY, SECOND, Client, as_sent, created, headers_of, ids, still_workspace

# Odd contacts


def test_odd_contacts_are_sent_unchanged() -> None:
    workspace = still_workspace(contacts=0)
    client = Client(workspace)

    odd = add_odd_contacts(workspace)

    sent = {contact_id: client.get(f"/contacts/{contact_id}") for found in odd.values() for contact_id in found}
    assert sent == {contact_id: as_sent(contact) for contact_id, contact in workspace.contacts.items()}
    assert len({sent[contact_id]["created_at"] for contact_id in odd["crowd"]}) == 1
    assert [(sent[contact_id]["created_at"], sent[contact_id]["updated_at"]) for contact_id in odd["dates"]] == [
        (PAST, PAST),
        (PAST, FUTURE),
        (FUTURE, FUTURE),
    ]
    assert [sent[contact_id]["name"] for contact_id in odd["names"]] == list(ODD_NAMES)
    assert COLLIDING.items() <= sent[odd["attributes"][0]]["custom_attributes"].items()
    assert {sent[contact_id]["email"] for contact_id in odd["emails"]} == {None}


def test_search_finds_odd_contacts() -> None:
    workspace = still_workspace()
    odd = add_odd_contacts(workspace)
    second = workspace.contacts[odd["crowd"][0]].value("created_at")
    clients = [Client(workspace, headers=headers_of(version)) for version in ("2.14", "Preview")]

    for client in clients:
        crowd = client.pages(created("=", second), per_page=150, sort={"field": "created_at", "order": "ascending"})
        assert set(odd["crowd"]) <= {contact_id for page in crowd for contact_id in ids(page)}
        assert set(ids(client.search(created("<", 0)))) == set(odd["dates"][:2])
        assert ids(client.search(created(">", SECOND + DAY))) == odd["dates"][2:]
        for name, value in COLLIDING.items():
            if value is not None:
                query = {"field": f"custom_attributes.{name}", "operator": "=", "value": value}
                assert odd["attributes"][0] in ids(client.search(query))


def test_names_of_odd_attributes_collide_or_are_long() -> None:
    names = list(COLLIDING)

    assert len({name.strip().lower() for name in names}) < len(names)
    assert len([name for name in names if len(name) == 80]) == 2


# Changed fields


def test_sent_contacts_have_fields_added_retyped_nulled_and_removed() -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up(
        custom_attributes={"plan": "pro", "seats": 3, "plan.tier": 1}, name="Ann", phone=None
    )
    before = as_sent(workspace.contacts[contact_id])

    workspace.encoding.change_fields(
        add={"pronouns": "they", "custom_attributes.score": 7.5, "custom_attributes.a.b": []},
        remove=("browser", "custom_attributes.plan.tier", "unknown"),
        retype={"created_at": str, "phone": int, "custom_attributes.seats": lambda seats: {"count": seats}},
        null=("name", "location", "custom_attributes.plan", "custom_attributes.unknown"),
    )

    after = Client(workspace).get(f"/contacts/{contact_id}")
    custom = {**before["custom_attributes"], "plan": None, "seats": {"count": 3}, "score": 7.5, "a.b": []}
    del custom["plan.tier"], before["browser"]
    changed = {"pronouns": "they", "created_at": str(SECOND), "name": None, "location": None}
    assert after == before | changed | {"custom_attributes": custom}


def test_field_changes_leave_searches_and_segments_as_they_are() -> None:
    workspace = still_workspace()
    client = Client(workspace)
    contact_id = workspace.sign_up(name="Ann")
    pairs = workspace.pairs()

    workspace.encoding.change_fields(remove=("name", "last_seen_at"), null=("signed_up_at",))

    page = client.search({"field": "name", "operator": "=", "value": "Ann"})
    assert ids(page) == [contact_id]
    assert "name" not in page["data"][0]
    assert workspace.pairs() == pairs
    assert workspace.contacts[contact_id].value("name") == "Ann"


def test_field_changes_add_up_in_every_version() -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up(owner_id=5)
    clients = [Client(workspace, headers=headers_of(version)) for version in ("2.15", "2.16")]

    seen = []
    for retype in (None, {"owner_id": lambda owner: [owner]}, {"owner_id": len}):
        if retype:
            workspace.encoding.change_fields(retype=retype)
        seen.append([client.get(f"/contacts/{contact_id}")["owner_id"] for client in clients])

    assert seen == [[5, "5"], [[5], ["5"]], [1, 1]]


def test_a_field_change_can_wait_until_a_contact_is_updated() -> None:
    workspace = still_workspace()
    kinds = ("unchanged", "seen", "updated", "tagged", "archived")
    people = {kind: workspace.sign_up() for kind in kinds}

    workspace.encoding.change_fields(add={"pronouns": "they"}, only_updated=True)
    workspace.see(people["seen"])
    workspace.update(people["updated"], name="Ann")
    workspace.tag(people["tagged"], "vip")
    workspace.archive(people["archived"])
    workspace.unarchive(people["archived"])
    people["new"] = workspace.sign_up()

    client = Client(workspace)
    changed = {kind for kind, contact_id in people.items() if "pronouns" in client.get(f"/contacts/{contact_id}")}
    assert changed == {"updated", "tagged", "archived", "new"}
