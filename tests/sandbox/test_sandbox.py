"""The sandbox keeps what Intercom's API promises, and knows the truth about every moment."""

import asyncio
import base64
import email.utils
import operator
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.api import Quota, create_app, serving
from sandbox.people import Contact
from sandbox.search import Searches, SearchRequest
from sandbox.segments import All, Attribute, Rule
from sandbox.segments.rules import Any as AnyOf
from sandbox.segments.rules import Everyone, Nobody, OlderThan, Tagged, Within
from sandbox.world import VERSIONS, NextPageStyle, Workspace, add_odd_contacts
from sandbox.world.oddities import COLLIDING, FUTURE, ODD_NAMES, PAST

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = int(START.timestamp())
DAY = 86_400
TO_THE_SECOND = ("2.17", "Preview")
BY_DAY = tuple(f"2.{minor}" for minor in range(7, 17))
FEED, REMOVED = "/contacts/activities", "/contacts/deleted"


def headers_of(version: str) -> dict[str, str]:
    return {"Authorization": "Bearer sandbox-token", "Intercom-Version": version}


HEADERS = headers_of("Preview")


def standing(**options: Any) -> Workspace:
    """A small workspace whose clock only moves when told to."""
    usual: dict[str, Any] = {"contacts": 40, "segments": 8, "start": START, "monotonic": lambda: 0.0}
    return Workspace(**usual | options)


class Client:
    """Asks a workspace in process, one call at a time."""

    def __init__(self, workspace: Workspace, *, limit: int = 100_000, headers: dict[str, str] | None = None) -> None:
        self._transport = httpx.ASGITransport(create_app(workspace, limit=limit))
        self._headers = HEADERS if headers is None else headers

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._ask(method, path, **options))

    def get(self, path: str, **params: Any) -> Any:
        answer = self.ask("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def search(self, query: Any, **options: Any) -> Any:
        answer = self.ask("POST", "/contacts/search", json={"query": query, **options})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, query: Any, **options: Any) -> tuple[int, str]:
        answer = self.ask("POST", "/contacts/search", json={"query": query, **options})
        return answer.status_code, code(answer)

    def pages(self, query: Any, *, per_page: int = 10, **options: Any) -> Iterator[Any]:
        cursor = None
        while True:
            pagination = {"per_page": per_page, "starting_after": cursor}
            yield (page := self.search(query, pagination=pagination, **options))
            if "next" not in page["pages"]:
                return
            cursor = page["pages"]["next"]["starting_after"]

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url="http://sandbox") as client:
            return await client.request(method, path, **{"headers": self._headers} | options)


def code(answer: httpx.Response) -> str:
    envelope = answer.json()
    assert envelope["type"] == "error.list"
    assert envelope["request_id"] == answer.headers["x-request-id"]
    return str(envelope["errors"][0]["code"])


def ids(page: Any) -> list[str]:
    return [contact["id"] for contact in page["data"]]


def named(workspace: Workspace, name: str) -> str:
    return next(segment.id for segment in workspace.segments.values() if segment.name == name)


def told(contact: Contact) -> dict[str, Any]:
    """What Preview says of a contact whose fields nobody reshaped."""
    owner = contact.attributes["owner_id"]
    return {**contact.attributes, "owner_id": None if owner is None else str(owner)}


def nested(sign: str, part: dict[str, Any]) -> dict[str, Any]:
    return {"operator": sign, "value": [part]}


def in_segment(segment_id: str) -> dict[str, str]:
    return {"field": "segment_id", "operator": "=", "value": segment_id}


# A workspace: rules, clock, truth


def test_a_contact_ages_out_of_new_without_being_updated() -> None:
    workspace = standing()
    new = named(workspace, "New")
    contact_id = workspace.sign_up()
    before = workspace.contacts[contact_id].attributes["updated_at"]

    workspace.advance(days=30, seconds=-1)
    assert contact_id in workspace.members(new)
    workspace.advance(seconds=1)

    assert contact_id not in workspace.members(new)
    assert workspace.contacts[contact_id].attributes["updated_at"] == before


def test_a_contact_slips_away_and_then_is_gone_from_there_too() -> None:
    workspace = standing()
    slipping = named(workspace, "Slipping Away")
    contact_id = workspace.sign_up(last_seen_at=SECOND)

    seen = []
    for _ in range(7):
        seen.append(contact_id in workspace.members(slipping))
        workspace.advance(days=10)

    assert seen == [False, False, False, True, True, True, False]


def test_a_date_in_the_future_is_within_no_days_until_it_comes() -> None:
    workspace = standing()
    soon = workspace.make_segment("Soon", Within("signed_up_at", 1))
    contact_id = workspace.sign_up(signed_up_at=SECOND + 100)

    assert contact_id not in workspace.members(soon)
    workspace.advance(seconds=100)

    assert contact_id in workspace.members(soon)


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        (Everyone(), True),
        (Nobody(), False),
        (Attribute("name", "=", "Ann"), True),
        (Attribute("phone", "=", None), True),
        (Attribute("location.city", "!=", "Berlin"), True),
        (Attribute("custom_attributes.plan", "IN", ("pro", "team")), True),
        (Attribute("custom_attributes.seats", ">", 3), False),
        (Attribute("custom_attributes.unheard_of", ">", 3), False),
        (Tagged("vip"), True),
        (Tagged("beta"), False),
        (OlderThan("last_seen_at", 0), True),
        (OlderThan("last_replied_at", 0), False),
        (All((Everyone(), Tagged("beta"))), False),
        (AnyOf((Nobody(), Tagged("vip"))), True),
    ],
)
def test_a_rule_decides_who_is_in_a_segment(rule: Rule, holds: bool) -> None:
    workspace = standing(contacts=0)
    contact_id = workspace.sign_up(
        name="Ann", phone=None, last_replied_at=None, last_seen_at=SECOND, location={"city": "Cork"}
    )
    workspace.update(contact_id, custom_attributes={"plan": "pro", "seats": 3})
    workspace.tag(contact_id, "vip")

    segment_id = workspace.make_segment("Some", rule)

    assert (contact_id in workspace.members(segment_id)) == holds


def test_nested_attributes_are_updated_as_far_as_given() -> None:
    workspace = standing()
    contact_id = workspace.sign_up(location={"city": "Cork", "country": "Ireland"})

    workspace.update(contact_id, location={"city": "Dublin"}, name="Ann")

    contact = workspace.contacts[contact_id]
    assert (contact.value("location.city"), contact.value("location.country")) == ("Dublin", "Ireland")


def test_a_tag_moves_updated_at_and_is_listed_with_ten_others_at_most() -> None:
    workspace = standing()
    contact_id = workspace.sign_up()
    workspace.advance(days=1)

    for number in range(12):
        workspace.tag(contact_id, f"tag {number}")
    workspace.untag(contact_id, "tag 3")

    attributes = workspace.contacts[contact_id].attributes
    assert attributes["updated_at"] == SECOND + DAY
    assert (len(attributes["tags"]["data"]), attributes["tags"]["total_count"]) == (10, 11)
    assert attributes["tags"]["has_more"]


def test_a_silent_visit_moves_last_seen_at_alone() -> None:
    workspace = standing()
    contact_id = workspace.sign_up()
    workspace.advance(days=20)

    workspace.see(contact_id)

    attributes = workspace.contacts[contact_id].attributes
    assert (attributes["last_seen_at"], attributes["updated_at"]) == (SECOND + 20 * DAY, SECOND)
    assert contact_id in workspace.members(named(workspace, "Active"))


def test_the_past_is_told_as_it_was_recorded() -> None:
    workspace = standing(contacts=300, segments=25)

    recorded = {}
    for _ in range(12):
        recorded[workspace.now()] = workspace.pairs()
        workspace.live(days=3, churn=0.05)

    assert {moment: workspace.pairs(at=moment) for moment in recorded} == recorded
    assert len(set(map(frozenset, recorded.values()))) == 12


def test_members_kept_up_to_date_are_those_that_a_fresh_count_finds() -> None:
    watched, unwatched = standing(contacts=300, segments=25), standing(contacts=300, segments=25)

    for _ in range(20):
        watched.pairs()
        for workspace in (watched, unwatched):
            workspace.live(days=2, churn=0.05)

    assert watched.pairs() == unwatched.pairs()


def test_life_is_the_same_for_the_same_seed_and_calls() -> None:
    one, same, other = standing(), standing(workspace_id="elsewhere"), standing(seed=1)
    for workspace in (one, same, other):
        workspace.live(days=10, churn=0.1)

    assert list(one.contacts) == list(same.contacts)
    assert one.pairs() == same.pairs()
    assert not one.pairs() & other.pairs()


