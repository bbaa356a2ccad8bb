"""Faults of calls, served and in process: kinds, schedules, and how Intercom's client survives them."""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import pytest

from sandbox.api import create_app, in_process, serving
from sandbox.faults import ALL_KINDS, ConnectionDropped, Faults, Kind
from sandbox.world import Workspace
from sources.intercom.api import ContactId, Intercom, Pacer, Page, Retries, version
from sources.intercom.search import Dates, ReadSlots, Tally, everyone, members_of
from sources.intercom.search.pages import pages

from ..support.simulated_time import SimulatedTime
from .client import HEADERS, still_workspace

STUBBORN = Retries(attempts=12, wait_initial=0, wait_max=0, wait_jitter=0)
NO_QUOTA = 1_000_000
DELAY_SECONDS = 0.05

Result = TypeVar("Result")
Send = Callable[..., httpx.Response]
"""Sends a request with a plain client: a path, and httpx's options. With `json` it is a POST."""


@contextmanager
def sending_in_process(workspace: Workspace) -> Iterator[Send]:
    transport = in_process(create_app(workspace))

    async def request(path: str, **options: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=HEADERS) as client:
            return await client.request("POST" if "json" in options else "GET", path, **options)

    yield lambda path, **options: asyncio.run(request(path, **options))


@contextmanager
def sending_served(workspace: Workspace) -> Iterator[Send]:
    with (
        serving(create_app(workspace)) as address,
        httpx.Client(base_url=address, headers=HEADERS, trust_env=False) as client,
    ):
        yield lambda path, **options: client.request("POST" if "json" in options else "GET", path, **options)


@pytest.fixture(params=[sending_in_process, sending_served], ids=["in process", "served"])
def sending(request: pytest.FixtureRequest) -> Any:
    return request.param


def result(send: Send, **options: Any) -> tuple[int, bytes] | str:
    """The status and body of /segments, or the name of the client's error."""
    try:
        answer = send("/segments", **options)
    except httpx.TransportError as error:
        return type(error).__name__
    return answer.status_code, answer.content


# Kinds


@pytest.mark.parametrize("status", [403, 502, 503])
def test_a_load_balancer_answers_html(sending: Any, status: Kind) -> None:
    workspace = still_workspace()
    workspace.faults.at_calls({1: status})

    with sending(workspace) as send:
        faulty, good = send("/segments"), send("/segments")

    assert (faulty.status_code, good.status_code) == (status, 200)
    assert faulty.headers["content-type"].startswith("text/html")
    assert {"x-request-id", "x-ratelimit-limit"} & set(faulty.headers) == set()


@pytest.mark.parametrize(
    ("kind", "status", "code", "retry_after"),
    [
        (429, 429, "rate_limit_exceeded", None),
        ("429 with Retry-After", 429, "rate_limit_exceeded", "1"),
        (500, 500, "server_error", None),
    ],
)
def test_intercom_answers_errors_in_its_envelope(
    sending: Any, kind: Kind, status: int, code: str, retry_after: str | None
) -> None:
    workspace = still_workspace()
    workspace.faults.at_calls({1: kind})

    with sending(workspace) as send:
        faulty = send("/segments")

    assert (faulty.status_code, faulty.json()["errors"][0]["code"]) == (status, code)
    assert faulty.headers.get("retry-after") == retry_after
    assert (faulty.headers["x-ratelimit-remaining"] == "0") is (status == 429)


def test_an_answer_can_be_empty(sending: Any) -> None:
    workspace = still_workspace()
    workspace.faults.at_calls({1: "empty"})

    with sending(workspace) as send:
        assert result(send) == (200, b"")


