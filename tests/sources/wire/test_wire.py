"""Text, headers and records: any value that is sent can be read, and an odd value costs only itself."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from sources.intercom.api import UNKNOWN, ContactId, Page, Segment
from sources.intercom.api.answers import ContactSegments, SegmentList
from sources.intercom.api.responses import decode
from sources.intercom.tables import read_contact
from sources.intercom.tables.contacts import contacts_table
from sources.intercom.wire import MOST_LEVELS, clean, date, shallow, whole_number

NUMBERS = st.integers(-(10**400), 10**400) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (rb'"a\ud83d"', "a\ufffd"),
        (rb'"\ude80\ud83d\ud83d\ude80"', "\ufffd\ufffd🚀"),
        (rb'"\\ud83d \u0000"', "\\ud83d \ufffd"),
        (b'"a\xc3"', "a\ufffd"),
        ('"Zoë"'.encode(), "Zoë"),
    ],
)
def test_text_that_is_not_unicode_is_replaced_and_the_rest_stays(sent: bytes, text: str) -> None:
    assert json.loads(clean(sent)) == text


@given(st.lists(st.binary(max_size=5) | st.text(max_size=5).map(str.encode), max_size=8))
def test_any_bytes_in_a_string_can_be_decoded(parts: list[bytes]) -> None:
    body = b'{"a": "%b"}' % b"".join(parts).translate(None, bytes(range(32)) + b'"\\')

    assert clean(body) == body.decode(errors="replace").encode()
    assert isinstance(msgspec.json.decode(clean(body)), dict)


def test_a_value_nested_too_deeply_becomes_null_and_is_named() -> None:
    deep = b"[" * 10_000 + b"]" * 10_000
    body = b'{"data": [{"id": "c1", "custom_attributes": {"x": %b}, "name": "}"}], "n": NaN}' % deep

    read, fields = shallow(body)

    assert fields == ["data.custom_attributes", "n"]
    assert json.loads(read)["data"][0]["name"] == "}"
    assert read.count(b"[") <= MOST_LEVELS


@pytest.mark.parametrize("sent", ["", "soon", "1.5", "²", "1_000", "991, 98", "9" * 400, "-", "0x10"])
def test_a_header_that_is_no_whole_number_counts_as_absent(sent: str) -> None:
    assert whole_number({"x-ratelimit-limit": sent}, "x-ratelimit-limit") is None


@pytest.mark.parametrize("sent", ["", "0", "yesterday", "2026-03-02T09:00:00Z", "Mon, 99 Mar 2026 09:00:00 GMT"])
def test_a_date_that_cannot_be_read_counts_as_absent(sent: str) -> None:
    assert date({"date": sent}) is None


@given(st.text())
def test_no_text_in_a_header_is_an_error(sent: str) -> None:
    whole_number({"a": sent}, "a")
    date({"date": sent})


@given(VALUES)
def test_an_odd_value_of_a_segment_costs_that_value_only(value: Any) -> None:
    good = {"id": "s2", "name": "B", "updated_at": 5, "count": 3}
    for field in ("name", "person_type", "created_at", "updated_at", "count"):
        body = json.dumps({"segments": [{"id": "s1", field: value}, good]}).encode()

        listed, flaws = decode(body, SegmentList)

        assert [one.id for one in listed.segments] == ["s1", "s2"]
        assert listed.segments[1] == Segment(id="s2", name="B", updated_at=5, count=3)
        assert not flaws


@given(VALUES)
def test_an_odd_element_is_skipped_and_counted(value: Any) -> None:
    page, flaws = decode(json.dumps({"data": [{"id": "c1"}, value], "total_count": 2}).encode(), Page[ContactId])

    assert [one.id for one in page.data] == ["c1"]
    assert flaws.total() == 1


@pytest.mark.parametrize(
    ("sent", "total", "flawed"),
    [
        ({"data": [], "total_count": None}, UNKNOWN, True),
        ({"data": [], "total_count": "12"}, 12, False),
        ({"data": [], "total_count": 10**30}, UNKNOWN, True),
        ({"data": None, "total_count": 0}, 0, False),
        ({"data": 5, "total_count": 3}, 3, True),
        ({}, UNKNOWN, True),
    ],
)
def test_a_list_or_a_total_that_cannot_be_read_is_no_evidence(sent: dict[str, Any], total: int, flawed: bool) -> None:
    page, flaws = decode(json.dumps(sent).encode(), Page[ContactId])

    assert (page.data, page.total_count, bool(flaws)) == ([], total, flawed)


@given(VALUES)
def test_pages_that_cannot_be_read_are_not_the_end_of_a_list(value: Any) -> None:
    body = json.dumps({"data": [], "pages": {"next": value}}).encode()

    read, flaws = decode(body, ContactSegments)

    assert flaws or read.pages is not None


@given(VALUES, st.sampled_from(["name", "created_at", "has_hard_bounced", "owner_id", "tags", "new_field"]))
def test_any_value_of_any_field_of_a_contact_is_loaded(value: Any, field: str) -> None:
    body = json.dumps({"data": [{"id": "c1", field: value}], "total_count": 1}).encode()
    page, _ = decode(body, Page[Raw])

    table = contacts_table("w", [read_contact(page.data[0])])

    assert table["id"].to_pylist() == ["c1"]
