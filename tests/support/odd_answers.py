"""Transports that send odd values and headers in a workspace's answers, and strategies for these."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from string import digits
from typing import Any
from zlib import crc32

import httpx
from hypothesis import strategies as st

DEEP = b"[" * 10_000 + b"]" * 10_000
ODD = [b"null", b"true", b"{}", b"[]", b'""', b"-1", b"1e999", b"NaN", b"-Infinity", rb'"\ud83d"', b'"\xff\xfe"', DEEP]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
VALUES = st.sampled_from(ODD) | JSON_VALUES.map(lambda value: json.dumps(value).encode())
HEADERS = st.tuples(
    st.sampled_from(
        [
            "content-encoding",
            "content-type",
            "date",
            "link",
            "retry-after",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
            "x-request-id",
        ]
    ),
    st.binary(max_size=12).map(lambda sent: sent.translate(None, b"\r\n\0" + digits.encode())),
)
"""Without digits: a run obeys a quota and a wait that it can read."""
PATHS = [
    "/me",
    "/segments",
    "/data_attributes",
    "/contacts/search",
    "/contacts/activities",
    "/contacts/deleted",
    "/contacts/{id}",
]
PLACE = re.compile(rb'"the place of value (\d+)\."')
BELIEVED = {"id", "id_code", "region", "total_count", "starting_after", "updated_at", "created_at", "count", "page"}
"""Fields in which a wrong value of the right type is read as a right one."""


class Replaced(httpx.AsyncBaseTransport):
    """Replaces one value in each answer of an endpoint: the node with this number, counted through the whole answer."""

    def __init__(self, inner: httpx.AsyncBaseTransport, path: str, node: int, value: bytes) -> None:
        self.inner, self.path, self.node, self.value = inner, path, node, value

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if endpoint(request.url.path) != self.path:
            return response
        answer = json.loads(await response.aread())
        nodes = list(_nodes(answer))
        parent, key = nodes[self.node % len(nodes)]
        places = Places()
        if not is_believed(key, parent[key], self.value):
            places.replace(parent, key, self.value)
        return httpx.Response(response.status_code, headers=_headers(response), content=places.encoded(answer))


@dataclass
class OddEverywhere(httpx.AsyncBaseTransport):
    """Replaces two fields of each record, and one header, of each answer but the workspace's own.

    A record that is sent twice is odd in the same way both times. Ids and types stay: without these it is no record.
    `tried` has what was replaced: records, by endpoint, id and field, and headers.
    """

    inner: httpx.AsyncBaseTransport
    values: Sequence[tuple[int, bytes]]
    headers: Sequence[tuple[str, bytes]]
    envelope: tuple[str, int, bytes] | None = None
    """An endpoint, one of the fields around its records, and that field's new value."""
    tried: set[tuple[str, ...]] = field(default_factory=set)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        answer, places, path = json.loads(await response.aread()), Places(), endpoint(request.url.path)
        if response.status_code == httpx.codes.OK and path != "/me":
            for record in _records(answer):
                self._replace(path, record, places)
            if self.envelope and self.envelope[0] == path:
                self._replace_around(answer, places, *self.envelope[1:])
        name, sent = self.headers[len(self.tried) % len(self.headers)]
        self.tried.add((path, name, repr(sent)))
        others = [pair for pair in _headers(response).raw if pair[0].lower() != name.encode()]
        headers = [*others, (name.encode(), sent)]
        return httpx.Response(response.status_code, headers=headers, content=places.encoded(answer))

    def _replace(self, path: str, record: dict[str, Any], places: "Places") -> None:
        record_id = str(record.get("id"))
        for turn in range(2):
            number, value = self.values[crc32(f"{path} {record_id} {turn}".encode()) % len(self.values)]
            key = sorted(record)[number % len(record)]
            if key not in ("id", "type") and not is_believed(key, record[key], value):
                self.tried.add((path, record_id, key))
                places.replace(record, key, value)

    def _replace_around(self, answer: dict[str, Any], places: "Places", number: int, value: bytes) -> None:
        key = sorted(answer)[number % len(answer)]
        if not is_believed(key, answer[key], value):
            places.replace(answer, key, value)

    def fields(self, path: str) -> set[tuple[str, str]]:
        """The replaced fields of the records of an endpoint, as ids and names."""
        return {(record_id, key) for sent, record_id, key in self.tried if sent == path}


class Places:
    """Values that are put into an answer as they are, valid JSON or not."""

    def __init__(self) -> None:
        self._values: list[bytes] = []

    def replace(self, parent: Any, key: Any, value: bytes) -> None:
        parent[key] = f"the place of value {len(self._values)}."
        self._values.append(value)

    def encoded(self, answer: Any) -> bytes:
        return PLACE.sub(lambda found: self._values[int(found[1])], json.dumps(answer).encode())


def endpoint(path: str) -> str:
    return path if path in PATHS else "/contacts/{id}" if path.startswith("/contacts/") else path


def is_believed(key: Any, before: Any, sent: bytes) -> bool:
    """Whether the value is wrong, and of a type that is read as a right one."""
    if key not in BELIEVED:
        return False
    if isinstance(before, str):
        return sent[:1] in b'"-0123456789' and sent != b'""'
    return sent[:1] in b'"-0123456789' or sent in (b"true", b"false")


def _headers(response: httpx.Response) -> httpx.Headers:
    left_out = (b"content-length", b"content-encoding")
    return httpx.Headers([pair for pair in response.headers.raw if pair[0].lower() not in left_out])


def _nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _nodes(inner)


def _records(answer: Any) -> Iterator[dict[str, Any]]:
    """The records of a list, or the answer itself if it is one."""
    lists = [value for value in answer.values() if isinstance(value, list)]
    yield from (record for one in lists for record in one) if lists and "id" not in answer else [answer]
