"""Single records and pages: no value that Intercom may send is lost, and no odd value ends a run."""

import json
from typing import Any

import pendulum
import pytest
from msgspec import Raw, ValidationError

from sources.intercom.api import Page, is_too_old, version
from sources.intercom.api.responses import decode
from sources.intercom.api.versions import DAY_VERSIONS
from sources.intercom.search import next_cursor, updated_after
from sources.intercom.tables import Fields, KnownFields, Privacy, read_contact
from sources.intercom.tables.contacts import contacts_table


def row(**sent: Any) -> dict[str, Any]:
    """The raw row of a contact, without nulls."""
    text = json.dumps({"type": "contact", "id": "c1", **sent}).encode()
    page, _ = decode(b'{"data": [%b], "total_count": 1}' % text, Page[Raw])
    (loaded,) = contacts_table("w", [read_contact(bytes(page.data[0]))]).to_pylist()
    return {name: value for name, value in loaded.items() if value is not None}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"owner_id": 814860}, {"owner_id": "814860"}),
        ({"owner_id": "814860"}, {"owner_id": "814860"}),
        ({"name": 42}, {"name": "42"}),
        ({"name": True}, {"name": "true"}),
        ({"created_at": "1700000000"}, {"created_at": 1700000000}),
        ({"created_at": 1700000000.75}, {"created_at": 1700000000}),
        (
            {"created_at": -1104537600, "signed_up_at": 2303683200},
            {"created_at": -1104537600, "signed_up_at": 2303683200},
        ),
        ({"has_hard_bounced": 1}, {"has_hard_bounced": True}),
        ({"name": "N\u0000UL 🚀"}, {"name": "N\ufffdUL 🚀"}),
        ({"name": "back\\u0000slash"}, {"name": "back\\u0000slash"}),
        ({"email": None}, {}),
        ({"tags": None}, {}),
        ({"sms_consent": False}, {"_extra": '{"sms_consent":false}'}),
        ({"browser": {"name": "chrome"}}, {"_extra": '{"browser":{"name": "chrome"}}'}),
        ({"created_at": "yesterday"}, {"_extra": '{"created_at":"yesterday"}'}),
        ({"has_hard_bounced": "perhaps"}, {"_extra": '{"has_hard_bounced":"perhaps"}'}),
        ({"avatar": "https://example.com/a.png"}, {"avatar": '"https://example.com/a.png"'}),
    ],
    ids=str,
)
def test_every_value_of_a_field_is_kept(sent: dict[str, Any], kept: dict[str, Any]) -> None:
    assert row(**sent) == {"workspace_id": "w", "id": "c1", **kept}


def test_custom_attributes_that_collide_stay_apart() -> None:
    attributes = {"Plan": "pro", "plan": "free", "plan ": 1, "p.l.a.n": None, "x" * 80: [1, 2]}

    assert json.loads(row(custom_attributes=attributes)["custom_attributes"]) == attributes


def test_a_contact_without_an_id_cannot_be_read() -> None:
    with pytest.raises(ValidationError, match="id"):
        read_contact(b'{"name": "nobody"}')


def drift_and_fields(*contacts: dict[str, Any], known: KnownFields | None = None) -> tuple[list[str], KnownFields]:
    fields = Fields(known, Privacy())
    read = [read_contact(json.dumps({"id": "c1", **sent}).encode()) for sent in contacts]
    fields.table("w", read)
    return list(fields.changes()), fields.known()


def test_a_new_field_is_reported_once() -> None:
    at_first, known = drift_and_fields({"name": "Ann", "hat_size": 7})
    drift, known = drift_and_fields({"name": "Ann"}, {"name": "Bob", "hat_size": 8, "shoe_size": 41}, known=known)
    again, _ = drift_and_fields({"name": "Cyd", "shoe_size": 38}, known=known)

    assert at_first == []
    assert drift == ["contacts are sent with a new field, shoe_size: it is kept in _extra"]
    assert again == []