@pytest.mark.parametrize("kind", ["drop", "truncated"])
@pytest.mark.parametrize("options", [{}, {"json": {"query": {"field": "role", "operator": "=", "value": "user"}}}])
def test_a_closed_connection_is_a_transport_error(sending: Any, kind: Kind, options: dict[str, Any]) -> None:
    workspace = still_workspace()
    workspace.faults.at_calls({2: kind})
    path = "/contacts/search" if options else "/segments"

    with sending(workspace) as send:
        assert send(path, **options).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            send(path, **options)
        assert send(path, **options).status_code == 200


def test_a_truncated_call_reaches_an_endpoint_and_a_dropped_one_does_not(sending: Any) -> None:
    workspace = still_workspace()
    workspace.faults.at_calls({1: "drop", 2: "truncated"})

    with sending(workspace) as send:
        results = [result(send), result(send)]

    assert results == ["RemoteProtocolError", "RemoteProtocolError"]
    assert workspace.calls["segments"] == 1


def test_a_dropped_connection_is_closed_and_not_reset() -> None:
    workspace = still_workspace()
    workspace.faults.at_rate(1, ["drop"])

    with sending_served(workspace) as send:
        # Long enough that most requests are still being sent; if closed then, one in six would be a ReadError.
        results = {result(send, json="x" * 300_000) for _ in range(60)}

    assert results == {"RemoteProtocolError"}


def test_a_truncated_answer_announces_more_than_it_sends() -> None:
    workspace = still_workspace()
    workspace.faults.at_calls({2: "truncated"})

    with sending_served(workspace) as send:
        whole = send("/segments")
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body") as caught:
            send("/segments")

    half = len(whole.content) // 2
    assert f"received {half} bytes, expected {len(whole.content)}" in str(caught.value)


def test_a_short_answer_is_valid_http_and_invalid_json(sending: Any) -> None:
    workspace = still_workspace()
    workspace.faults.at_calls({1: "short"})

    with sending(workspace) as send:
        faulty, whole = send("/segments"), send("/segments")

    assert faulty.status_code == 200
    assert faulty.content == whole.content[: len(whole.content) // 2]
    assert faulty.headers["content-length"] == str(len(faulty.content))
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        faulty.json()


def test_a_slow_answer_is_correct(sending: Any) -> None:
    workspace = still_workspace()
    workspace.faults.at_calls({1: "slow"}, delay_seconds=DELAY_SECONDS)

    with sending(workspace) as send:
        started = time.monotonic()
        late = send("/segments")
        took = time.monotonic() - started
        in_time = send("/segments")

    assert took >= DELAY_SECONDS
    assert late.content == in_time.content


def test_a_client_that_does_not_wait_for_a_slow_answer_times_out(sending: Any) -> None:
    workspace = still_workspace()
    workspace.faults.at_calls({1: "slow"}, delay_seconds=2 * DELAY_SECONDS)

    with sending(workspace) as send:
        assert result(send, timeout=DELAY_SECONDS) == "ReadTimeout"


def test_no_fault_is_in_the_servers_log(capfd: pytest.CaptureFixture[str]) -> None:
    workspace = still_workspace()
    workspace.faults.at_calls(dict(enumerate(ALL_KINDS, start=1)), delay_seconds=0)

    with sending_served(workspace) as send:
        for _ in ALL_KINDS:
            result(send)

    assert workspace.faults.injected == Counter({str(kind): 1 for kind in ALL_KINDS})
    assert capfd.readouterr() == ("", "")


def test_a_plain_asgi_transport_raises_a_drop_as_it_is() -> None:
    workspace = still_workspace()
    workspace.faults.at_calls({1: "drop"})

    async def send() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(workspace))) as client:
            await client.get("http://sandbox/me")

    with pytest.raises(ConnectionDropped):
        asyncio.run(send())


# Schedules


def taken(faults: Faults, calls: int) -> list[str | None]:
    """The names of the faults of the next calls."""
    return [fault.name if (fault := faults.take("/")) else None for _ in range(calls)]


