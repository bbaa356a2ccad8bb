"""Every answer is bounded in time and size, and every list in pages."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from sources.intercom.api import Bounds, Intercom, Pacer, Refused, Retries, SetupError, Unavailable
from sources.intercom.api.answers import ContactId, Page
from sources.intercom.search import everyone
from sources.intercom.search.pages import pages

AT_ONCE = Retries(attempts=8, wait_initial=0, wait_max=0, wait_jitter=0)
SMALL = Bounds(seconds=0.05, sent_bytes=100_000, decoded_bytes=100_000, attempts=2)
ME = {"app": {"id_code": "abc"}}
Answer = Callable[[httpx.Request], httpx.Response]


def called(answer: Answer, ask: Callable[[Intercom], Awaitable[Any]], **options: Any) -> tuple[Any, int]:
    """What the client makes of the answers, and after how many calls."""
    calls = []

    def counted(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return answer(request)

    async def run() -> Any:
        transport = httpx.MockTransport(counted)
        defaults: dict[str, Any] = {"retries": AT_ONCE, "bounds": SMALL, "transport": transport, "pacer": Pacer()}
        async with Intercom("http://intercom", "secret", **(defaults | options)) as client:
            return await ask(client)

    return asyncio.run(run()), len(calls)


async def me(client: Intercom) -> str:
    return (await client.me()).app.id_code


async def one_byte_at_a_time() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.01)


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b" " * 10_000


@pytest.mark.parametrize("body", [one_byte_at_a_time, endless])
def test_an_answer_without_end_is_given_up(body: Callable[[], AsyncIterator[bytes]]) -> None:
    with pytest.raises(Unavailable, match="failed 2 times"):
        called(lambda _: httpx.Response(200, content=body()), me)


def test_an_answer_that_decompresses_without_measure_is_given_up() -> None:
    bomb = gzip.compress(b" " * 10_000_000)

    async def sent() -> AsyncIterator[bytes]:
        for start in range(0, len(bomb), 100):
            yield bomb[start : start + 100]

    with pytest.raises(Unavailable, match=r"more than 0\.1 MB"):
        called(lambda _: httpx.Response(200, content=sent(), headers={"content-encoding": "gzip"}), me)


def test_a_quota_of_nothing_is_reported_and_not_waited_for() -> None:
    headers = {"x-ratelimit-limit": "0", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999999"}

    with pytest.raises(Unavailable, match="grants this workspace no calls"):
        called(lambda _: httpx.Response(429, json={}, headers=headers), me)


def test_no_call_starts_after_the_time_of_the_run() -> None:
    with pytest.raises(Unavailable, match="--within"):
        called(lambda _: httpx.Response(200, json=ME), me, until=time.monotonic() - 1)


@pytest.mark.parametrize("name", ["date", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "link"])
@pytest.mark.parametrize("value", [b"", b"\xb2", b"1_0", b"991, 98", b"\xff\xfe", b"9" * 400, b"-1e9", b"http://["])
def test_a_header_that_cannot_be_read_counts_as_absent(name: str, value: bytes) -> None:
    headers = [(name.encode(), value), (b"retry-after", value), (b"location", value)]

    assert called(lambda _: httpx.Response(200, json=ME, headers=headers), me) == ("abc", 1)


@pytest.mark.parametrize("status", [301, 308])
def test_a_moved_address_names_its_host_only(status: int) -> None:
    answer = httpx.Response(status, headers={"location": "https://new.example.com/me?token=secret"})

    with pytest.raises(SetupError, match=r"moved to new\.example\.com\.") as caught:
        called(lambda _: answer, me)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("code", "kind"), [("unauthorized", Refused), ("server_error", Unavailable)])
def test_an_error_list_under_a_good_status_is_judged_by_its_code(code: str, kind: type[Exception]) -> None:
    envelope = {"type": "error.list", "errors": [{"code": code}]}

    with pytest.raises(kind):
        called(lambda _: httpx.Response(200, json=envelope), me)


@pytest.mark.parametrize(
    "next_page",
    [{"starting_after": "a"}, {"page": 2}, "https://elsewhere.example.com/segments?page=2&include_count=true", 2],
    ids=str,
)
def test_segments_on_further_pages_are_read_and_the_newest_version_wins(next_page: object) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "intercom"
        first = {"segments": [{"id": "s1", "updated_at": 5, "name": "new"}], "pages": {"next": next_page}}
        second = {"segments": [{"id": "s1", "updated_at": 4, "name": "old"}, {"id": "s2"}]}
        return httpx.Response(200, json=second if {"page", "starting_after"} & set(request.url.params) else first)

    listed, calls = called(answer, lambda client: client.segments())

    assert [(one.id, one.name) for one in listed] == [("s1", "new"), ("s2", "")]
    assert calls == 2


def test_pages_of_segments_that_never_end_are_given_up() -> None:
    with pytest.raises(Unavailable, match="without end"):
        called(
            lambda _: httpx.Response(200, json={"segments": [], "pages": {"next": {"starting_after": "a"}}}),
            lambda client: client.segments(),
        )


@pytest.mark.nightly
@pytest.mark.parametrize("rows", [0, 150])
def test_a_search_that_pages_without_end_is_given_up(rows: int) -> None:
    numbers = iter(range(1_000_000))

    def answer(_: httpx.Request) -> httpx.Response:
        data = [{"id": str(next(numbers))} for _ in range(rows)]
        following = {"next": {"starting_after": str(next(numbers))}}
        return httpx.Response(200, json={"data": data, "total_count": 150, "pages": following})

    async def read(client: Intercom) -> None:
        async for _ in pages(client, everyone(), Page[ContactId]):
            pass

    with pytest.raises(Unavailable, match="without end"):
        called(answer, read)


@pytest.mark.parametrize(
    ("answer", "is_whole"),
    [
        ({"data": [{"id": "s1"}]}, True),
        ({"data": [{"id": "s1"}], "total_count": 1}, True),
        ({"data": [{"id": "s1"}], "total_count": 2}, False),
        ({"data": [{"id": "s1"}], "total_count": "many"}, False),
        ({"data": [{"id": "s1"}, {"id": []}]}, False),
        ({"data": [{"id": "s1"}], "pages": {"next": "https://intercom/segments"}}, False),
        ({"data": [{"id": "s1"}], "pages": {"next": {"starting_after": []}}}, False),
    ],
    ids=str,
)
def test_the_segments_of_a_contact_are_whole_only_by_evidence(answer: dict[str, Any], is_whole: bool) -> None:
    found, _ = called(lambda _: httpx.Response(200, json=answer), lambda client: client.segments_of("c1"))

    assert (found.group_ids, found.is_whole) == ({"s1"}, is_whole)
