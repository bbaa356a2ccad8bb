"""The client: what is tried again, what is not, and what an error says."""

import asyncio

import httpx
import pytest

from sources.intercom.api import (
    Intercom,
    IntercomError,
    Pacer,
    Refused,
    Retries,
    SegmentStatus,
    Unavailable,
    absence_codes,
)
from sources.intercom.api.client import LANES

from ...support.odd_answers import ODD

TOKEN = "secret-token"
ME = {"type": "admin", "app": {"id_code": "abc", "region": "US", "timezone": "Europe/Dublin"}}
AT_ONCE = Retries(attempts=3, wait_initial=0, wait_max=0, wait_jitter=0)
HTML = httpx.Response(403, html="<html>Forbidden</html>")


def error(status: int, code: str, message: str = "Message", **headers: str) -> httpx.Response:
    body = {"type": "error.list", "request_id": "r-1", "errors": [{"code": code, "message": message}]}
    return httpx.Response(status, json=body, headers={"x-request-id": "r-1", **headers})


def me(*answers: httpx.Response | Exception) -> tuple[str, int]:
    """Requests `/me` from an Intercom that sends these answers, the last one forever. Returns workspace and calls."""
    calls = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        now = answers[min(len(calls), len(answers)) - 1]
        if isinstance(now, Exception):
            raise now
        return httpx.Response(now.status_code, headers=now.headers, content=now.content)

    async def ask() -> str:
        async with Intercom("http://intercom", TOKEN, retries=AT_ONCE, transport=httpx.MockTransport(answer)) as client:
            return (await client.me()).app.id_code

    return asyncio.run(ask()), len(calls)


@pytest.mark.parametrize(
    "passing",
    [
        error(500, "server_error"),
        error(503, "service_unavailable"),
        error(408, "request_timeout"),
        error(429, "rate_limit_exceeded", **{"retry-after": "0"}),
        httpx.Response(502, html="<html>Bad gateway</html>"),
        httpx.Response(200),
        httpx.Response(200, content=b'{"type": "admin", "app": {"id_code"'),
        HTML,
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
    ],
    ids=lambda answer: f"{type(answer).__name__} {getattr(answer, 'status_code', '')}",
)
def test_what_may_pass_is_tried_again(passing: httpx.Response | Exception) -> None:
    assert me(passing, httpx.Response(200, json=ME)) == ("abc", 2)


def test_what_does_not_pass_is_given_up_with_the_last_reason() -> None:
    with pytest.raises(
        Unavailable, match=r"failed 3 times.*HTTP 503, service_unavailable \(Message\), request r-1.*later"
    ):
        me(error(503, "service_unavailable"))


@pytest.mark.parametrize(
    ("refusal", "next_step"),
    [
        (error(401, "unauthorized", "Access Token Invalid"), "SOURCES__INTERCOM__ACCESS_TOKEN"),
        (error(403, "forbidden"), "permission"),
        (error(400, "intercom_version_invalid"), "SOURCES__INTERCOM__API_VERSION"),
        (error(422, "parameter_invalid"), "report it"),
    ],
)
def test_a_refusal_is_not_tried_again_and_says_what_to_do(refusal: httpx.Response, next_step: str) -> None:
    with pytest.raises(Refused, match=next_step) as caught:
        me(refusal, AssertionError("asked again"))

    assert "request r-1" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_an_answer_without_a_workspace_names_the_place_but_no_value() -> None:
    with pytest.raises(Unavailable, match=r"app\.id_code is missing or has another type.*later") as caught:
        me(httpx.Response(200, json={"app": {"id_code": ["Ada"]}}))

    assert "Ada" not in str(caught.value)


