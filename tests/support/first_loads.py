"""A workspace that is large enough for a first load in parts, and a network that stops."""

from collections.abc import Callable
from typing import Any

import httpx

from sandbox.segments import Attribute
from sandbox.segments.rules import Tagged
from sandbox.world import Workspace

from .deployments import Deployment


class CutOff(Exception):
    pass


class CutOffAfter(httpx.AsyncBaseTransport):
    """A network that fails after some calls."""

    def __init__(self, deployment: Deployment, calls: int) -> None:
        self.inner, self.left = deployment.transport, calls

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.left == 0:
            raise CutOff
        self.left -= 1
        return await self.inner.handle_async_request(request)


def large_deployment(make_deployment: Callable[..., Deployment]) -> Deployment:
    """1,700 contacts, of which 50 have no date of creation, in 94 segments, most of them small: 107 pages."""
    deployment = make_deployment(contacts=1_650, segments=0)
    workspace = deployment.workspace
    for _ in range(50):
        workspace.sign_up(created_at=None)
    for number in range(90):
        workspace.make_segment(f"Tag {number}", Tagged(f"tag {number}"))
        workspace.tag(sorted(workspace.contacts)[number], f"tag {number}")
    for plan in ("trial", "free", "pro"):
        workspace.make_segment(plan, Attribute("custom_attributes.plan", "=", plan))
    workspace.advance(hours=1)
    workspace.update(max(workspace.contacts), name="The Newest")
    return deployment


def contacts(deployment: Deployment) -> list[tuple[Any, ...]]:
    return deployment.query("select contact_id, name from intercom.contacts where removal_status is null order by 1")


def true_contacts(workspace: Workspace) -> list[tuple[Any, ...]]:
    return sorted((key, contact.attributes["name"]) for key, contact in workspace.contacts.items())
