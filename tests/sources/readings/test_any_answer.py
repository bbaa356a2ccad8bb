"""Any value in any field of any answer, and any header: a run ends as done or incomplete, and the next is the truth."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.errors import ExitCode
from pipelines.settings import sandbox_settings
from sandbox.api import create_app, in_process
from sandbox.world import Workspace
from sources.intercom.api import App, Intercom, Pacer, Unavailable, Usage
from sources.intercom.memberships import SavedState
from sources.intercom.readings import LoadedTables, Reading, RunInputs
from sources.intercom.search import Progress
from sources.intercom.tables import attribute_rows

from ...support.deployments import AT_ONCE, NO_QUOTA, Deployment, lively_workspace
from ...support.odd_answers import HEADERS, PATHS, VALUES, OddEverywhere, Replaced
from ...support.snapshots import copied

ANY_PATH, ANY_NODE = st.sampled_from(PATHS), st.integers(0, 10_000)
WORKSPACE = lively_workspace(contacts=12, segments=2)
CONTACTS = 250
NIGHTLY = (pytest.mark.long, pytest.mark.nightly, pytest.mark.hypothesis)

Kind = Literal["first", "full", "changes"]


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
        return RunInputs(
            options, SavedState(), LoadedTables(None, app.id_code), configured.fields(None, options.began_at)
        )

    def connect() -> Intercom:
        return configured.client(pacer, usage, retries=replace(AT_ONCE, attempts=2), transport=transport)

    return Reading(connect, prepare, Progress(usage, pacer))


async def rows_of(reading: Reading) -> set[str]:
    """Reads all resources. Returns the contacts' ids."""
    contacts = set[str]()

    async def read_contacts() -> None:
        async for table in reading.contacts():
            contacts.update(table["id"].to_pylist())

    async def read_attributes() -> None:
        async with reading as (client, inputs):
            attribute_rows(inputs.options.app, await client.data_attributes("contact") or ())

    async with asyncio.TaskGroup() as group:
        group.create_task(reading.new_versions())
        group.create_task(read_attributes())
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


@settings(max_examples=20, phases=[Phase.generate])
@given(path=ANY_PATH, node=ANY_NODE, value=VALUES, header=HEADERS)
def test_some_value_and_some_header_end_no_reading(
    path: str, node: int, value: bytes, header: tuple[str, bytes]
) -> None:
    check(path, node, value, header)


@pytest.mark.long
@pytest.mark.nightly
@settings(max_examples=400, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(path=ANY_PATH, node=ANY_NODE, value=VALUES, header=HEADERS)
def test_any_value_and_any_header_end_no_reading(path: str, node: int, value: bytes, header: tuple[str, bytes]) -> None:
    check(path, node, value, header)


@dataclass(frozen=True)
class OddRun:
    """A run whose every answer is odd. `kind` is what is read: all for the first time, all again, or what changed."""

    kind: Kind
    by_contact: bool
    values: Sequence[tuple[int, bytes]]
    headers: Sequence[tuple[str, bytes]]
    envelope: tuple[str, int, bytes] | None
    """An endpoint whose lists are odd too: a field around the records, and its new value."""


def odd_runs(kind: Kind, by_contact: bool) -> st.SearchStrategy[OddRun]:
    return st.builds(
        OddRun,
        kind=st.just(kind),
        by_contact=st.just(by_contact),
        values=st.lists(st.tuples(st.integers(0, 200), VALUES), min_size=120, max_size=120),
        headers=st.lists(HEADERS, min_size=12, max_size=12),
        envelope=st.none() | st.tuples(st.sampled_from(PATHS[1:]), st.integers(0, 6), VALUES),
    )


def changed_workspace() -> Workspace:
    """As it was synced, and then some contacts changed, joined and left."""
    workspace = lively_workspace(contacts=CONTACTS, segments=8)
    workspace.advance(seconds=1, hours=1)
    people = sorted(workspace.contacts)
    for number, contact_id in enumerate(people[:12]):
        workspace.update(contact_id, custom_attributes={"plan": ("pro", "free", "trial")[number % 3]})
    for contact_id in people[12:16]:
        workspace.delete(contact_id)
    workspace.sign_up(custom_attributes={"plan": "trial"})
    return workspace


def check_run(synced: Path, run: OddRun) -> set[tuple[str, ...]]:
    """Returns what was tried."""
    with TemporaryDirectory() as folder:
        if run.kind != "first":
            shutil.copytree(synced, Path(folder) / "data", symlinks=True)
        deployment = Deployment(Path(folder) / "data", changed_workspace())
        workspace, before = deployment.workspace, set() if run.kind == "first" else deployment.members()
        if run.by_contact:
            workspace.refuses.add("segment_id")
        odd = OddEverywhere(deployment.transport, run.values, run.headers, run.envelope)

        outcome = deployment.sync(transport=odd, full=run.kind == "full")

        assert outcome.exit_code in (ExitCode.DONE, ExitCode.INCOMPLETE)
        true = workspace.pairs()
        assert before - deployment.members() <= before - true  # no membership ended that did not
        assert deployment.members() - before <= true - before
        if run.kind != "changes" and run.envelope is None:
            check_contacts(deployment, odd.fields("/contacts/search"))

        deployment.sync()

        assert deployment.members() == workspace.pairs()
        check_contacts(deployment, odd=())
        check_segments(deployment)
        return odd.tried


def check_contacts(deployment: Deployment, odd: Collection[tuple[str, str]]) -> None:
    """All are loaded, and with their names, but for those whose name was odd."""
    names = dict(deployment.query("select id, name from intercom_raw.contacts"))
    for contact_id, contact in deployment.workspace.contacts.items():
        assert contact_id in names
        assert names[contact_id] == contact.value("name") or (contact_id, "name") in odd


def check_segments(deployment: Deployment) -> None:
    found = dict(deployment.query("select segment_id, name from intercom.segments where not is_deleted"))
    assert found == {key: segment.name for key, segment in deployment.workspace.segments.items()}


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def run_once(folder: Path) -> None:
        Deployment(folder, lively_workspace(contacts=CONTACTS, segments=8)).sync()

    return copied("any answer", run_once, tmp_path_factory.mktemp("any answer") / "data")


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize(
    ("kind", "by_contact", "runs", "values"),
    [
        ("first", False, 1, 30),
        pytest.param("first", True, 2, 700, marks=NIGHTLY),
        pytest.param("full", False, 2, 700, marks=NIGHTLY),
        pytest.param("changes", False, 2, 600, marks=NIGHTLY),
        pytest.param("changes", True, 2, 100, marks=NIGHTLY),
    ],
)
def test_a_run_of_odd_answers_ends_and_the_next_one_equals_the_workspace(
    synced: Path, kind: Kind, by_contact: bool, runs: int, values: int
) -> None:
    tried: list[tuple[str, ...]] = []

    @settings(max_examples=runs, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(odd_runs(kind, by_contact))
    def end(run: OddRun) -> None:
        tried.extend(check_run(synced, run))

    end()

    assert len(tried) >= values
