"""Contact search compared with a second, slower implementation of the same documentation."""

import operator
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.world import Workspace

from .client import DAY, SORTED_TIMESTAMPS, START, Client, as_sent, headers_of, still_workspace

WORKSPACE = Workspace(contacts=60, segments=12, start=START, monotonic=lambda: 0.0, timezone="America/Los_Angeles")
CONTACTS: list[dict[str, Any]] = [as_sent(contact) for contact in WORKSPACE.contacts.values()]
IDS = sorted(WORKSPACE.contacts)

Comparison = Callable[[Any, Any], bool]
ORDERS: dict[str, Comparison] = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}
TEXTS: dict[str, Comparison] = {"~": operator.contains, "^": str.startswith, "$": str.endswith}


def value_of(contact: dict[str, Any], field: str) -> Any:
    parent, _, child = field.partition(".")
    return contact[parent][child] if child else contact[parent]


def matches(
    contact: dict[str, Any], query: dict[str, Any], days: tzinfo | None, workspace: Workspace = WORKSPACE
) -> bool:
    """With `days`, standard timestamps are compared by the days of that timezone, otherwise by second."""
    sign: str = query["operator"]
    wanted = query["value"]
    if sign in ("AND", "OR"):
        return (all if sign == "AND" else any)(matches(contact, part, days, workspace) for part in wanted)
    if query["field"] == "segment_id":
        asked = wanted if isinstance(wanted, list) else [wanted]
        is_member = any(contact["id"] in workspace.members(segment_id) for segment_id in asked)
        return is_member == (sign in ("=", "IN"))
    value = value_of(contact, query["field"])
    timezone = (days or UTC) if query["field"].startswith("custom_attributes.") else days
    if query["field"].endswith("_at") and timezone:
        value, wanted = day(value, timezone), day(wanted, timezone)
    return compares(sign, value, wanted)


def compares(sign: str, value: Any, wanted: Any) -> bool:
    if sign in ORDERS:
        return bool(value is not None and ORDERS[sign](value, wanted))
    if sign.lstrip("!") in TEXTS:
        found = value is not None and TEXTS[sign.lstrip("!")](value, wanted)
        return found != sign.startswith("!")
    if sign in ("IN", "NIN"):
        return bool(value in wanted) == (sign == "IN")
    return bool(value == wanted) == (sign == "=")


def day(second: int | None, timezone: tzinfo) -> str | None:
    return None if second is None else datetime.fromtimestamp(second, UTC).astimezone(timezone).strftime("%Y-%m-%d")