@pytest.mark.parametrize("now", [{"phone": "1"}, {"phone": "1", "name": None}], ids=["removed", "nulled"])
def test_a_field_that_all_had_is_missed_once_and_a_rare_one_is_not(now: dict[str, Any]) -> None:
    _, known = drift_and_fields(*[{"name": "Ann", "phone": "1"}] * 99, {"name": "Bob", "phone": "1", "os": "Linux"})
    drift, later = drift_and_fields(*[now] * 5, known=known)
    again, _ = drift_and_fields(*[now] * 5, known=later)

    assert drift == ["contacts have no name any more: it is missing or null in all 5 just read"]
    assert again == []


def test_one_contact_without_a_usual_field_is_not_reported() -> None:
    _, known = drift_and_fields(*[{"name": "Ann"}] * 100)

    assert drift_and_fields({"name": None}, known=known)[0] == []


def test_a_run_that_reads_no_contacts_reports_no_drift() -> None:
    known: KnownFields = {"contacts": 9, "filled": {"name": 9}}

    assert drift_and_fields(known=known) == ([], known)


def test_another_type_is_reported_with_the_field_and_no_value() -> None:
    drift, _ = drift_and_fields({"browser": ["secret"]}, {"browser": ["secret"]})

    assert drift == ["2 contacts have another type in browser than documented: null there, kept in _extra"]


@pytest.mark.parametrize(
    ("pages", "cursor"),
    [
        ({}, None),
        ({"pages": None}, None),
        ({"pages": {"type": "pages"}}, None),
        ({"pages": {"next": None}}, None),
        ({"pages": {"next": {"page": 2, "starting_after": "WzE="}}}, "WzE="),
        ({"pages": {"next": "https://api.intercom.io/contacts/search?per_page=150&starting_after=WzE%3D"}}, "WzE="),
    ],
    ids=str,
)
def test_a_next_page_is_found_in_every_form(pages: dict[str, Any], cursor: str | None) -> None:
    page, _ = decode(json.dumps({"data": [], "total_count": 0} | pages).encode(), Page[Raw])

    assert next_cursor(page) == cursor


@pytest.mark.parametrize("following", [True, [], {"starting_after": {}}, {"starting_after": 1.5}], ids=str)
def test_a_next_page_that_cannot_be_read_is_not_taken_for_the_end(following: object) -> None:
    sent = {"data": [], "total_count": 200, "pages": {"next": following}}

    _, flaws = decode(json.dumps(sent).encode(), Page[Raw])

    assert flaws.total() == 1


@pytest.mark.parametrize(
    "timezone", ["America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati", "UTC", "Nowhere/Else"]
)
@pytest.mark.parametrize(
    "time", ["2026-03-08T09:59:59Z", "2026-03-08T10:00:00Z", "2026-11-01T08:30:00Z", "2026-07-01T00:00:00Z"]
)
def test_under_the_day_rule_the_query_covers_everything_after_the_cursor(timezone: str, time: str) -> None:
    cursor = pendulum.parse(time).int_timestamp  # type: ignore[union-attr]
    zone = "UTC" if timezone == "Nowhere/Else" else timezone

    bound = updated_after(cursor, version("2.14"), timezone)["value"]
    begins = pendulum.from_timestamp(bound, tz=zone).add(days=1).start_of("day").int_timestamp

    assert begins <= cursor < begins + 86_400 + 3_600


def test_under_the_exact_rule_the_query_has_the_cursor_itself() -> None:
    assert updated_after(1_700_000_000, version("Unstable"), "UTC")["value"] == 1_700_000_000


def test_an_unknown_version_is_read_by_the_day_rule() -> None:
    assert not version("2.99").exact_times
    assert {version(name).exact_times for name in DAY_VERSIONS} == {False}
    assert [name for name in ("1.4", "2.0", "2.6", "2.7", "2.17", "Preview", "3.0") if is_too_old(name)] == [
        "1.4",
        "2.0",
        "2.6",
    ]
