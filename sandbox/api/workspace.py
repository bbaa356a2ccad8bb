"""Endpoints of the workspace and its segments."""

import time

from starlette.requests import Request
from starlette.responses import Response

from ..people import Json
from ..search import ApiError
from ..segments import Segment
from ..world import WorkspaceState
from .parameters import json_response


class WorkspaceEndpoints:
    """One method per endpoint. Each of Intercom's endpoints counts its calls."""

    def __init__(self, workspace: WorkspaceState) -> None:
        self._workspace = workspace

    async def status(self, request: Request) -> Response:
        """The sandbox's own endpoint: its contents and the calls so far, without token, quota, latency and faults.

        `refused` counts the answers of 429, `spoilt` the calls with a fault by kind; `cpu_seconds` is the CPU time of
        the whole process.
        """
        workspace = self._workspace
        segments = list(workspace.segments.values())
        status = {
            "contacts": len(workspace.contacts),
            "segments": {segment.id: self._size(segment) for segment in segments},
            "calls": workspace.calls,
            "refused": workspace.refused,
            "spoilt": workspace.faults.injected,
            "cpu_seconds": time.process_time(),
        }
        return json_response(status)

    async def me(self, request: Request) -> Response:
        """The token's admin, and the workspace."""
        self._workspace.calls["me"] += 1
        app = {
            "type": "app",
            "id_code": self._workspace.workspace_id,
            "name": f"Sandbox {self._workspace.workspace_id}",
            "created_at": 1_500_000_000,
            "secure": False,
            "identity_verification": False,
            "timezone": self._workspace.timezone,
            "region": self._workspace.region,
        }
        admin = {"type": "admin", "id": "814860", "email": "admin@example.com", "name": "Sandbox Admin"}
        avatar = {"type": "avatar", "image_url": "https://avatars.example.com/814860/128.png"}
        return json_response({**admin, "email_verified": True, "has_inbox_seat": True, "avatar": avatar, "app": app})

    async def data_attributes(self, request: Request) -> Response:
        """The attributes of contacts or companies; those of conversations are not simulated."""
        self._workspace.calls["data_attributes"] += 1
        if self._workspace.attributes.is_refused:
            raise ApiError(403, "forbidden", "The token lacks the scope of this list")
        model = request.query_params.get("model", "contact")
        if model not in ("contact", "company", "conversation"):
            raise ApiError(422, "parameter_invalid", f"{model} is not a valid model")
        archived = request.query_params.get("include_archived") == "true"
        listed = self._workspace.attributes.listed(model, include_archived=archived)
        return json_response({"type": "list", "data": listed})

    async def segments(self, request: Request) -> Response:
        """All segments, with the number of their members if include_count=true."""
        self._workspace.calls["segments"] += 1
        listed = list(self._workspace.segments.values())
        fault = self._workspace.faults.lists.take(lambda _: True)
        if fault:
            listed = listed[: fault.remaining(len(listed))]
        if request.query_params.get("include_count") == "true":
            return json_response({"type": "segment.list", "segments": list(map(self._counted, listed))})
        return json_response({"type": "segment.list", "segments": [segment.json() for segment in listed]})

    async def segment(self, request: Request) -> Response:
        self._workspace.calls["segment"] += 1
        segment_id = request.path_params["segment_id"]
        if segment_id in self._workspace.lists.company_segments:
            return json_response(self._workspace.lists.company_segments[segment_id])
        segment = self._workspace.segments.get(segment_id)
        if segment is None:
            raise ApiError(404, "not_found", "Resource Not Found")
        return json_response(segment.json())

    def _counted(self, segment: Segment) -> Json:
        return {**segment.json(), "count": self._workspace.reported_count(self._size(segment))}

    def _size(self, segment: Segment) -> int:
        return len(self._workspace.memberships.current(segment).ids)
