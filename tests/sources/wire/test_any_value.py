"""Any JSON value in any field of any answer: the run ends as done or incomplete, and the next one is right again."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.errors import ExitCode
from sandbox.world import Workspace
from sources.intercom.api import Unavailable

from ...support.deployments import Deployment, lively_workspace
from ...support.snapshots import copied

DEEP = b"[" * 10_000 + b"]" * 10_000
ODD = [b"null", b"true", b"{}", b"[]", b'""', b"-1", b"1e999", b"NaN", b"-Infinity", rb'"\ud83d"', b'"\xff\xfe"', DEEP]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
VALUES = st.sampled_from(ODD) | JSON_VALUES.map(lambda value: json.dumps(value).encode())
PATHS = ["/me", "/segments", "/contacts/search", "/contacts/activities", "/contacts/deleted", "/contacts/{id}"]
BELIEVED = {"id", "id_code", "region", "total_count", "starting_after", "updated_at", "created_at", "count", "page"}
"""Fields in which a wrong value of the right type is read as a right one."""
PLACE = "the place of the value"


class Replaced(httpx.AsyncBaseTransport):
    """Replaces one value in each answer of an endpoint: the node with this number, counted through the whole answer."""

    def __init__(self, inner: httpx.AsyncBaseTransport, path: str, node: int, value: bytes) -> None:
        self.inner, self.path, self.node, self.value = inner, path, node, value

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if _endpoint(request.url.path) != self.path:
            return response
        answer = json.loads(await response.aread())
        nodes = list(_nodes(answer))
        parent, key = nodes[self.node % len(nodes)]
        if _is_believed(key, parent[key], self.value):
            return httpx.Response(response.status_code, headers=_headers(response), content=response.content)
        parent[key] = PLACE
        content = json.dumps(answer).encode().replace(json.dumps(PLACE).encode(), self.value)
        return httpx.Response(response.status_code, headers=_headers(response), content=content)


def _headers(response: httpx.Response) -> httpx.Headers:
    left_out = (b"content-length", b"content-encoding")
    return httpx.Headers([pair for pair in response.headers.raw if pair[0].lower() not in left_out])


def _endpoint(path: str) -> str:
    return path if path in PATHS else "/contacts/{id}" if path.startswith("/contacts/") else path


def _nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _nodes(inner)


def _is_believed(key: Any, before: Any, sent: bytes) -> bool:
    """Whether the value is wrong, and of a type that is read as a right one."""
    if key not in BELIEVED:
        return False
    if isinstance(before, str):
        return sent[:1] in b'"-0123456789' and sent != b'""'
    return sent[:1] in b'"-0123456789' or sent in (b"true", b"false")


def changed_workspace() -> Workspace:
    """As it was synced, and then some contacts changed, joined and left."""
    workspace = lively_workspace(contacts=60, segments=4)
    workspace.advance(seconds=1, hours=1)
    people = sorted(workspace.contacts)
    workspace.update(people[0], custom_attributes={"plan": "pro"})
    workspace.update(people[1], custom_attributes={"plan": "free"})
    workspace.delete(people[2])
    workspace.sign_up(custom_attributes={"plan": "trial"})
    return workspace


def check(synced: Path, path: str, node: int, value: bytes, *, by_contact: bool) -> None:
    with TemporaryDirectory() as folder:
        shutil.copytree(synced, Path(folder) / "data", symlinks=True)
        deployment = Deployment(Path(folder) / "data", changed_workspace())
        if by_contact:
            deployment.workspace.refuses.add("segment_id")
        before = deployment.members()
        true = deployment.workspace.pairs()

        try:
            outcome = deployment.sync(transport=Replaced(deployment.transport, path, node, value))
            assert outcome.exit_code in (ExitCode.DONE, ExitCode.INCOMPLETE)
        except Unavailable:
            assert path == "/me"  # without the workspace's id
        assert before - deployment.members() <= before - true  # no membership ended that did not
        assert deployment.members() - before <= true - before

        deployment.sync()

        assert deployment.members() == deployment.workspace.pairs()
        loaded = {contact_id for (contact_id,) in deployment.query("select id from intercom_raw.contacts")}
        assert loaded >= deployment.workspace.contacts.keys()


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def run_once(folder: Path) -> None:
        Deployment(folder, lively_workspace(contacts=60, segments=4)).sync()

    return copied("any value", run_once, tmp_path_factory.mktemp("any value") / "data")


def settled(examples: int) -> settings:
    """Without shrinking: each example takes a second."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < 100,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


