"""Syncs of a workspace that sends an odd value: they end as done or incomplete, and the next one is the truth."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import ExitCode

from ...support.deployments import Deployment, lively_workspace

DEEP = "a value nested too deeply"
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.sampled_from(["", "\ud83d", "\u0000", [], {}, [None], {"id": None}, DEEP])
)
HEADERS = ("date", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "link", "x-request-id")
NEEDED = ("id_code", "region", "timezone")
"""Fields of `/me` that name the workspace, and how it searches."""


class Odd(httpx.AsyncBaseTransport):
    """Sets one value of one answer, the `call`th, and one header of all answers."""

    def __init__(self, deployment: Deployment, call: int, place: int, value: Any, header: tuple[str, bytes]) -> None:
        self.inner, self.left = deployment.transport, call
        self.place, self.value, self.header = place, value, header
        self.altered = ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        body = await response.aread()
        self.left -= 1
        if self.left == 0 and response.status_code == httpx.codes.OK:
            body = self._alter(json.loads(body), request.url.path)
        name, sent = self.header
        headers = [(key, value) for key, value in response.headers.raw if key.lower() != name.encode()]
        return httpx.Response(response.status_code, headers=[*headers, (name.encode(), sent)], content=body)

    def _alter(self, answer: Any, path: str) -> bytes:
        places = [place for place in holders(answer) if place[1] not in NEEDED and path != "/me"]
        if places:
            holder, key = places[self.place % len(places)]
            self.altered, holder[key] = f"{path} {key}", self.value
        return json.dumps(answer).replace(json.dumps(DEEP), "[" * 10_000 + "]" * 10_000).encode()


def holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """All places in a JSON value that can be set."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from holders(value[key])


def check_odd_value(call: int, place: int, value: Any, header: tuple[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(Path(folder), lively_workspace(contacts=20, segments=3))
        good = deployment.transport
        odd = Odd(deployment, call, place, value, header)
        deployment.transport = odd
        outcome = deployment.sync()
        deployment.transport = good
        deployment.workspace.advance(hours=21)
        deployment.sync()

        assert outcome.exit_code in (ExitCode.DONE, ExitCode.INCOMPLETE), odd.altered
        assert deployment.members() == deployment.workspace.pairs(), odd.altered
        assert set(deployment.query("select id from intercom_raw.contacts")) == {
            (contact_id,) for contact_id in deployment.workspace.contacts
        }, odd.altered


@pytest.mark.nightly
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(1, 14),
    st.integers(0, 2_000),
    VALUES,
    st.tuples(st.sampled_from(HEADERS), st.binary(max_size=20).map(lambda sent: sent.translate(None, b"\r\n\0"))),
)
def test_any_value_in_any_field_costs_that_value_only(
    call: int, place: int, value: Any, header: tuple[str, bytes]
) -> None:
    check_odd_value(call, place, value, header)


@pytest.mark.parametrize(
    ("call", "place", "value", "header"),
    [
        (4, 3, 10**400, ("date", b"yesterday")),
        pytest.param(5, 2, None, ("x-ratelimit-reset", b"1772442010.5"), marks=pytest.mark.nightly),
        pytest.param(6, 40, DEEP, ("x-ratelimit-remaining", b"\xff\xc3"), marks=pytest.mark.nightly),
    ],
)
def test_an_odd_value_and_an_odd_header_cost_themselves_only(
    call: int, place: int, value: Any, header: tuple[str, bytes]
) -> None:
    check_odd_value(call, place, value, header)
