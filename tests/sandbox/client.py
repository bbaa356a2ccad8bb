"""A client of a sandbox in process, and the queries and workspaces that several tests use."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from sandbox.api import create_app
from sandbox.people import Contact
from sandbox.world import Workspace

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = int(START.timestamp())
DAY = 86_400
BY_SECOND = ("2.17", "Preview")
BY_DAY = tuple(f"2.{minor}" for minor in range(7, 17))
FEED, REMOVED = "/contacts/activities", "/contacts/deleted"
SORTED_TIMESTAMPS = ("created_at", "updated_at")


def headers_of(version: str) -> dict[str, str]:
    return {"Authorization": "Bearer sandbox-token", "Intercom-Version": version}


HEADERS = headers_of("Preview")


def still_workspace(**options: Any) -> Workspace:
    """A small workspace. Only `advance` moves its clock."""
    usual: dict[str, Any] = {"contacts": 40, "segments": 8, "start": START, "monotonic": lambda: 0.0}
    return Workspace(**usual | options)


class Client:
    """Calls a workspace in process, one request at a time."""

    def __init__(self, workspace: Workspace, *, limit: int = 100_000, headers: dict[str, str] | None = None) -> None:
        self._transport = httpx.ASGITransport(create_app(workspace, limit=limit))
        self._headers = HEADERS if headers is None else headers

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._request(method, path, **options))

    def get(self, path: str, **params: Any) -> Any:
        answer = self.request("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def search(self, query: Any, **options: Any) -> Any:
        answer = self.request("POST", "/contacts/search", json={"query": query, **options})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, query: Any, **options: Any) -> tuple[int, str]:
        answer = self.request("POST", "/contacts/search", json={"query": query, **options})
        return answer.status_code, error_code(answer)

    def pages(self, query: Any, *, per_page: int = 10, **options: Any) -> Iterator[Any]:
        cursor = None
        while True:
            pagination = {"per_page": per_page, "starting_after": cursor}
            yield (page := self.search(query, pagination=pagination, **options))
            if "next" not in page["pages"]:
                return
            cursor = page["pages"]["next"]["starting_after"]

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url="http://sandbox") as client:
            return await client.request(method, path, **{"headers": self._headers} | options)


def error_code(answer: httpx.Response) -> str:
    envelope = answer.json()
    assert envelope["type"] == "error.list"
    assert envelope["request_id"] == answer.headers["x-request-id"]
    return str(envelope["errors"][0]["code"])


def ids(page: Any) -> list[str]:
    return [contact["id"] for contact in page["data"]]


def segment_named(workspace: Workspace, name: str) -> str:
    return next(segment.id for segment in workspace.segments.values() if segment.name == name)


def as_sent(contact: Contact) -> dict[str, Any]:
    """What Preview sends of a contact without changed fields."""
    owner = contact.attributes["owner_id"]
    return {**contact.attributes, "owner_id": None if owner is None else str(owner)}


def group_of(sign: str, part: dict[str, Any]) -> dict[str, Any]:
    return {"operator": sign, "value": [part]}


def in_segment(segment_id: str) -> dict[str, str]:
    return {"field": "segment_id", "operator": "=", "value": segment_id}


def created(sign: str, value: Any) -> dict[str, Any]:
    return {"field": "created_at", "operator": sign, "value": value}