ANY_PATH, ANY_NODE = st.sampled_from(PATHS), st.integers(0, 10_000)


@pytest.mark.nightly
@settled(3)
@given(path=ANY_PATH, node=ANY_NODE, value=VALUES, by_contact=st.booleans())
def test_some_value_in_some_field_ends_no_run(
    synced: Path, path: str, node: int, value: bytes, by_contact: bool
) -> None:
    check(synced, path, node, value, by_contact=by_contact)


@pytest.mark.nightly
@settled(6)
@given(path=ANY_PATH, node=ANY_NODE, value=VALUES, by_contact=st.booleans())
def test_any_value_in_any_field_ends_no_run(synced: Path, path: str, node: int, value: bytes, by_contact: bool) -> None:
    check(synced, path, node, value, by_contact=by_contact)


class ReplacedInContacts(httpx.AsyncBaseTransport):
    """Replaces one field of each contact in each page of a search, if its new value is not read as a right one."""

    def __init__(self, inner: httpx.AsyncBaseTransport, changes: dict[str, tuple[int, bytes]]) -> None:
        self.inner, self.changes = inner, changes
        self.changed = set[str]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if request.url.path != "/contacts/search":
            return response
        answer, content = json.loads(await response.aread()), b""
        sent = dict[bytes, bytes]()
        for contact in answer["data"]:
            number, value = self.changes[contact["id"]]
            field = sorted(contact)[number % len(contact)]
            if field in ("id", "type") or _is_believed(field, contact[field], value):
                continue
            self.changed.add(contact["id"])
            place = f"{PLACE} {contact['id']}"
            contact[field], sent[json.dumps(place).encode()] = place, value
        content = json.dumps(answer).encode()
        for place_sent, value in sent.items():
            content = content.replace(place_sent, value)
        return httpx.Response(response.status_code, headers=_headers(response), content=content)


@pytest.mark.nightly
@settled(34)
@given(chosen=st.lists(st.tuples(st.integers(0, 200), VALUES), min_size=60, max_size=60))
def test_a_value_in_each_of_sixty_contacts_costs_those_fields_only(
    synced: Path, chosen: list[tuple[int, bytes]]
) -> None:
    """Up to two thousand values in a few dozen runs: those that would be read as right ones are left out."""
    with TemporaryDirectory() as folder:
        shutil.copytree(synced, Path(folder) / "data", symlinks=True)
        deployment = Deployment(Path(folder) / "data", changed_workspace())
        people = sorted(deployment.workspace.contacts)
        changes = dict(zip(people, chosen, strict=True))
        odd = ReplacedInContacts(deployment.transport, changes)

        outcome = deployment.sync(transport=odd, full=True)

        assert outcome.exit_code in (ExitCode.DONE, ExitCode.INCOMPLETE)
        assert len(odd.changed) > 30
        ids = "select id from intercom_raw.contacts"
        assert {contact_id for (contact_id,) in deployment.query(ids)} >= set(people)

        deployment.sync(full=True)

        assert deployment.members() == deployment.workspace.pairs()
        names = dict(deployment.query("select id, name from intercom_raw.contacts"))
        assert {key: names[key] for key in people} == {
            key: deployment.workspace.contacts[key].value("name") for key in people
        }