def test_every_call_sends_token_version_and_what_it_accepts() -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, json=ME)

    async def ask() -> None:
        transport = httpx.MockTransport(answer)
        async with Intercom("http://intercom", TOKEN, version="2.17", transport=transport) as client:
            await client.me()

    asyncio.run(ask())

    wanted = {"authorization": f"Bearer {TOKEN}", "intercom-version": "2.17", "accept": "application/json"}
    assert {name: seen[0][name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("limit", "seconds", "breadth"),
    [(1666, 0.05, 10), (1666, 0.5, LANES), (200, 0.2, 5), (10, 0.1, 2), (None, 0.1, LANES)],
)
def test_as_many_calls_should_be_under_way_as_use_up_the_rate(limit: int | None, seconds: float, breadth: int) -> None:
    clock = iter([0.0, 0.0, seconds, seconds, seconds])
    headers = {} if limit is None else {"x-ratelimit-limit": str(limit), "x-ratelimit-reset": "1000"}
    pacer = Pacer(monotonic=lambda: next(clock))
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=ME, headers=headers))

    async def ask() -> tuple[int, int]:
        async with Intercom("http://intercom", TOKEN, pacer=pacer, transport=transport) as client:
            before = client.breadth
            await client.me()
            return before, client.breadth

    assert asyncio.run(ask()) == (LANES, breadth)


@pytest.mark.parametrize(
    ("answer", "exists"),
    [
        (httpx.Response(200, json={"id": "s1"}), True),
        (error(404, "not_found"), False),
        (error(404, "team_not_found"), None),
        (httpx.Response(404, json={}), None),
        (error(403, "forbidden"), None),
    ],
)
def test_only_intercoms_own_not_found_proves_that_a_segment_is_deleted(
    answer: httpx.Response, exists: bool | None
) -> None:
    async def ask() -> bool | None:
        transport = httpx.MockTransport(lambda _: answer)
        async with Intercom("http://intercom", TOKEN, retries=AT_ONCE, transport=transport) as client:
            return await client.segment_exists("s1")

    assert asyncio.run(ask()) is exists


@pytest.mark.parametrize(
    ("body", "edited"),
    [
        ({"id": "s1", "updated_at": 7}, 7),
        ({"id": "s1", "updated_at": "soon"}, 0),
        ({"id": "s2", "updated_at": 7}, None),
        ({"updated_at": 7}, None),
        ([], None),
    ],
    ids=repr,
)
def test_a_segment_has_the_definition_that_its_answer_shows(body: object, edited: int | None) -> None:
    async def ask() -> SegmentStatus:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
        async with Intercom("http://intercom", TOKEN, retries=AT_ONCE, transport=transport) as client:
            return await client.segment("s1")

    found = asyncio.run(ask())
    assert found.exists
    assert (found.definition and found.definition.updated_at) == edited


@pytest.mark.parametrize(
    ("path", "code", "is_proof"),
    [
        ("/admins/{id}", "admin_not_found", True),
        ("/companies/{id}", "company_not_found", True),
        ("/conversations/attributes/{id}", "conversation_attribute_not_found", True),
        ("/teams/{id}", "team_not_found", True),
        ("/companies/{id}/notes", "company_not_found", True),
        ("/teams/{id}", "admin_not_found", False),
        ("/tags/{id}", "token_not_found", False),
        ("/tags/{id}", "app_not_found", False),
    ],
)
def test_each_kind_of_record_has_its_code_of_absence(path: str, code: str, is_proof: bool) -> None:
    assert (code in absence_codes(path)) is is_proof
    assert "not_found" in absence_codes(path)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(401, "unauthorized"), Refused),
        (error(500, "server_error"), Unavailable),
        (httpx.Response(200, json={"app": 1}, headers={"x-request-id": "r-1"}), Unavailable),
    ],
    ids=["refused", "unavailable", "unreadable"],
)
def test_an_error_has_the_id_of_the_request_that_failed(answer: httpx.Response, kind: type[IntercomError]) -> None:
    with pytest.raises(kind) as caught:
        me(answer)

    assert caught.value.request_id == "r-1"


def test_an_error_without_an_answer_has_no_request_id() -> None:
    with pytest.raises(Unavailable) as caught:
        me(httpx.ConnectError("refused"))

    assert caught.value.request_id is None


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_whatever_else_an_error_holds_its_code_counts(odd: bytes) -> None:
    listed = b'{"type": "error.list", "odd": %b, "errors": [{"code": "not_found", "message": %b}]}' % (odd, odd)
    transport = httpx.MockTransport(lambda _: httpx.Response(404, content=listed))

    async def ask() -> tuple[object, object]:
        async with Intercom("http://intercom", TOKEN, retries=AT_ONCE, transport=transport) as client:
            return await client.segments_of("c1"), await client.segment_exists("s1")

    assert asyncio.run(ask()) == (None, False)
