"""Text and records as sent: an odd value costs that value, and never the records around it."""

import json

import msgspec
import pytest
from msgspec import Raw

from sources.intercom.api.answers import UNKNOWN, ContactSegments, DatedContact, Page, SegmentList
from sources.intercom.api.responses import decode
from sources.intercom.wire import MOST_LEVELS, clean, shallow


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (rb'"\ud83d\ude80"', "🚀"),
        (rb'"\ud83d"', "\ufffd"),
        (rb'"\ude80\ud83d"', "\ufffd\ufffd"),
        (rb'"\ud83d\ud83d\ude80"', "\ufffd🚀"),
        (rb'"\\ud83d"', "\\ud83d"),
        (rb'"\u0000"', "\ufffd"),
        (b'"caf\xe9"', "caf\ufffd"),
        (b'"caf\xc3\xa9"', "café"),
    ],
)
def test_text_that_databases_refuse_is_replaced_and_other_text_stays(sent: bytes, read: str) -> None:
    assert msgspec.json.decode(clean(sent)) == read


@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 10_000, 200_000])
def test_deep_nesting_costs_the_value_and_is_named(levels: int) -> None:
    deep = b'{"data": [{"id": "a", "tags": %b}, {"id": "b"}], "total_count": 2}' % (b"[" * levels + b"]" * levels)

    body, fields = shallow(deep)

    assert [one["id"] for one in json.loads(body)["data"]] == ["a", "b"]
    assert fields == ["data.tags"]


def test_numbers_that_json_does_not_have_are_null_and_named() -> None:
    page, flaws = decode(b'{"data": [{"id": "a", "created_at": NaN}], "total_count": 1}', Page[DatedContact])

    assert page.data == [DatedContact("a", None)]
    assert flaws == {"data.created_at": 1}


@pytest.mark.parametrize("element", [b"null", b"7", b"[]", b"{}", b'{"id": null}', b'{"id": ""}', b'{"id": ["a"]}'])
def test_a_record_without_an_id_is_left_out_and_counted(element: bytes) -> None:
    page, flaws = decode(b'{"data": [{"id": "a"}, %b], "total_count": 2}' % element, Page[DatedContact])

    assert ([one.id for one in page.data], flaws.total()) == (["a"], 1)


@pytest.mark.parametrize("odd", [b"null", b"1e999", b"{}", b'"x"', b"9" * 400])
def test_odd_values_beside_the_id_are_no_flaw_of_a_segment(odd: bytes) -> None:
    body = b'{"segments": [{"id": "a", "count": %b, "updated_at": %b, "name": "A"}]}' % (odd, odd)

    listed, flaws = decode(body, SegmentList)

    assert (listed.segments[0].name, listed.segments[0].count, listed.segments[0].updated_at) == ("A", None, 0)
    assert not flaws


@pytest.mark.parametrize("odd", [b"null", b'"many"', b"{}", b"9" * 30])
def test_an_unreadable_total_is_unknown(odd: bytes) -> None:
    page, flaws = decode(b'{"data": [], "total_count": %b}' % odd, Page[Raw])

    assert (page.total_count, flaws) == (UNKNOWN, {"total_count": 1})


@pytest.mark.parametrize("odd", [b"null", b'"x"', b"{}", b"7"])
def test_an_unreadable_list_is_empty_and_counted(odd: bytes) -> None:
    read, flaws = decode(b'{"data": %b}' % odd, ContactSegments)

    assert (read.data, flaws) == ([], {"data": 1})


def test_an_empty_page_may_say_null() -> None:
    page, flaws = decode(b'{"data": null, "total_count": 0}', Page[Raw])

    assert (page.data, page.total_count, flaws) == ([], 0, {})