def test_life_makes_renames_edits_and_deletes_segments_but_not_the_first_ones() -> None:
    workspace = standing(contacts=10, segments=10)
    before = dict(workspace.segments)

    workspace.live(days=100, churn=0.1)

    names = {segment.name for segment in workspace.segments.values()}
    assert {"Active", "New", "Slipping Away", "Everyone", "Customers on the Moon"} <= names
    assert set(workspace.segments) - set(before)
    assert any(workspace.segments.get(key) != segment for key, segment in before.items())


def test_a_default_workspace_is_a_realistic_mix() -> None:
    workspace = Workspace(start=START, contacts=2000)

    sizes = sorted(len(workspace.members(segment_id)) for segment_id in workspace.segments)
    ruled_by_time = "Within|OlderThan"
    timed = [
        segment
        for segment in workspace.segments.values()
        if any(kind in repr(segment.rule) for kind in ruled_by_time.split("|"))
    ]
    encoded = [len(contact.json) for contact in workspace.contacts.values()]

    assert (sizes[0], sizes[-1]) == (0, 2000)
    assert 1 <= sizes[1] < 50
    assert len(timed) >= len(workspace.segments) / 3
    assert 1800 < sum(encoded) / len(encoded) < 2700


def test_ids_have_24_hexadecimal_digits() -> None:
    workspace = standing()

    assert all(len(key) == 24 and int(key, 16) for key in [*workspace.contacts, *workspace.segments])


def test_the_clock_cannot_be_turned_back() -> None:
    with pytest.raises(ValueError, match="forward"):
        standing().advance(days=-1)


# Who and what is told


def test_me_tells_the_workspace_its_region_and_timezone() -> None:
    workspace = standing(workspace_id="acme", region="EU", timezone="Europe/Berlin")

    app = Client(workspace).get("/me")["app"]

    assert (app["id_code"], app["region"], app["timezone"]) == ("acme", "EU", "Europe/Berlin")


def test_segments_carry_a_count_only_when_asked_for() -> None:
    workspace = standing()
    client = Client(workspace)

    plain, counted = client.get("/segments"), client.get("/segments", include_count="true")

    assert plain["type"] == "segment.list"
    assert not any("count" in segment for segment in plain["segments"])
    assert {segment["id"]: segment["count"] for segment in counted["segments"]} == {
        segment_id: len(workspace.members(segment_id)) for segment_id in workspace.segments
    }


def test_an_edited_or_renamed_segment_moves_its_updated_at() -> None:
    workspace = standing()
    client = Client(workspace)
    segment_id = named(workspace, "Paying")
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


def test_a_deleted_segment_is_gone_from_everywhere() -> None:
    workspace = standing()
    client = Client(workspace)
    segment_id = named(workspace, "Everyone")

    workspace.delete_segment(segment_id)

    assert client.ask("GET", f"/segments/{segment_id}").json()["errors"] == [
        {"code": "not_found", "message": "Resource Not Found"}
    ]
    assert segment_id not in {segment["id"] for segment in client.get("/segments")["segments"]}
    assert client.search(in_segment(segment_id))["total_count"] == 0


def test_a_contact_can_be_asked_for_with_its_segments() -> None:
    workspace = standing()
    client = Client(workspace)
    contact_id = next(iter(workspace.contacts))

    contact = client.get(f"/contacts/{contact_id}")
    segments = client.get(f"/contacts/{contact_id}/segments")

    assert contact == told(workspace.contacts[contact_id])
    assert segments["type"] == "list"
    assert {(segment["id"], contact_id) for segment in segments["data"]} == {
        pair for pair in workspace.pairs() if pair[1] == contact_id
    }


@pytest.mark.parametrize("path", ["/contacts/{}", "/contacts/{}/segments"])
def test_a_deleted_contact_is_not_found(path: str) -> None:
    workspace = standing()
    contact_id = workspace.sign_up()
    workspace.delete(contact_id)

    answer = Client(workspace).ask("GET", path.format(contact_id))

    assert answer.status_code == 404
    assert answer.json()["errors"] == [{"code": "not_found", "message": "User Not Found"}]


def test_the_list_of_contacts_has_ten_a_page_and_150_at_most() -> None:
    workspace = standing(contacts=200)
    client = Client(workspace)

    pages = [client.get("/contacts")["pages"], client.get("/contacts", per_page=999)["pages"]]

    assert [page["per_page"] for page in pages] == [10, 150]
    assert [page["total_pages"] for page in pages] == [20, 2]


def test_the_list_of_contacts_is_complete() -> None:
    workspace = standing()
    client = Client(workspace)

    found, page = [], client.get("/contacts", per_page=7)
    found += ids(page)
    while "next" in page["pages"]:
        page = client.get("/contacts", per_page=7, starting_after=page["pages"]["next"]["starting_after"])
        found += ids(page)

    assert sorted(found) == sorted(workspace.contacts)


def test_calls_are_counted_by_kind() -> None:
    workspace = standing()
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


def test_the_account_tells_what_there_is_and_what_was_asked_and_is_no_call_itself() -> None:
    workspace = standing(segments=4)
    client = Client(workspace, limit=2)
    workspace.faults.status(500)
    for _ in range(3):
        client.ask("GET", "/me")

    account = client.ask("GET", "/_sandbox", headers={}).json()

    assert account.pop("cpu_seconds") > 0
    assert account == {
        "contacts": 40,
        "segments": {segment: len(workspace.members(segment)) for segment in workspace.segments},
        "calls": {"me": 1},
        "refused": 1,
        "spoilt": {"500": 1},
    }


@pytest.mark.parametrize("memberships", [2.5, 3.7])
def test_segments_can_be_chosen_by_how_many_a_contact_is_in(memberships: float) -> None:
    workspace = standing(contacts=1900, segments=30, memberships=memberships)

    assert len(workspace.segments) == 30
    assert 0.97 * memberships < len(workspace.pairs()) / 1900 <= memberships


# Headers, token, quota, version


def test_every_answer_carries_quota_request_id_and_the_workspaces_date() -> None:
    workspace = standing()
    workspace.advance(days=10)

    answer = Client(workspace, limit=83).ask("GET", "/nowhere")

    assert answer.status_code == 404
    assert code(answer) == "not_found"
    assert answer.headers["x-ratelimit-limit"] == "83"
    assert answer.headers["x-ratelimit-remaining"] == "82"
    now = SECOND + 10 * DAY
    assert now < int(answer.headers["x-ratelimit-reset"]) <= now + 10
    assert email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp() == now


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic sandbox-token"])
def test_without_the_token_nothing_is_told_not_even_the_quota(authorization: str) -> None:
    headers = {"Authorization": authorization, "Intercom-Version": "Preview"}

    answer = Client(standing(), headers=headers).ask("GET", "/me")

    assert answer.status_code == 401
    assert answer.json()["errors"] == [{"code": "unauthorized", "message": "Access Token Invalid"}]
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


def test_a_used_up_quota_is_429_and_counted() -> None:
    workspace = standing()
    client = Client(workspace, limit=2)

    answers = [client.ask("GET", "/me") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0", "0"]
    assert answers[2].json()["errors"] == [
        {"code": "rate_limit_exceeded", "message": "Exceeded rate limit of 2 in 10_seconds"}
    ]
    assert (workspace.calls["me"], workspace.refused) == (2, 2)


def test_the_quota_is_whole_again_in_the_next_window() -> None:
    seconds = iter([0.0, 1.0, 9.5, 10.0])
    quota = Quota(2, monotonic=lambda: next(seconds))

    left = [quota.spend() for _ in range(3)]

    assert [(allowance.remaining, allowance.seconds_left) for allowance in left] == [(1, 9.0), (0, 0.5), (1, 10.0)]


@pytest.mark.parametrize("version", [None, "2.6", "2.18", "1.0", "preview", "Unstable", ""])
def test_an_unknown_version_is_refused(version: str | None) -> None:
    headers = {"Authorization": "Bearer sandbox-token"} | ({} if version is None else {"Intercom-Version": version})

    answer = Client(standing(), headers=headers).ask("GET", "/me")

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"code": "intercom_version_invalid", "message": "The requested version could not be found"}
    ]


def test_another_method_is_not_found() -> None:
    answer = Client(standing()).ask("DELETE", "/me")

    assert (answer.status_code, code(answer)) == (404, "not_found")


def test_a_served_workspace_answers_with_one_date() -> None:
    with serving(create_app(standing())) as base_url:
        answer = httpx.get(f"{base_url}/me", headers=HEADERS)

    assert answer.status_code == 200
    assert answer.headers.get_list("date") == ["Sun, 01 Mar 2026 12:00:00 GMT"]


