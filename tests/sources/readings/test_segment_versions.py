"""Versions of segments: what a list could not say of one is corrected by the next list, and never taken for an edit."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sources.intercom.api import Segment
from sources.intercom.memberships import SegmentVersion
from sources.intercom.readings.sync import version_rows

SEEN, NOW = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
KNOWN = SegmentVersion(10, "Paying", "user", 5, SEEN)
LISTED = Segment(id="s1", name="Paying", person_type="user", created_at=5, updated_at=10)


def rows(listed: Segment, *loaded: SegmentVersion) -> list[dict[str, Any]]:
    return version_rows([listed], {"s1": loaded} if loaded else {}, lambda: NOW)


def row(version: SegmentVersion) -> dict[str, Any]:
    return {
        "segment_id": "s1",
        "updated_at": version.updated_at,
        "name": version.name,
        "person_type": version.person_type,
        "created_at": version.created_at,
        "observed_at": version.observed_at,
    }


def test_a_version_that_is_loaded_is_not_loaded_again() -> None:
    assert rows(LISTED, KNOWN) == []
    assert rows(LISTED) == [row(replace(KNOWN, observed_at=NOW))]


@pytest.mark.parametrize(
    "unread",
    [Segment(id="s1"), Segment(id="s1", name="Paying", updated_at=0), Segment(id="s1", name="", updated_at=10)],
)
def test_what_cannot_be_read_changes_nothing_that_is_loaded(unread: Segment) -> None:
    assert rows(unread, KNOWN) == []


def test_a_name_that_was_loaded_wrongly_is_corrected_and_was_first_seen_then() -> None:
    assert rows(LISTED, replace(KNOWN, name="", person_type=None)) == [row(KNOWN)]


def test_an_edit_is_a_version_of_its_own_and_so_is_a_return_to_an_earlier_one() -> None:
    edited = Segment(id="s1", name="Customers", updated_at=20)

    assert rows(edited, KNOWN) == [row(SegmentVersion(20, "Customers", "user", 5, NOW))]
    assert rows(LISTED, KNOWN, SegmentVersion(20, "Customers", "user", 5, NOW)) == []