def test_numbered_calls_are_counted_from_when_they_were_set() -> None:
    faults = Faults()
    faults.at_calls({2: "drop", 4: 500})
    before = taken(faults, 2)

    faults.at_calls({1: "truncated"})

    assert [*before, *taken(faults, 3)] == [None, "drop", "truncated", "500", None]
    assert faults.injected == {"drop": 1, "truncated": 1, "500": 1}


def by_rate(seed: int, kinds: Collection[Kind] = ALL_KINDS) -> list[str | None]:
    faults = Faults()
    faults.at_rate(0.1, kinds, seed)
    return taken(faults, 2000)


def test_a_rate_hits_the_same_calls_for_the_same_seed() -> None:
    assert by_rate(1) == by_rate(1)
    assert by_rate(1, set(ALL_KINDS)) == by_rate(1, ALL_KINDS[::-1])
    assert by_rate(1) != by_rate(2)


@pytest.mark.parametrize("seed", range(3))
def test_a_rate_hits_its_share_of_calls_with_every_kind(seed: int) -> None:
    faulty = Counter(name for name in by_rate(seed) if name)

    assert faulty.total() == pytest.approx(200, abs=4 * (2000 * 0.1 * 0.9) ** 0.5)
    assert set(faulty) == {str(kind) for kind in ALL_KINDS}
    assert min(faulty.values()) >= 5


def test_rates_add_up() -> None:
    faults = Faults()
    faults.at_rate(0.5, ["drop"], seed=1)
    faults.at_rate(0.3, [500], seed=2)
    faults.at_rate(0.2, ["empty"], seed=3)

    faulty = Counter(taken(faults, 2000))

    assert {name: count / 2000 for name, count in faulty.items()} == pytest.approx(
        {"drop": 0.5, "500": 0.3, "empty": 0.2}, abs=0.05
    )


def test_other_faults_do_not_shift_a_rate() -> None:
    faults = Faults()
    faults.at_rate(0.1, seed=1)
    faults.at_calls(dict.fromkeys(range(1, 1001), "slow"))

    assert taken(faults, 2000)[1000:] == by_rate(1)[1000:]


@pytest.mark.parametrize("rate", [-0.1, 0.6])
def test_the_sum_of_rates_stays_between_0_and_1(rate: float) -> None:
    faults = Faults()
    faults.at_rate(0.5)

    with pytest.raises(ValueError, match="between 0 and 1"):
        faults.at_rate(rate)


def test_an_unknown_kind_of_fault_is_refused_at_once() -> None:
    faults = Faults()
    unknown: Any = "earthquake"

    with pytest.raises(ValueError, match="earthquake"):
        faults.at_calls({1: unknown})
    with pytest.raises(ValueError, match="earthquake"):
        faults.at_rate(0.1, [unknown])
    with pytest.raises(ValueError, match="at least"):
        faults.at_rate(0.1, [])


def test_an_outage_starts_with_the_first_call_and_ends_after_its_time() -> None:
    seconds = iter([100.0, 101.0, 104.9, 105.0, 106.0])
    faults = Faults()
    faults.outage(5, monotonic=lambda: next(seconds))

    assert taken(faults, 5) == ["503", "503", "503", None, None]


def test_an_outage_of_real_seconds_ends(sending: Any) -> None:
    workspace = still_workspace()
    workspace.faults.outage(0.1, "drop")

    with sending(workspace) as send:
        during = result(send)
        time.sleep(0.1)
        after = send("/segments")

    assert (during, after.status_code) == ("RemoteProtocolError", 200)


def test_an_outage_uses_up_no_other_fault() -> None:
    seconds = iter([0.0, 1.0])
    faults = Faults()
    faults.status(429, path_prefix="/")
    faults.outage(1, 502, monotonic=lambda: next(seconds))

    assert taken(faults, 2) == ["502", "429"]