def filters_over(field: str, signs: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(signs).flatmap(
        lambda sign: st.fixed_dictionaries(
            {
                "field": st.just(field),
                "operator": st.just(sign),
                "value": st.lists(values, min_size=1, max_size=5) if sign in ("IN", "NIN") else values,
            }
        )
    )


def values_of(field: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([value for contact in CONTACTS if (value := value_of(contact, field)) is not None])


def timestamps_of(field: str) -> st.SearchStrategy[int]:
    """The contacts' timestamps, and others up to a day before or after them."""
    offsets = st.sampled_from([0, 0, 1, -1, 7 * 3600, -8 * 3600, DAY, -DAY])
    return st.tuples(values_of(field), offsets).map(sum)


EQUAL = ["=", "!="]
MANY = [*EQUAL, "IN", "NIN"]
DAYS = ["=", ">", "<"]
about_sets = st.one_of(
    filters_over("segment_id", MANY, st.sampled_from([*WORKSPACE.segments])),
    filters_over("id", MANY, st.sampled_from(IDS)),
)
about_attributes = st.one_of(
    filters_over("role", MANY, st.sampled_from(["user", "lead"])),
    filters_over("has_hard_bounced", MANY, st.booleans()),
    filters_over("last_replied_at", ["="], st.none()),
    *(filters_over(field, EQUAL, st.none()) for field in ("email", "location.country")),
    *(filters_over(field, [*MANY, *TEXTS, "!~"], values_of(field)) for field in ("email", "location.city")),
    filters_over("name", [*TEXTS, "!~"], st.sampled_from(["A", "ö", "a", '"', "山田"])),
    filters_over("custom_attributes.sessions", [*MANY, *ORDERS], st.integers(1, 20)),
    filters_over("custom_attributes.trial_ends_at", DAYS, timestamps_of("custom_attributes.trial_ends_at")),
)


def about_timestamps(signs: list[str]) -> st.SearchStrategy[Any]:
    return st.one_of([filters_over(field, signs, timestamps_of(field)) for field in ("created_at", "last_seen_at")])


def groups_of(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"operator": st.sampled_from(["AND", "OR"]), "value": st.lists(parts, min_size=2, max_size=4)}
    )


def queries_over(single: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    group = groups_of(single)
    return st.one_of(single, group, group, groups_of(single | group))


def windows_over(single: st.SearchStrategy[Any], signs: list[str]) -> st.SearchStrategy[Any]:
    """Queries with bounds of time, in one group or in nested ones."""
    bounds = st.lists(
        st.one_of([filters_over(field, signs, timestamps_of(field)) for field in SORTED_TIMESTAMPS]), max_size=3
    )
    asked: st.SearchStrategy[Any] = st.tuples(single | groups_of(single)).map(list) | st.just([])
    parts = st.builds(operator.add, asked, bounds).filter(len).flatmap(st.permutations)
    flat = st.fixed_dictionaries({"operator": st.just("AND"), "value": parts})
    groups = st.lists(st.fixed_dictionaries({"operator": st.just("AND"), "value": bounds.filter(len)}), max_size=2)
    nested = st.builds(operator.add, bounds, groups).filter(len)
    return flat | st.fixed_dictionaries({"operator": st.just("AND"), "value": nested})


exact_queries = queries_over(
    about_sets
    | about_attributes
    | about_timestamps([*EQUAL, *ORDERS])
    | filters_over("last_replied_at", EQUAL, st.none())
)
day_queries = queries_over(about_sets | about_attributes | about_timestamps(DAYS) | about_timestamps(DAYS))
sorts = st.fixed_dictionaries(
    {
        "field": st.sampled_from(["created_at", "updated_at", "last_seen_at", "email", "id", "last_replied_at"]),
        "order": st.sampled_from(["ascending", "descending"]),
    }
)


def sort_key(contact: dict[str, Any], field: str) -> tuple[bool, Any, str]:
    value = value_of(contact, field)
    return (value is not None, 0 if value is None else value, contact["id"])


CLIENT_BY_SECOND = Client(WORKSPACE)
CLIENT_BY_DAY = Client(WORKSPACE, headers=headers_of("2.16"))


@given(query=exact_queries, sort=sorts, per_page=st.integers(3, 40))
def test_pages_have_what_a_simple_evaluation_of_the_query_finds(
    query: dict[str, Any], sort: dict[str, str], per_page: int
) -> None:
    assert_found(
        CLIENT_BY_SECOND, [contact for contact in CONTACTS if matches(contact, query, None)], query, sort, per_page
    )


@given(query=day_queries, sort=sorts, per_page=st.integers(3, 40))
def test_older_versions_find_what_a_simple_evaluation_by_days_finds(
    query: dict[str, Any], sort: dict[str, str], per_page: int
) -> None:
    days = ZoneInfo("America/Los_Angeles")

    assert_found(
        CLIENT_BY_DAY, [contact for contact in CONTACTS if matches(contact, query, days)], query, sort, per_page
    )


@pytest.mark.nightly
@given(
    queries=st.lists(windows_over(about_sets | about_attributes, [*EQUAL, *ORDERS]), min_size=2, max_size=4),
    field=st.sampled_from(SORTED_TIMESTAMPS),
    order=st.sampled_from(["ascending", "descending"]),
)
def test_windows_of_time_have_what_a_simple_evaluation_finds_after_every_change(
    queries: list[dict[str, Any]], field: str, order: str
) -> None:
    assert_windows_found("Preview", None, queries, {"field": field, "order": order})


@pytest.mark.nightly
@given(
    queries=st.lists(windows_over(about_sets | about_attributes, DAYS), min_size=2, max_size=4),
    field=st.sampled_from(SORTED_TIMESTAMPS),
    order=st.sampled_from(["ascending", "descending"]),
)
def test_windows_of_days_have_what_a_simple_evaluation_finds_after_every_change(
    queries: list[dict[str, Any]], field: str, order: str
) -> None:
    assert_windows_found("2.16", ZoneInfo("America/Los_Angeles"), queries, {"field": field, "order": order})


def assert_windows_found(
    version: str, days: tzinfo | None, queries: list[dict[str, Any]], sort: dict[str, str]
) -> None:
    workspace = still_workspace(contacts=60, segments=12)
    client = Client(workspace, headers=headers_of(version))
    for query in [*queries, *queries]:
        contacts = [as_sent(contact) for contact in workspace.contacts.values()]
        found = [contact for contact in contacts if matches(contact, query, days, workspace)]
        assert_found(client, found, query, sort, 10)
        workspace.live(days=0.5, churn=0.2)


def assert_found(
    client: Client, found: list[dict[str, Any]], query: dict[str, Any], sort: dict[str, str], per_page: int
) -> None:
    found.sort(key=lambda contact: sort_key(contact, sort["field"]), reverse=sort["order"] == "descending")

    pages = list(client.pages(query, per_page=per_page, sort=sort))

    assert [contact for page in pages for contact in page["data"]] == found
    assert {page["total_count"] for page in pages} == {len(found)}
    assert len(pages) == max(1, -(-len(found) // per_page))