def test_the_module_says_how_to_point_a_sync_at_it() -> None:
    command = [sys.executable, "-m", "sandbox", "--contacts", "5", "--segments", "2", "--port", "0"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        lines = [running.stdout.readline() for _ in range(6)]
        running.terminate()

    assert lines[0].startswith("5 contacts in 2 segments at http://127.0.0.1:")
    assert "SOURCES__INTERCOM__BASE_URL=http://127.0.0.1:" in lines[4]
    assert "SOURCES__INTERCOM__ACCESS_TOKEN=sandbox-token" in lines[5]


# Search


def test_a_search_answers_as_intercom_does() -> None:
    workspace = standing(contacts=3, segments=4)

    page = Client(workspace).search(
        in_segment(named(workspace, "Everyone")),
        sort={"field": "id", "order": "ascending"},
        pagination={"per_page": 2},
    )

    following = page["pages"]["next"].pop("starting_after")
    second = sorted(workspace.contacts)[1]
    assert msgspec.json.decode(base64.b64decode(following)) == [second, second, 2]
    assert page == {
        "type": "list",
        "data": [told(workspace.contacts[contact_id]) for contact_id in sorted(workspace.contacts)[:2]],
        "total_count": 3,
        "pages": {"type": "pages", "next": {"page": 2}, "page": 1, "per_page": 2, "total_pages": 2},
    }


def test_without_a_sort_the_latest_update_comes_first() -> None:
    workspace = standing()
    contact_id = list(workspace.contacts)[20]
    workspace.advance(seconds=1)
    workspace.update(contact_id, name="Ann")

    page = Client(workspace).search({"field": "created_at", "operator": ">", "value": 0})

    updates = [contact["updated_at"] for contact in page["data"]]
    assert ids(page)[0] == contact_id
    assert updates == sorted(updates, reverse=True)


def test_the_page_size_is_50_unless_asked_for_and_150_at_most() -> None:
    client = Client(standing(contacts=200))
    query = {"field": "created_at", "operator": ">", "value": 0}

    sizes = [len(client.search(query, pagination=asked)["data"]) for asked in ({}, {"per_page": 500})]

    assert sizes == [50, 150]


def test_a_cursor_in_the_query_string_of_a_search_is_ignored() -> None:
    client = Client(standing())
    query = {"field": "created_at", "operator": ">", "value": 0}
    first = client.search(query, pagination={"per_page": 5})

    cursor = first["pages"]["next"]["starting_after"]
    body = {"query": query, "pagination": {"per_page": 5}}
    again = client.ask("POST", "/contacts/search", params={"starting_after": cursor}, json=body)

    assert again.json() == first


def test_a_contact_touched_while_paging_from_the_latest_on_is_missed() -> None:
    workspace = standing(segments=4)
    everyone = in_segment(named(workspace, "Everyone"))
    pages = Client(workspace).pages(everyone, sort={"field": "updated_at", "order": "descending"})

    found = ids(next(pages))
    missed = (set(workspace.contacts) - set(found)).pop()
    workspace.update(missed, name="Ann")
    found += [contact_id for page in pages for contact_id in ids(page)]

    assert set(workspace.contacts) - set(found) == {missed}


def test_a_member_who_ages_out_while_paging_is_not_told_any_more() -> None:
    workspace = standing(contacts=0)
    for age in range(30):
        workspace.sign_up(signed_up_at=SECOND - age * DAY, created_at=SECOND - age * DAY)
    query = in_segment(named(workspace, "New"))
    pages = Client(workspace).pages(query, sort={"field": "created_at", "order": "descending"})

    first = next(pages)
    workspace.advance(days=15)
    rest = list(pages)

    assert (first["total_count"], rest[-1]["total_count"]) == (30, 15)
    assert sum(len(page["data"]) for page in [first, *rest]) == 15


def test_a_date_attribute_is_compared_by_utc_day() -> None:
    workspace = standing(contacts=0)
    contact_id = workspace.sign_up(custom_attributes={"renewal_at": SECOND})
    client = Client(workspace)

    def answers(sign: str, value: int) -> bool:
        query = {"field": "custom_attributes.renewal_at", "operator": sign, "value": value}
        return ids(client.search(query)) == [contact_id]

    noon, midnight = SECOND, SECOND - DAY // 2
    assert [answers("=", midnight), answers(">", midnight), answers("<", noon + 60)] == [True, False, False]
    assert [answers(">", midnight - 1), answers("<", midnight + DAY)] == [True, True]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"field": "shoe_size", "operator": "=", "value": 1}, "invalid_field"),
        ({"field": "company_id", "operator": "=", "value": "1"}, "invalid_field"),
        ({"field": "created_at", "operator": "IN", "value": [1]}, "parameter_invalid"),
        ({"field": "created_at", "operator": ">", "value": "foorbar"}, "parameter_invalid"),
        ({"field": "created_at", "operator": ">", "value": None}, "parameter_invalid"),
        ({"field": "created_at", "operator": "~", "value": 1}, "parameter_invalid"),
        ({"field": "name", "operator": ">", "value": "A"}, "parameter_invalid"),
        ({"field": "name", "operator": "=", "value": 5}, "parameter_invalid"),
        ({"field": "name", "operator": "==", "value": "A"}, "parameter_invalid"),
        ({"field": "has_hard_bounced", "operator": "=", "value": "true"}, "parameter_invalid"),
        ({"field": "tag_id", "operator": "IN", "value": ["1"]}, "parameter_invalid"),
        ({"field": "segment_id", "operator": "~", "value": "1"}, "parameter_invalid"),
        ({"field": "segment_id", "operator": "IN", "value": "1"}, "parameter_invalid"),
        ({"field": "id", "operator": "IN", "value": []}, "parameter_invalid"),
        ({"field": "id", "operator": {}, "value": []}, "client_error"),
        ({"operator": "AND", "value": []}, "client_error"),
        ({"operator": "AND", "value": [{"field": "role", "operator": "=", "value": "user"}] * 16}, "client_error"),
        (
            {"operator": "AND", "value": [{"operator": "OR", "value": [{"operator": "AND", "value": []}]}]},
            "client_error",
        ),
        ("everybody", "parameter_not_found"),
    ],
)
def test_a_query_that_intercom_would_refuse_is_refused(query: Any, expected: str) -> None:
    assert Client(standing()).refusal(query) == (400, expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"sort": {"field": "created_at", "order": "desc"}}, "invalid_sort_order"),
        ({"sort": {"field": "shoe_size"}}, "invalid_field"),
        ({"sort": {"field": "segment_id"}}, "invalid_field"),
        ({"sort": "created_at"}, "parameter_invalid"),
        ({"pagination": {"starting_after": "rubbish"}}, "client_error"),
        ({"pagination": {"starting_after": "W10="}}, "client_error"),
        ({"pagination": {"per_page": 0}}, "invalid_per_page"),
    ],
)
def test_a_sort_or_page_that_cannot_be_is_refused(options: dict[str, Any], expected: str) -> None:
    query = {"field": "role", "operator": "=", "value": "user"}

    assert Client(standing()).refusal(query, **options) == (400, expected)


def test_a_body_that_is_not_json_is_refused() -> None:
    answer = Client(standing()).ask("POST", "/contacts/search", content=b'{"query": ')

    assert (answer.status_code, code(answer)) == (400, "client_error")


# Searches that are kept while the workspace goes on


TIMES = ("created_at", "updated_at")


def bounds_of(field: str) -> list[dict[str, Any]]:
    """From 200 days to one day ago."""
    return [{"field": field, "operator": sign, "value": SECOND - days * DAY} for sign, days in ((">", 200), ("<", 1))]


def asked_again_and_again(workspace: Workspace) -> list[Any]:
    """Queries that a sync repeats, each with a sort."""
    one, other = named(workspace, "Active"), named(workspace, "New")
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
            for field in TIMES
        ),
        {"operator": "AND", "value": bounds_of("created_at")},
    ]
    return [(query, {"field": field}) for query in queries for field in ("created_at", "updated_at", "name")]


@pytest.mark.parametrize("version", ["2.14", "Preview"])
@pytest.mark.parametrize("churn", [0.02, 2.0])
def test_who_asked_before_is_told_the_same_as_who_never_did(version: str, churn: float) -> None:
    workspace = standing(contacts=300, segments=12, index_lag=6 * 3600)
    asked = asked_again_and_again(workspace)
    regular = Client(workspace, headers=headers_of(version))
    before = [regular.search(query, sort=sort, pagination={"per_page": 150}) for query, sort in asked]

    for days in (0.1, 1, 5):
        workspace.live(days=days, churn=churn)
        workspace.archive(next(iter(workspace.contacts)))
        stranger = Client(workspace, headers=headers_of(version))
        told, expected = (
            [client.search(query, sort=sort, pagination={"per_page": 150}) for query, sort in asked]
            for client in (regular, stranger)
        )
        assert told == expected
    assert told != before


