"""Cached searches return what a new search returns."""

from typing import Any

import pytest

from sandbox.search import Searches, SearchRequest
from sandbox.segments.rules import Nobody
from sandbox.world import VERSIONS, Workspace

from .client import (
    DAY,
    SECOND,
    SORTED_TIMESTAMPS,
    Client,
    created,
    headers_of,
    in_segment,
    segment_named,
    still_workspace,
)


def bounds_of(field: str) -> list[dict[str, Any]]:
    """The time from 200 days to one day ago."""
    return [{"field": field, "operator": sign, "value": SECOND - days * DAY} for sign, days in ((">", 200), ("<", 1))]


def repeated_searches(workspace: Workspace) -> list[Any]:
    """Queries like those that a sync repeats, each with a sort order."""
    one, other = segment_named(workspace, "Active"), segment_named(workspace, "New")
    late = {"field": "updated_at", "operator": ">", "value": SECOND - 20 * DAY}
    early = {"field": "updated_at", "operator": "<", "value": SECOND - 20 * DAY}
    some = {"field": "id", "operator": "IN", "value": list(workspace.contacts)[:30]}
    queries = [
        *(in_segment(one), late, early, created(">", 0)),
        *({"operator": "AND", "value": [in_segment(one), part]} for part in (late, early, some, in_segment(other))),
        {"operator": "OR", "value": [late, {**late, "operator": "="}, in_segment(other)]},
        {"field": "segment_id", "operator": "NIN", "value": [one, other]},
        *(
            {"operator": "AND", "value": [part, *bounds_of(field)]}
            for part in (in_segment(one), late)
            for field in SORTED_TIMESTAMPS
        ),
        {"operator": "AND", "value": bounds_of("created_at")},
    ]
    return [(query, {"field": field}) for query in queries for field in ("created_at", "updated_at", "name")]


@pytest.mark.nightly
@pytest.mark.parametrize("version", ["2.14", "Preview"])
@pytest.mark.parametrize("churn", [0.02, 2.0])
def test_a_cached_search_returns_what_a_new_search_returns(version: str, churn: float) -> None:
    workspace = still_workspace(contacts=300, segments=12, index_lag=6 * 3600)
    searches = repeated_searches(workspace)
    client_with_cache = Client(workspace, headers=headers_of(version))
    before = [client_with_cache.search(query, sort=sort, pagination={"per_page": 150}) for query, sort in searches]

    for days in (0.1, 1, 5):
        workspace.live(days=days, churn=churn)
        workspace.archive(next(iter(workspace.contacts)))
        new_client = Client(workspace, headers=headers_of(version))
        cached, expected = (
            [client.search(query, sort=sort, pagination={"per_page": 150}) for query, sort in searches]
            for client in (client_with_cache, new_client)
        )
        assert cached == expected
    assert cached != before


def test_a_cached_search_by_a_segment_is_repeated_after_an_edit_of_the_segment() -> None:
    workspace = still_workspace()
    everyone = segment_named(workspace, "Everyone")
    client = Client(workspace)
    before = client.search(in_segment(everyone))["total_count"]

    workspace.edit_segment(everyone, Nobody())

    assert (before, client.search(in_segment(everyone))["total_count"]) == (40, 0)


@pytest.mark.parametrize("sign", [">", ">=", "<", "<=", "="])
@pytest.mark.parametrize("timestamp", [-(10**17), -1, SECOND, 10**17])
def test_a_search_by_a_sorted_timestamp_finds_what_a_search_by_another_one_does(sign: str, timestamp: int) -> None:
    workspace = still_workspace(contacts=0)
    for second in (-(10**6), -1, 0, SECOND - 1, SECOND, SECOND + 1, SECOND + DAY, 10**10):
        workspace.sign_up(updated_at=second, last_seen_at=second)

    for version in ("Preview",) if "=" in sign[1:] else ("2.14", "Preview"):
        client = Client(workspace, headers=headers_of(version))
        by_updated_at, by_last_seen_at = (
            client.search({"field": field, "operator": sign, "value": timestamp}, sort={"field": "id"})
            for field in ("updated_at", "last_seen_at")
        )
        assert by_updated_at == by_last_seen_at


def test_windows_of_a_segment_share_one_cached_search() -> None:
    workspace = still_workspace()
    searches = Searches(workspace)
    members = in_segment(segment_named(workspace, "Everyone"))
    windows = [
        {"operator": "AND", "value": [members, {"field": "created_at", "operator": "<", "value": SECOND - days * DAY}]}
        for days in range(500)
    ]

    for query in windows:
        searches.matches(SearchRequest(query, VERSIONS["2.14"], field="created_at"))

    assert len(searches.cached) == 2  # the segment, and all contacts, from which its members are selected in order
