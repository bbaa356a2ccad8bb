"""A reading ends for any value in one endpoint's answers and any header: two thousand random ones."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from string import digits
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.settings import sandbox_settings
from sandbox.api import create_app, in_process
from sandbox.world import Workspace
from sources.intercom.api import App, Intercom, Pacer, Unavailable, Usage
from sources.intercom.memberships import SavedState
from sources.intercom.readings import LoadedTables, Reading, RunInputs
from sources.intercom.search import Progress
from sources.intercom.tables import Fields

from ...support.deployments import AT_ONCE, NO_QUOTA, lively_workspace
from ..wire.test_any_value import ANY_NODE, ANY_PATH, VALUES, Replaced

HEADERS = st.tuples(
    st.sampled_from(["date", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "link"]),
    st.binary(max_size=12).map(lambda sent: sent.translate(None, b"\r\n\0" + digits.encode())),
)
"""Without digits: a reading obeys a quota and a wait that it can read."""
WORKSPACE = lively_workspace(contacts=12, segments=2)


class WithHeader(httpx.AsyncBaseTransport):
    """Replaces one header of each answer."""

    def __init__(self, inner: httpx.AsyncBaseTransport, name: str, value: bytes) -> None:
        self.inner, self.name, self.value = inner, name.encode(), value

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        others = [pair for pair in response.headers.raw if pair[0].lower() != self.name]
        return httpx.Response(
            response.status_code, headers=[*others, (self.name, self.value)], content=await response.aread()
        )


def reading_of(workspace: Workspace, transport: httpx.AsyncBaseTransport, usage: Usage) -> Reading:
    """The first reading of a workspace, into no warehouse."""
    configured, pacer = sandbox_settings("sandbox-token"), Pacer(share=1_000)  # no wait where no quota can be read

    async def prepare(client: Intercom) -> RunInputs:
        app: App = (await client.me()).app
        options = configured.options(app, "run", clock=lambda: workspace.now() + timedelta(seconds=1))
        return RunInputs(options, SavedState(), LoadedTables(None, app.id_code), Fields(None, configured.privacy))

    def connect() -> Intercom:
        return configured.client(pacer, usage, retries=replace(AT_ONCE, attempts=2), transport=transport)

    return Reading(connect, prepare, Progress(usage, pacer))


async def rows_of(reading: Reading) -> set[str]:
    """Reads all resources. Returns the contacts' ids."""
    contacts = set[str]()

    async def read_contacts() -> None:
        async for table in reading.contacts():
            contacts.update(table["id"].to_pylist())

    async with asyncio.TaskGroup() as group:
        group.create_task(reading.new_versions())
        group.create_task(read_contacts())
        for others in (reading.activities(), reading.scans(), reading.contact_removals()):
            group.create_task(_exhaust(others))
    return contacts


async def _exhaust(items: AsyncIterator[Any]) -> None:
    async for _ in items:
        pass


def check(path: str, node: int, value: bytes, header: tuple[str, bytes]) -> None:
    usage = Usage()
    good = in_process(create_app(WORKSPACE, limit=NO_QUOTA))
    reading = reading_of(WORKSPACE, WithHeader(Replaced(good, path, node, value), *header), usage)

    try:
        contacts = asyncio.run(rows_of(reading))
    except ExceptionGroup as group:
        _, others = group.split(Unavailable)
        assert others is None
        # no id of a workspace, or no contact where Intercom counts some
        assert path == "/me" or (path, value) == ("/contacts/search", b"[]")
        return

    lost = WORKSPACE.contacts.keys() - contacts
    assert not lost or not reading.result.is_complete


@settings(max_examples=20, deadline=None, derandomize=True, phases=[Phase.generate])
@given(path=ANY_PATH, node=ANY_NODE, value=VALUES, header=HEADERS)
def test_some_value_and_some_header_end_no_reading(
    path: str, node: int, value: bytes, header: tuple[str, bytes]
) -> None:
    check(path, node, value, header)


@pytest.mark.nightly
@settings(max_examples=2_000, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(path=ANY_PATH, node=ANY_NODE, value=VALUES, header=HEADERS)
def test_any_value_and_any_header_end_no_reading(path: str, node: int, value: bytes, header: tuple[str, bytes]) -> None:
    check(path, node, value, header)