def test_a_kept_search_by_a_segment_is_told_anew_when_the_segment_is_edited() -> None:
    workspace = standing()
    everyone = named(workspace, "Everyone")
    client = Client(workspace)
    before = client.search(in_segment(everyone))["total_count"]

    workspace.edit_segment(everyone, Nobody())

    assert (before, client.search(in_segment(everyone))["total_count"]) == (40, 0)


@pytest.mark.parametrize("sign", [">", ">=", "<", "<=", "="])
@pytest.mark.parametrize("moment", [-(10**17), -1, SECOND, 10**17])
def test_a_search_by_an_ordered_timestamp_finds_what_a_search_by_another_one_does(sign: str, moment: int) -> None:
    workspace = standing(contacts=0)
    for second in (-(10**6), -1, 0, SECOND - 1, SECOND, SECOND + 1, SECOND + DAY, 10**10):
        workspace.sign_up(updated_at=second, last_seen_at=second)

    for version in ("Preview",) if "=" in sign[1:] else ("2.14", "Preview"):
        client = Client(workspace, headers=headers_of(version))
        ordered, other = (
            client.search({"field": field, "operator": sign, "value": moment}, sort={"field": "id"})
            for field in ("updated_at", "last_seen_at")
        )
        assert ordered == other


def test_windows_of_a_segment_take_no_place_of_what_is_kept() -> None:
    workspace = standing()
    searches = Searches(workspace)
    query = in_segment(named(workspace, "Everyone"))
    asked = [
        {"operator": "AND", "value": [query, {"field": "created_at", "operator": "<", "value": SECOND - days * DAY}]}
        for days in range(500)
    ]

    for one in asked:
        searches.matches(SearchRequest(one, VERSIONS["2.14"], field="created_at"))

    assert len(searches.cached) == 2  # the segment, and everybody, from whose order it is picked


# Search against a second, slower reading of the same documentation

CROWD = Workspace(contacts=60, segments=12, start=START, monotonic=lambda: 0.0, timezone="America/Los_Angeles")
PEOPLE: list[dict[str, Any]] = [told(contact) for contact in CROWD.contacts.values()]
IDS = sorted(CROWD.contacts)

Test = Callable[[Any, Any], bool]
ORDERS: dict[str, Test] = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}
TEXTS: dict[str, Test] = {"~": operator.contains, "^": str.startswith, "$": str.endswith}


def said(person: dict[str, Any], field: str) -> Any:
    parent, _, child = field.partition(".")
    return person[parent][child] if child else person[parent]


def answers_to(
    person: dict[str, Any], query: dict[str, Any], days: tzinfo | None, workspace: Workspace = CROWD
) -> bool:
    """By the second, if there is no timezone that standard timestamps are read in as days."""
    sign: str = query["operator"]
    wanted = query["value"]
    if sign in ("AND", "OR"):
        return (all if sign == "AND" else any)(answers_to(person, part, days, workspace) for part in wanted)
    if query["field"] == "segment_id":
        asked = wanted if isinstance(wanted, list) else [wanted]
        inside = any(person["id"] in workspace.members(segment_id) for segment_id in asked)
        return inside == (sign in ("=", "IN"))
    value = said(person, query["field"])
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
    return st.sampled_from([value for person in PEOPLE if (value := said(person, field)) is not None])


def moments_of(field: str) -> st.SearchStrategy[int]:
    """Those of the people, and others up to a day and some hours beside them."""
    beside = st.sampled_from([0, 0, 1, -1, 7 * 3600, -8 * 3600, DAY, -DAY])
    return st.tuples(values_of(field), beside).map(sum)


EQUAL = ["=", "!="]
MANY = [*EQUAL, "IN", "NIN"]
DAYS = ["=", ">", "<"]
about_sets = st.one_of(
    filters_over("segment_id", MANY, st.sampled_from([*CROWD.segments])),
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
    filters_over("custom_attributes.trial_ends_at", DAYS, moments_of("custom_attributes.trial_ends_at")),
)


def about_timestamps(signs: list[str]) -> st.SearchStrategy[Any]:
    return st.one_of([filters_over(field, signs, moments_of(field)) for field in ("created_at", "last_seen_at")])


def groups_of(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"operator": st.sampled_from(["AND", "OR"]), "value": st.lists(parts, min_size=2, max_size=4)}
    )