def test_clear_removes_all_faults_and_keeps_the_counts() -> None:
    faults = Faults()
    faults.at_rate(1, [500])
    faults.at_calls({2: "drop"})
    faults.outage(60)
    faults.take("/")

    faults.clear()

    assert taken(faults, 3) == [None, None, None]
    assert faults.injected == {"503": 1}


def test_the_module_has_faults_at_a_rate() -> None:
    command = [sys.executable, "-m", "sandbox", "--contacts", "5", "--segments", "2", "--port", "0"]
    expected = Faults()
    expected.at_rate(0.5, seed=1)

    with subprocess.Popen([*command, "--fault-rate", "0.5", "--fault-seed", "1"], stdout=-1, text=True) as running:
        assert running.stdout
        address = running.stdout.readline().split()[-1]
        with httpx.Client(base_url=address, headers=HEADERS, trust_env=False) as client:
            good = [isinstance(answer := result(client.get), tuple) and answer[:1] == (200,) for _ in range(6)]
        running.terminate()

    assert good == [name in (None, "empty", "short", "slow") for name in taken(expected, 6)]


# Reading with Intercom's client


def add_all_faults(workspace: Workspace, kinds: Collection[Kind] = ALL_KINDS) -> None:
    """A fault of each kind at 3% of all calls."""
    for seed, kind in enumerate(kinds):
        workspace.faults.at_rate(0.03, [kind], seed, delay_seconds=0.002)


async def everything(client: Intercom) -> tuple[list[str], dict[str, set[str]]]:
    """All contacts in the order of reading, and the members of every segment."""
    async with client:
        contacts = [row.id async for page in pages(client, everyone(), Page[ContactId]) for row in page.data]
        slots = ReadSlots(client, Dates(version("Preview"), "UTC"), Tally())
        sightings = {}
        for segment in await client.segments():
            with await slots.reserve(0) as read:
                sightings[segment.id] = await read.read(members_of(segment.id))
    assert all(sighting.total == len(sighting.ids) for sighting in sightings.values())
    return contacts, {segment_id: sighting.ids for segment_id, sighting in sightings.items()}


def run_in_simulated_time(reading: Callable[[Pacer], Coroutine[Any, Any, Result]]) -> Result:
    """Runs in an event loop in which the waits after a 429 take no time."""
    with asyncio.Runner(loop_factory=SimulatedTime) as runner:
        loop = runner.get_loop()
        return runner.run(reading(Pacer(share=1.0, monotonic=loop.time)))


def assert_complete(workspace: Workspace, contacts: list[str], members: dict[str, set[str]]) -> None:
    assert len(contacts) == len(set(contacts))
    assert set(contacts) == set(workspace.contacts)
    assert members == {segment_id: workspace.members(segment_id) for segment_id in workspace.segments}


@pytest.mark.parametrize("seed", range(2))
def test_reading_through_every_fault_finds_all_contacts_and_members(seed: int) -> None:
    workspace = still_workspace(contacts=2500, segments=25, seed=seed)
    add_all_faults(workspace)
    transport = in_process(create_app(workspace, limit=NO_QUOTA))

    contacts, members = run_in_simulated_time(
        lambda pacer: everything(
            Intercom("http://sandbox", workspace.token, pacer=pacer, retries=STUBBORN, transport=transport)
        )
    )

    assert_complete(workspace, contacts, members)
    assert workspace.faults.injected.total() > 20


def test_reading_through_every_network_fault_finds_all_contacts_and_members() -> None:
    workspace = still_workspace(contacts=2500, segments=25)
    add_all_faults(workspace, [kind for kind in ALL_KINDS if kind not in (429, "429 with Retry-After")])  # real waits

    with serving(create_app(workspace, limit=NO_QUOTA)) as address:
        pacer = Pacer(share=1.0)
        contacts, members = asyncio.run(everything(Intercom(address, workspace.token, pacer=pacer, retries=STUBBORN)))

    assert_complete(workspace, contacts, members)
    assert {"drop", "truncated", "short"} <= set(workspace.faults.injected)
