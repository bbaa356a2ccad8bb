"""Lists that Intercom refuses are found without reading them."""

import asyncio

import httpx
import pytest

from sandbox.api import create_app, in_process
from sources.intercom.api import Intercom
from sources.intercom.catalog import BY_NAME
from sources.intercom.lists import refused_lists

from ...support.deployments import AT_ONCE, NO_QUOTA, lively_workspace

CHILDREN = ("contact_companies", "contact_notes", "contact_tags")


class Answering(httpx.AsyncBaseTransport):
    """A workspace whose answers to paths of one ending are replaced."""

    def __init__(self, contacts: int, ending: str, status: int, code: str) -> None:
        self.inner = in_process(create_app(lively_workspace(contacts=contacts), limit=NO_QUOTA))
        self.ending, self.status, self.code = ending, status, code
        self.calls = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if request.url.path.endswith(self.ending):
            errors = [{"code": self.code, "message": "No"}]
            return httpx.Response(self.status, json={"type": "error.list", "errors": errors})
        return await self.inner.handle_async_request(request)


def refused(transport: Answering) -> list[str]:
    async def ask() -> list[str]:
        async with Intercom("http://intercom", "sandbox-token", transport=transport, retries=AT_ONCE) as client:
            return [one.table for one in await refused_lists(client, [BY_NAME[table] for table in CHILDREN])]

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("contacts", "status", "code", "found"),
    [
        (3, 403, "forbidden", ["contact_notes"]),
        (3, 404, "contact_not_found", []),  # the contact was deleted in between
        (3, 503, "service_unavailable", []),
        (0, 403, "forbidden", []),  # no contact to try it with
    ],
)
def test_a_list_of_each_contact_is_tried_with_one(contacts: int, status: int, code: str, found: list[str]) -> None:
    assert refused(Answering(contacts, "/notes", status, code)) == found


def test_a_parent_is_asked_for_once() -> None:
    transport = Answering(3, "/notes", 403, "forbidden")

    refused(transport)

    assert transport.calls == 1 + len(CHILDREN)