def queries_over(single: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    group = groups_of(single)
    return st.one_of(single, group, group, groups_of(single | group))


def windows_over(single: st.SearchStrategy[Any], signs: list[str]) -> st.SearchStrategy[Any]:
    """Any of the queries with bounds of time, beside it or around it."""
    bounds = st.lists(st.one_of([filters_over(field, signs, moments_of(field)) for field in TIMES]), max_size=3)
    asked: st.SearchStrategy[Any] = st.tuples(single | groups_of(single)).map(list) | st.just([])
    parts = st.builds(operator.add, asked, bounds).filter(len).flatmap(st.permutations)
    beside = st.fixed_dictionaries({"operator": st.just("AND"), "value": parts})
    around = st.lists(st.fixed_dictionaries({"operator": st.just("AND"), "value": bounds.filter(len)}), max_size=2)
    inside = st.builds(operator.add, bounds, around).filter(len)
    return beside | st.fixed_dictionaries({"operator": st.just("AND"), "value": inside})


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


def rank(person: dict[str, Any], field: str) -> tuple[bool, Any, str]:
    value = said(person, field)
    return (value is not None, 0 if value is None else value, person["id"])


CROWD_TO_THE_SECOND = Client(CROWD)
CROWD_BY_DAY = Client(CROWD, headers=headers_of("2.16"))


@settings(max_examples=250, deadline=None)
@given(query=exact_queries, sort=sorts, per_page=st.integers(3, 40))
def test_pages_are_what_a_plain_reading_of_the_query_finds(
    query: dict[str, Any], sort: dict[str, str], per_page: int
) -> None:
    assert_found(
        CROWD_TO_THE_SECOND, [person for person in PEOPLE if answers_to(person, query, None)], query, sort, per_page
    )


@settings(max_examples=250, deadline=None)
@given(query=day_queries, sort=sorts, per_page=st.integers(3, 40))
def test_older_versions_find_what_a_plain_reading_by_days_finds(
    query: dict[str, Any], sort: dict[str, str], per_page: int
) -> None:
    days = ZoneInfo("America/Los_Angeles")

    assert_found(CROWD_BY_DAY, [person for person in PEOPLE if answers_to(person, query, days)], query, sort, per_page)


@settings(max_examples=150, deadline=None)
@given(
    asked=st.lists(windows_over(about_sets | about_attributes, [*EQUAL, *ORDERS]), min_size=2, max_size=4),
    field=st.sampled_from(TIMES),
    order=st.sampled_from(["ascending", "descending"]),
)
def test_windows_of_time_are_what_a_plain_reading_finds_whatever_happens_between(
    asked: list[dict[str, Any]], field: str, order: str
) -> None:
    assert_windows_found("Preview", None, asked, {"field": field, "order": order})


@settings(max_examples=150, deadline=None)
@given(
    asked=st.lists(windows_over(about_sets | about_attributes, DAYS), min_size=2, max_size=4),
    field=st.sampled_from(TIMES),
    order=st.sampled_from(["ascending", "descending"]),
)
def test_windows_of_days_are_what_a_plain_reading_finds_whatever_happens_between(
    asked: list[dict[str, Any]], field: str, order: str
) -> None:
    assert_windows_found("2.16", ZoneInfo("America/Los_Angeles"), asked, {"field": field, "order": order})


def assert_windows_found(version: str, days: tzinfo | None, asked: list[dict[str, Any]], sort: dict[str, str]) -> None:
    workspace = standing(contacts=60, segments=12)
    client = Client(workspace, headers=headers_of(version))
    for query in [*asked, *asked]:
        people = [told(contact) for contact in workspace.contacts.values()]
        found = [person for person in people if answers_to(person, query, days, workspace)]
        assert_found(client, found, query, sort, 10)
        workspace.live(days=0.5, churn=0.2)


def assert_found(
    client: Client, found: list[dict[str, Any]], query: dict[str, Any], sort: dict[str, str], per_page: int
) -> None:
    found.sort(key=lambda person: rank(person, sort["field"]), reverse=sort["order"] == "descending")

    pages = list(client.pages(query, per_page=per_page, sort=sort))

    assert [person for page in pages for person in page["data"]] == found
    assert {page["total_count"] for page in pages} == {len(found)}
    assert len(pages) == max(1, -(-len(found) // per_page))


# Versions


def created(sign: str, value: Any) -> dict[str, Any]:
    return {"field": "created_at", "operator": sign, "value": value}


def second_of(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


@pytest.mark.parametrize(
    ("timezone", "start", "end"),
    [
        ("America/Los_Angeles", "2026-02-10T08:00:00Z", "2026-02-11T08:00:00Z"),
        ("America/Los_Angeles", "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"),
        ("America/Los_Angeles", "2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z"),
        ("Asia/Kolkata", "2026-02-09T18:30:00Z", "2026-02-10T18:30:00Z"),
        ("UTC", "1935-02-10T00:00:00Z", "1935-02-11T00:00:00Z"),
        # Clocks that are changed at midnight: a day that begins at one o'clock, and one that ends at midnight twice.
        ("Africa/Cairo", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"),
        ("Africa/Cairo", "2026-10-28T21:00:00Z", "2026-10-29T22:00:00Z"),
    ],
)
def test_older_versions_match_the_whole_day_of_the_workspaces_timezone(timezone: str, start: str, end: str) -> None:
    workspace = standing(contacts=0, timezone=timezone)
    first, after = second_of(start), second_of(end)
    before, early, late, later = (
        workspace.sign_up(created_at=second) for second in (first - 1, first, after - 1, after)
    )
    client = Client(workspace, headers=headers_of("2.14"))

    for wanted in (first, (first + after) // 2, after - 1):
        assert set(ids(client.search(created("=", wanted)))) == {early, late}
        assert ids(client.search(created("<", wanted))) == [before]
        assert ids(client.search(created(">", wanted))) == [later]


@pytest.mark.parametrize("version", BY_DAY)
@pytest.mark.parametrize("field", ["created_at", "updated_at", "last_seen_at", "custom_attributes.renewal_at"])
def test_older_versions_have_three_operators_for_timestamps(version: str, field: str) -> None:
    client = Client(standing(), headers=headers_of(version))

    for sign in ("=", ">", "<"):
        client.search({"field": field, "operator": sign, "value": SECOND})
    for sign, value in ((">=", SECOND), ("<=", SECOND), ("!=", None), ("IN", [SECOND]), ("NIN", [SECOND])):
        assert client.refusal({"field": field, "operator": sign, "value": value}) == (400, "parameter_invalid")


@pytest.mark.parametrize("version", TO_THE_SECOND)
def test_newer_versions_match_timestamps_to_the_second(version: str) -> None:
    workspace = standing(contacts=0)
    contact_id = workspace.sign_up(created_at=SECOND)
    client = Client(workspace, headers=headers_of(version))

    found = [len(ids(client.search(created(sign, SECOND)))) for sign in ("=", ">=", "<=", ">", "<", "!=")]

    assert found == [1, 1, 1, 0, 0, 0]
    assert ids(client.search(created(">", SECOND - 1))) == [contact_id]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("field", ["created_at", "custom_attributes.renewal_at"])
def test_a_whole_second_may_be_asked_with_a_decimal_point(version: str, field: str) -> None:
    workspace = standing(contacts=2)
    contact_id = workspace.sign_up(created_at=SECOND + DAY, custom_attributes={"renewal_at": SECOND + DAY})
    client = Client(workspace, headers=headers_of(version))

    assert ids(client.search({"field": field, "operator": ">", "value": float(SECOND)})) == [contact_id]
    assert client.refusal({"field": field, "operator": ">", "value": SECOND + 0.5}) == (400, "parameter_invalid")


def test_date_attributes_are_days_of_the_workspace_in_older_versions_and_of_utc_in_newer_ones() -> None:
    workspace = standing(contacts=0, timezone="Asia/Kolkata")
    evening = second_of("2026-02-09T19:00:00Z")
    workspace.sign_up(custom_attributes={"renewal_at": evening})
    query = {"field": "custom_attributes.renewal_at", "operator": "=", "value": evening + DAY // 4}

    counts = {
        version: Client(workspace, headers=headers_of(version)).search(query)["total_count"] for version in VERSIONS
    }

    assert counts == dict.fromkeys(BY_DAY, 1) | dict.fromkeys(TO_THE_SECOND, 0)


def test_a_query_asked_in_two_versions_has_two_answers() -> None:
    workspace = standing(contacts=0)
    workspace.sign_up(created_at=SECOND)
    app = httpx.ASGITransport(create_app(workspace))

    async def count(version: str) -> int:
        async with httpx.AsyncClient(transport=app, base_url="http://sandbox", headers=headers_of(version)) as client:
            answer = await client.post("/contacts/search", json={"query": created("=", SECOND + 1)})
        return int(answer.json()["total_count"])

    assert [asyncio.run(count(version)) for version in ("Preview", "2.16", "2.17", "2.7")] == [0, 1, 0, 1]


def test_a_moment_beyond_the_calendar_is_no_error() -> None:
    client = Client(standing(), headers=headers_of("2.7"))

    counts = [client.search(created(sign, 10**17))["total_count"] for sign in ("=", ">", "<")]

    assert counts == [0, 0, 40]


@pytest.mark.parametrize("version", BY_DAY)
def test_older_versions_sort_and_answer_to_the_second_all_the_same(version: str) -> None:
    workspace = standing(contacts=0)
    made = [workspace.sign_up(created_at=SECOND + second) for second in (3, 1, 2)]
    client = Client(workspace, headers=headers_of(version))

    page = client.search(created("=", SECOND), sort={"field": "created_at", "order": "ascending"})

    assert ids(page) == [made[1], made[2], made[0]]
    assert [contact["created_at"] for contact in page["data"]] == [SECOND + 1, SECOND + 2, SECOND + 3]


@pytest.mark.parametrize("version", VERSIONS)
def test_owners_are_numbers_up_to_2_15_and_text_from_then_on(version: str) -> None:
    workspace = standing(contacts=0)
    owned = [workspace.sign_up(owner_id=owner) for owner in (814_860, "814861", None)]
    client = Client(workspace, headers=headers_of(version))

    lists = [client.get("/contacts"), client.search({"field": "role", "operator": "=", "value": "user"})]
    alone = [client.get(f"/contacts/{contact_id}")["owner_id"] for contact_id in owned]

    is_text = version in ("2.16", "2.17", "Preview")
    assert alone == (["814860", "814861", None] if is_text else [814_860, 814_861, None])
    for page in lists:
        assert {contact["id"]: contact["owner_id"] for contact in page["data"]} == dict(zip(owned, alone, strict=True))


def test_a_contact_without_an_owner_is_encoded_once_for_all_versions() -> None:
    workspace = standing(contacts=0)
    contact = workspace.contacts[workspace.sign_up(owner_id=None)]

    sent = [workspace.encoder(version).encode(contact) for version in VERSIONS.values()]

    assert all(one is contact.json for one in sent)


def test_only_a_contacts_own_owner_has_another_type_in_another_version() -> None:
    workspace = standing(contacts=0)
    custom = {"owner_id": 814_860, 'x"owner_id': 814_860, '"owner_id":814860': '"owner_id":814860'}
    contact_id = workspace.sign_up(owner_id=814_860, name='"owner_id":814860', custom_attributes=custom)

    told = Client(workspace).get(f"/contacts/{contact_id}")

    assert told == {**workspace.contacts[contact_id].attributes, "owner_id": "814860"}


def test_below_2_16_an_unheard_of_order_is_descending() -> None:
    query = {"field": "role", "operator": "=", "value": "user"}
    client = Client(standing(), headers=headers_of("2.15"))

    odd, plain = (client.search(query, sort={"field": "id", "order": order}) for order in ("asc", "descending"))

    assert odd == plain
    assert Client(standing(), headers=headers_of("2.16")).refusal(query, sort={"order": "asc"}) == (
        400,
        "invalid_sort_order",
    )


# Contacts that are merged, archived or blocked


@pytest.mark.parametrize("version", VERSIONS)
def test_a_merged_contact_leads_to_the_one_it_is_now_from_2_16_on(version: str) -> None:
    workspace = standing()
    chain = [workspace.sign_up(role="lead") for _ in range(5)]
    for lead, user in pairwise(chain):
        workspace.merge(lead, user)
    client = Client(workspace, headers=headers_of(version))

    far, near = (client.ask("GET", f"/contacts/{contact_id}") for contact_id in chain[:2])

    assert (far.status_code, code(far)) == (404, "not_found")
    if version in ("2.16", "2.17", "Preview"):
        assert (near.status_code, code(near)) == (410, "contact_merged")
        assert near.headers["link"] == f'</contacts/{chain[-1]}>; rel="canonical"'
    else:
        assert (near.status_code, code(near)) == (404, "not_found")
        assert "link" not in near.headers


def test_a_contact_merged_into_one_that_is_deleted_is_not_found() -> None:
    workspace = standing()
    lead, user = workspace.sign_up(role="lead"), workspace.sign_up()
    workspace.merge(lead, user)
    workspace.delete(user)

    answer = Client(workspace).ask("GET", f"/contacts/{lead}")

    assert (answer.status_code, code(answer)) == (404, "not_found")


def test_a_contact_is_not_merged_into_itself() -> None:
    workspace = standing()
    contact_id = workspace.sign_up()

    with pytest.raises(ValueError, match="itself"):
        workspace.merge(contact_id, contact_id)


def test_a_merge_moves_the_survivors_updated_at() -> None:
    workspace = standing()
    lead, user = workspace.sign_up(role="lead"), workspace.sign_up()
    workspace.advance(days=1)

    workspace.merge(lead, user)

    assert workspace.contacts[user].value("updated_at") == SECOND + DAY


def gone_by(workspace: Workspace, how: str, contact_id: str) -> None:
    {"merge": lambda gone: workspace.merge(gone, workspace.sign_up())}.get(how, getattr(workspace, how))(contact_id)


@pytest.mark.parametrize("how", ["merge", "archive", "block", "delete"])
def test_a_contact_that_is_gone_is_in_no_list_no_search_and_no_segment_but_in_the_past(how: str) -> None:
    workspace = standing()
    everyone = named(workspace, "Everyone")
    contact_id = workspace.sign_up()
    client = Client(workspace)
    before = workspace.now()
    pairs = workspace.pairs()
    workspace.advance(seconds=1)

    gone_by(workspace, how, contact_id)

    assert contact_id not in {*workspace.members(everyone), *ids(client.get("/contacts", per_page=150))}
    for query in ({"field": "id", "operator": "=", "value": contact_id}, created(">", 0), in_segment(everyone)):
        assert contact_id not in ids(client.search(query, pagination={"per_page": 150}))
    assert (everyone, contact_id) in pairs
    assert workspace.pairs(at=before) == pairs
    assert workspace.pairs(at=workspace.now()) == workspace.pairs()


def test_an_unarchived_contact_is_the_same_one_again() -> None:
    workspace = standing()
    contact_id = workspace.sign_up(name="Ann")
    workspace.tag(contact_id, "vip")
    before = told(workspace.contacts[contact_id])
    workspace.archive(contact_id)
    workspace.advance(days=1)

    workspace.unarchive(contact_id)

    assert Client(workspace).get(f"/contacts/{contact_id}") == {**before, "updated_at": SECOND + DAY}
    assert workspace.contacts[contact_id].tags == {"vip"}
    assert contact_id in workspace.members(named(workspace, "Everyone"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("how", "flag"), [("archive", "archived"), ("block", "blocked")])
def test_an_archived_or_blocked_contact_is_told_by_its_id_with_a_flag_and_no_segments(
    how: str, flag: str, version: str
) -> None:
    workspace = standing()
    contact_id = workspace.sign_up()
    client = Client(workspace, headers=headers_of(version))
    before = client.get(f"/contacts/{contact_id}")

    gone_by(workspace, how, contact_id)

    assert client.get(f"/contacts/{contact_id}") == {**before, flag: True}
    assert client.get(f"/contacts/{contact_id}/segments") == {"type": "list", "data": []}


def test_an_archived_contact_is_reshaped_like_any_other() -> None:
    workspace = standing()
    contact_id = workspace.sign_up()
    workspace.archive(contact_id)

    workspace.encoding.change_fields(add={"pronouns": "they"})

    sent = Client(workspace).get(f"/contacts/{contact_id}")
    assert (sent["pronouns"], sent["archived"]) == ("they", True)


@pytest.mark.parametrize("how", ["merge", "delete"])
def test_the_segments_of_a_merged_or_deleted_contact_are_not_found(how: str) -> None:
    workspace = standing()
    contact_id = workspace.sign_up()
    gone_by(workspace, how, contact_id)

    answer = Client(workspace).ask("GET", f"/contacts/{contact_id}/segments")

    assert (answer.status_code, code(answer)) == (404, "not_found")


@pytest.mark.parametrize("how", ["block", "merge", "delete"])
def test_only_an_archived_contact_can_be_unarchived(how: str) -> None:
    workspace = standing()
    contact_id = workspace.sign_up()
    gone_by(workspace, how, contact_id)

    with pytest.raises(KeyError):
        workspace.unarchive(contact_id)


@pytest.mark.parametrize("how", ["archive", "block", "unarchive"])
def test_somebody_who_is_not_there_cannot_be_taken_away_or_brought_back(how: str) -> None:
    with pytest.raises(KeyError):
        getattr(standing(), how)("nobody")


# The feed of activities


def test_the_feed_tells_who_was_created_merged_and_deleted_and_nothing_else() -> None:
    workspace = standing()
    lead = workspace.sign_up(role="lead")
    workspace.advance(seconds=1.5)
    user = workspace.sign_up(external_id="user-42")
    for happening in (workspace.see, workspace.archive, workspace.unarchive):
        happening(user)
    workspace.update(user, name="Ann")
    workspace.tag(user, "vip")
    workspace.block(next(iter(workspace.contacts)))
    workspace.merge(lead, user)
    workspace.advance(days=1)
    workspace.delete(user)

    told = Client(workspace).get(FEED)

    def activity(place: int, second: float, event_type: str, contact_id: str, **more: str) -> dict[str, Any]:
        return {
            "type": "contact_activity",
            "id": f"{int((SECOND + second) * 1000)}.{place:06x}",
            "event_type": event_type,
            "contact_id": contact_id,
            **more,
            "created_at": SECOND + int(second),
        }

    merge = {"merge_source_id": lead, "merge_target_id": user}
    assert told == {
        "type": "list",
        "data": [
            activity(1, 0, "contact.created", lead, role="lead"),
            activity(2, 1.5, "contact.created", user, role="user", external_id="user-42"),
            activity(3, 1.5, "contact.merged", user, role="user", external_id="user-42", **merge),
            activity(4, 1.5 + DAY, "contact.deleted", user, role="user"),
        ],
        "pages": {"type": "pages", "per_page": 50, "next": {"starting_after": told["data"][-1]["id"]}},
    }


def test_the_feed_goes_on_after_the_last_id_and_an_empty_page_has_no_next() -> None:
    workspace = standing(contacts=0)
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


def test_the_first_contacts_of_a_workspace_are_in_no_feed() -> None:
    assert Client(standing()).get(FEED)["data"] == []


@pytest.mark.parametrize(("asked", "given"), [(None, 50), ("151", 150), ("7", 7), ("12abc", 12)])
def test_the_feed_has_50_a_page_and_150_at_most(asked: str | None, given: int) -> None:
    workspace = standing(contacts=0)
    for _ in range(200):
        workspace.sign_up()

    page = Client(workspace).get(FEED, **({"per_page": asked} if asked else {}))

    assert (len(page["data"]), page["pages"]["per_page"]) == (given, given)


@pytest.mark.parametrize("path", [FEED, REMOVED])
@pytest.mark.parametrize("asked", ["0", "abc", "-1", ""])
def test_a_page_size_that_is_no_number_from_1_on_is_refused(path: str, asked: str) -> None:
    answer = Client(standing()).ask("GET", path, params={"per_page": asked})

    assert (answer.status_code, code(answer)) == (400, "invalid_per_page")


def test_a_cursor_that_the_feed_never_gave_is_refused() -> None:
    workspace = standing()
    workspace.sign_up()

    answer = Client(workspace).ask("GET", FEED, params={"starting_after": "1717000200000.0000c3"})

    message = "Please try again using a starting_after value from a paginated response"
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"code": "client_error", "message": f"Invalid starting_after param. {message}"}]


@pytest.mark.parametrize("version", BY_DAY)
@pytest.mark.parametrize("path", [FEED, REMOVED])
def test_older_versions_have_neither_the_feed_nor_the_list_of_removed_contacts(path: str, version: str) -> None:
    answer = Client(standing(), headers=headers_of(version)).ask("GET", path)

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"code": "intercom_version_invalid", "message": "Requested resource is not available in current API version"}
    ]


@pytest.mark.parametrize("version", TO_THE_SECOND)
@pytest.mark.parametrize("path", [FEED, REMOVED])
def test_newer_versions_have_both(path: str, version: str) -> None:
    assert Client(standing(), headers=headers_of(version)).get(path)["data"] == []


# Contacts that are not active


def removed(contact: Contact, status: str, **more: str) -> dict[str, Any]:
    known = {key: contact.attributes[key] for key in ("id", "external_id", "email")}
    return {"type": "contact", **known, "status": status, **more}


def test_the_list_of_removed_contacts_tells_how_each_went() -> None:
    workspace = standing()
    archived, back, blocked, merged, deleted, user = list(workspace.contacts.values())[:6]
    workspace.delete(deleted.id)
    workspace.archive(archived.id)
    workspace.archive(back.id)
    workspace.block(blocked.id)
    workspace.merge(merged.id, user.id)
    workspace.unarchive(back.id)

    told = Client(workspace).get(REMOVED)

    assert told == {
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


def test_a_deleted_contact_is_nobody_after_seven_days() -> None:
    workspace = standing()
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
    workspace = standing(contacts=200)
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
    answer = Client(standing()).ask("GET", REMOVED, params={"page": page})

    assert (answer.status_code, code(answer)) == (400, "parameter_invalid")


def test_addresses_of_removed_contacts_are_escaped_unless_told_otherwise() -> None:
    workspace = standing()
    workspace.archive(workspace.sign_up(email="a&b@example.com"))
    client = Client(workspace)

    lists = [client.get(REMOVED), client.get(REMOVED, escape_identity="false")]

    assert [page["data"][0]["email"] for page in lists] == ["a&amp;b@example.com", "a&b@example.com"]


def test_a_contact_who_signs_up_again_under_its_id_is_not_removed_any_more() -> None:
    workspace = standing()
    contact_id = workspace.sign_up()
    workspace.merge(contact_id, workspace.sign_up())

    workspace.sign_up(id=contact_id)

    client = Client(workspace)
    assert client.get(REMOVED)["data"] == []
    assert client.get(f"/contacts/{contact_id}") == told(workspace.contacts[contact_id])


# Searches that are refused, counts that are not true


@pytest.mark.parametrize("sign", ["=", "!=", "IN"])
def test_a_search_by_segment_can_be_refused_however_deep_it_lies(sign: str) -> None:
    workspace = standing()
    segment_id = named(workspace, "Everyone")
    client = Client(workspace)
    query = {**in_segment(segment_id), "operator": sign, "value": [segment_id] if sign == "IN" else segment_id}
    deep = nested("AND", nested("OR", query))
    client.search(deep)

    workspace.refuses.add("segment_id")

    for asked in (query, nested("AND", query), deep):
        answer = client.ask("POST", "/contacts/search", json={"query": asked})
        assert answer.status_code == 400
        assert answer.json()["errors"] == [
            {"code": "invalid_field", "message": "segment_id is not a valid search field"}
        ]
    assert client.search({"field": "id", "operator": "IN", "value": list(workspace.contacts)})["total_count"] == 40


def test_a_search_for_many_ids_can_be_refused_and_one_for_a_single_id_still_answers() -> None:
    workspace = standing()
    contact_id = next(iter(workspace.contacts))
    client = Client(workspace)
    many = {"field": "id", "operator": "IN", "value": [contact_id]}

    workspace.refuses.add("id IN")

    answer = client.ask("POST", "/contacts/search", json={"query": nested("AND", many)})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"code": "parameter_invalid", "message": "IN is not a valid operator for id"}]
    assert ids(client.search({**many, "operator": "=", "value": contact_id})) == [contact_id]
    assert client.search(in_segment(named(workspace, "Everyone")))["total_count"] == 40


def test_what_is_refused_no_more_is_answered_again() -> None:
    workspace = standing()
    client = Client(workspace)
    query = in_segment(named(workspace, "Everyone"))
    workspace.refuses.add("segment_id")
    refusal = client.refusal(query)

    workspace.refuses.clear()

    assert refusal == (400, "invalid_field")
    assert client.search(query)["total_count"] == 40


@pytest.mark.parametrize(("reported_count", "count"), [(lambda size: size + 3, 43), (lambda size: None, None)])
def test_a_count_can_be_told_wrong_or_not_at_all_and_search_tells_the_true_one(
    reported_count: Callable[[int], int | None], count: int | None
) -> None:
    workspace = standing()
    everyone = named(workspace, "Everyone")
    workspace.reported_count = reported_count

    client = Client(workspace)

    counts = {segment["id"]: segment["count"] for segment in client.get("/segments", include_count="true")["segments"]}
    assert counts[everyone] == count
    assert client.search(in_segment(everyone))["total_count"] == 40


# What search does not know yet


def test_a_new_contact_is_found_only_after_the_lag_of_the_index() -> None:
    workspace = standing(index_lag=600)
    everyone = named(workspace, "Everyone")
    client = Client(workspace)
    contact_id = workspace.sign_up()

    found = []
    for seconds in (0, 599, 1):
        workspace.advance(seconds=seconds)
        pages = [
            client.search(query, pagination={"per_page": 150}) for query in (in_segment(everyone), created(">", 0))
        ]
        found.append([(contact_id in ids(page), page["total_count"]) for page in pages])

    assert found == [[(False, 40)] * 2, [(False, 40)] * 2, [(True, 41)] * 2]


def test_the_truth_and_the_list_know_a_new_contact_at_once() -> None:
    workspace = standing(index_lag=600)
    everyone = named(workspace, "Everyone")
    contact_id = workspace.sign_up()
    made_at = workspace.now()

    assert contact_id in workspace.members(everyone)
    assert contact_id in ids(Client(workspace).get("/contacts", per_page=150))
    assert workspace.pairs() - workspace.memberships.searchable_pairs() == {
        pair for pair in workspace.pairs() if pair[1] == contact_id
    }
    workspace.advance(days=1)
    assert workspace.memberships.searchable_pairs() == workspace.pairs()
    assert (everyone, contact_id) not in workspace.memberships.searchable_pairs(at=made_at)


def test_an_update_is_searched_at_once_whatever_the_lag() -> None:
    workspace = standing(index_lag=600)
    contact_id = next(iter(workspace.contacts))

    workspace.update(contact_id, name="Somebody Else")

    query = {"field": "name", "operator": "=", "value": "Somebody Else"}
    assert ids(Client(workspace).search(query)) == [contact_id]


# Pages that end in other ways


@pytest.mark.parametrize(
    ("following", "end"),
    [
        ("absent", {}),
        ("null", {"next": None}),
        ("object", {"next": {"page": 5, "starting_after": None}}),
        ("url", {}),
    ],
)
def test_the_last_page_says_so_in_the_way_that_was_asked_for(following: NextPageStyle, end: dict[str, Any]) -> None:
    workspace = standing()
    workspace.next_page_style = following
    client = Client(workspace)
    cursor = base64.b64encode(b'[0,"",4]').decode()
    ascending = {"field": "created_at", "order": "ascending"}

    last = client.search(created(">", 0), pagination={"starting_after": cursor}, sort=ascending)

    assert {key: last["pages"][key] for key in last["pages"] if key == "next"} == end


@pytest.mark.parametrize("following", ["absent", "null", "object"])
def test_a_page_that_is_not_the_last_has_an_object_with_a_cursor(following: NextPageStyle) -> None:
    workspace = standing()
    workspace.next_page_style = following

    following_page = Client(workspace).search(created(">", 0), pagination={"per_page": 5})["pages"]["next"]

    assert following_page.keys() == {"page", "starting_after"}
    assert following_page["page"] == 2


def test_the_next_page_of_a_search_can_be_a_url_with_the_cursor_encoded() -> None:
    workspace = standing()
    client = Client(workspace)
    plain = client.search(created(">", 0), pagination={"per_page": 7})
    workspace.next_page_style = "url"

    odd = client.search(created(">", 0), pagination={"per_page": 7})

    url = urlsplit(odd["pages"].pop("next"))
    cursor = plain["pages"].pop("next")["starting_after"]
    assert (url.scheme, url.netloc, url.path) == ("http", "sandbox", "/contacts/search")
    assert parse_qs(url.query) == {"per_page": ["7"], "starting_after": [cursor]}
    assert "=" not in url.query.rpartition("starting_after=")[2]
    assert odd == plain
    assert client.get("/contacts")["pages"]["next"].keys() == {"page", "starting_after"}


# Odd contacts


def test_odd_contacts_are_told_as_they_are() -> None:
    workspace = standing(contacts=0)
    client = Client(workspace)

    odd = add_odd_contacts(workspace)

    sent = {contact_id: client.get(f"/contacts/{contact_id}") for found in odd.values() for contact_id in found}
    assert sent == {contact_id: told(contact) for contact_id, contact in workspace.contacts.items()}
    assert len({sent[contact_id]["created_at"] for contact_id in odd["crowd"]}) == 1
    assert [(sent[contact_id]["created_at"], sent[contact_id]["updated_at"]) for contact_id in odd["dates"]] == [
        (PAST, PAST),
        (PAST, FUTURE),
        (FUTURE, FUTURE),
    ]
    assert [sent[contact_id]["name"] for contact_id in odd["names"]] == list(ODD_NAMES)
    assert COLLIDING.items() <= sent[odd["attributes"][0]]["custom_attributes"].items()
    assert {sent[contact_id]["email"] for contact_id in odd["emails"]} == {None}


def test_odd_contacts_are_searched_like_any_other() -> None:
    workspace = standing()
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


def test_names_of_odd_attributes_collide_and_are_long() -> None:
    names = list(COLLIDING)

    assert len({name.strip().lower() for name in names}) < len(names)
    assert len([name for name in names if len(name) == 80]) == 2


# Contacts that are sent otherwise


def test_fields_are_added_retyped_nulled_and_removed_in_what_is_sent() -> None:
    workspace = standing()
    contact_id = workspace.sign_up(
        custom_attributes={"plan": "pro", "seats": 3, "plan.tier": 1}, name="Ann", phone=None
    )
    before = told(workspace.contacts[contact_id])

    workspace.encoding.change_fields(
        add={"pronouns": "they", "custom_attributes.score": 7.5, "custom_attributes.a.b": []},
        remove=("browser", "custom_attributes.plan.tier", "unheard_of"),
        retype={"created_at": str, "phone": int, "custom_attributes.seats": lambda seats: {"count": seats}},
        null=("name", "location", "custom_attributes.plan", "custom_attributes.unheard_of"),
    )

    after = Client(workspace).get(f"/contacts/{contact_id}")
    custom = {**before["custom_attributes"], "plan": None, "seats": {"count": 3}, "score": 7.5, "a.b": []}
    del custom["plan.tier"], before["browser"]
    changed = {"pronouns": "they", "created_at": str(SECOND), "name": None, "location": None}
    assert after == before | changed | {"custom_attributes": custom}


def test_reshaped_contacts_are_searched_and_segmented_by_what_is_true() -> None:
    workspace = standing()
    client = Client(workspace)
    contact_id = workspace.sign_up(name="Ann")
    pairs = workspace.pairs()

    workspace.encoding.change_fields(remove=("name", "last_seen_at"), null=("signed_up_at",))

    page = client.search({"field": "name", "operator": "=", "value": "Ann"})
    assert ids(page) == [contact_id]
    assert "name" not in page["data"][0]
    assert workspace.pairs() == pairs
    assert workspace.contacts[contact_id].value("name") == "Ann"


def test_one_reshape_follows_another_in_every_version() -> None:
    workspace = standing()
    contact_id = workspace.sign_up(owner_id=5)
    clients = [Client(workspace, headers=headers_of(version)) for version in ("2.15", "2.16")]

    seen = []
    for retype in (None, {"owner_id": lambda owner: [owner]}, {"owner_id": len}):
        if retype:
            workspace.encoding.change_fields(retype=retype)
        seen.append([client.get(f"/contacts/{contact_id}")["owner_id"] for client in clients])

    assert seen == [[5, "5"], [[5], ["5"]], [1, 1]]


def test_a_reshape_can_wait_until_a_contact_is_updated() -> None:
    workspace = standing()
    kinds = ("left alone", "seen", "updated", "tagged", "archived")
    people = {kind: workspace.sign_up() for kind in kinds}

    workspace.encoding.change_fields(add={"pronouns": "they"}, only_updated=True)
    workspace.see(people["seen"])
    workspace.update(people["updated"], name="Ann")
    workspace.tag(people["tagged"], "vip")
    workspace.archive(people["archived"])
    workspace.unarchive(people["archived"])
    people["new"] = workspace.sign_up()

    client = Client(workspace)
    reshaped = {kind for kind, contact_id in people.items() if "pronouns" in client.get(f"/contacts/{contact_id}")}
    assert reshaped == {"updated", "tagged", "archived", "new"}


# Faults


def everyone_in_pages(workspace: Workspace, client: Client) -> list[Any]:
    query = in_segment(named(workspace, "Everyone"))
    return list(client.pages(query, sort={"field": "id", "order": "ascending"}))


def test_an_empty_page_keeps_its_count_and_its_next() -> None:
    workspace = standing()
    client = Client(workspace)
    workspace.faults.empty_page(named(workspace, "Everyone"), page=2)

    spoiled, whole = everyone_in_pages(workspace, client), everyone_in_pages(workspace, client)

    assert [len(page["data"]) for page in spoiled] == [10, 0, 10, 10]
    assert {**spoiled[1], "data": whole[1]["data"]} == whole[1]


def test_an_empty_page_may_be_the_end() -> None:
    workspace = standing()
    workspace.faults.empty_page(page=2, keeps_next=False)

    pages = everyone_in_pages(workspace, Client(workspace))

    assert [(len(page["data"]), page["total_count"]) for page in pages] == [(10, 40), (0, 40)]


def test_half_a_page_goes_on_as_if_it_were_whole() -> None:
    workspace = standing()
    workspace.faults.half_page(named(workspace, "Everyone"))

    pages = everyone_in_pages(workspace, Client(workspace))

    assert [contact_id for page in pages for contact_id in ids(page)] == sorted(
        set(workspace.contacts) - set(sorted(workspace.contacts)[5:10])
    )


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_a_repeated_page_stands_in_place_of_the_next(order: str) -> None:
    workspace = standing()
    segment_id = named(workspace, "Everyone")
    workspace.faults.repeat_page(segment_id, page=2)

    pages = Client(workspace).pages(in_segment(segment_id), sort={"field": "id", "order": order})

    first, second, third, last = (ids(page) for page in pages)
    assert third == second
    assert sorted({*first, *second, *last}) != IDS
    assert not {*last} & {*first, *second}


def test_a_fault_of_one_segment_leaves_the_others_alone() -> None:
    workspace = standing()
    workspace.faults.empty_page(named(workspace, "New"), times=None)

    assert len(everyone_in_pages(workspace, Client(workspace))[0]["data"]) == 10


def test_segments_can_be_missing_from_the_list_and_still_be_there() -> None:
    workspace = standing()
    client = Client(workspace)
    workspace.faults.half_segment_list()
    workspace.faults.lose_segments(3, times=2)

    lengths = [len(client.get("/segments")["segments"]) for _ in range(4)]

    assert lengths == [4, 5, 5, 8]
    assert client.get(f"/segments/{list(workspace.segments)[-1]}")


def test_the_feed_can_be_silent_and_goes_on_where_it_was() -> None:
    workspace = standing()
    client = Client(workspace)
    workspace.sign_up()
    cursor = client.get(FEED)["pages"]["next"]
    workspace.sign_up()
    whole = client.get(FEED, **cursor)
    workspace.faults.empty_feed(times=2)

    told = [client.get(FEED, **cursor) for _ in range(3)]

    silence = {"type": "list", "data": [], "pages": {"type": "pages", "per_page": 50}}
    assert told == [silence, silence, whole]


def test_the_feed_is_silent_until_faults_are_cleared() -> None:
    workspace = standing()
    client = Client(workspace)
    workspace.sign_up()
    workspace.faults.empty_feed(times=None)

    silent = [client.get(FEED)["data"] for _ in range(3)]
    workspace.faults.clear()

    assert silent == [[], [], []]
    assert len(client.get(FEED)["data"]) == 1


@pytest.mark.parametrize("status", [403, 502, 503])
def test_a_load_balancer_answers_html_without_intercoms_headers(status: int) -> None:
    workspace = standing()
    client = Client(workspace)
    workspace.faults.status(status, times=2, path_prefix="/segments")

    answers = [client.ask("GET", path) for path in ("/me", "/segments", "/segments", "/segments")]

    assert [answer.status_code for answer in answers] == [200, status, status, 200]
    assert answers[1].headers["content-type"].startswith("text/html")
    assert "x-request-id" not in answers[1].headers


def test_intercoms_own_trouble_comes_in_its_envelope() -> None:
    workspace = standing()
    client = Client(workspace)
    workspace.faults.status(500)
    workspace.faults.status(429, headers={"Retry-After": "3"})

    broken, refused = client.ask("GET", "/me"), client.ask("GET", "/me")

    assert (broken.status_code, code(broken)) == (500, "server_error")
    assert (refused.status_code, code(refused)) == (429, "rate_limit_exceeded")
    assert (refused.headers["retry-after"], refused.headers["x-ratelimit-remaining"]) == ("3", "0")
    assert workspace.refused == 1


def test_a_body_can_be_empty_until_faults_are_cleared() -> None:
    workspace = standing()
    client = Client(workspace)
    workspace.faults.empty_body(times=None)

    answers = [client.ask("GET", "/me") for _ in range(3)]
    workspace.faults.clear()

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"")}
    assert client.get("/me")["type"] == "admin"
