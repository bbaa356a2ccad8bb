"""Endpoints of the workspace and its segments."""

import time

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..lists import Reporting
from ..people import Json
from ..search import ApiError
from ..segments import Segment
from ..world import WorkspaceState
from .parameters import NOT_IN_VERSION, is_before, json_response, version_of


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
            "created_at": self._workspace.created_at,
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


class ExportEndpoints:
    """Jobs that export which messages were sent."""

    def __init__(self, workspace: WorkspaceState) -> None:
        self._workspace = workspace

    async def make(self, request: Request) -> Response:
        """A new job, unless one is under way."""
        self._check("exports")
        period = msgspec.json.decode(await request.body())
        job = self._workspace.lists.exports.make(period["created_at_after"], period["created_at_before"])
        if job is None:
            message = "Exceeded rate limit of 1 pending message data export jobs"
            raise ApiError(429, "rate_limit_exceeded", message)
        return json_response(_job_json(job.id, job.status, version_of(request).name))

    async def state(self, request: Request) -> Response:
        """The state of a job."""
        self._check("export state")
        job = self._workspace.lists.exports.ask(request.path_params["id"], self._now)
        if job is None:
            raise ApiError(404, "not_found", "Export job not found")
        return json_response(_job_json(job.id, job.status, version_of(request).name))

    async def download(self, request: Request) -> Response:
        """The file of a job."""
        self._check("export download")
        if request.headers.get("accept") != "application/octet-stream":
            raise ApiError(406, "media_type_not_acceptable", "The Accept header should be application/octet-stream")
        content = self._workspace.lists.exports.file(request.path_params["id"], self._now)
        if content is None:
            raise ApiError(404, "not_found", "Export job not found")
        return Response(content, media_type="application/octet-stream")

    @property
    def _now(self) -> int:
        return int(self._workspace.now().timestamp())

    def _check(self, counted: str) -> None:
        self._workspace.calls[counted] += 1
        if self._workspace.lists.exports.is_refused:
            raise ApiError(403, "forbidden", "The token lacks the scope of this list")


class ReportingEndpoints:
    """Jobs that export the rows of datasets."""

    def __init__(self, workspace: WorkspaceState) -> None:
        self._workspace = workspace

    async def make(self, request: Request) -> Response:
        """A new job, unless five are under way."""
        self._check(request, "reports")
        asked = msgspec.json.decode(await request.body())
        self._check_asked(asked, is_before(request, "2.16"))
        job = self._reporting.make(
            asked["start_time"],
            asked["end_time"],
            dataset=asked["dataset_id"],
            attributes=tuple(asked["attribute_ids"]),
            replied=is_before(request, "2.16"),
        )
        if job is None:
            message = f"Exceeded rate limit of {self._reporting.most} pending reporting dataset export jobs"
            raise ApiError(429, "rate_limit_exceeded", message)
        return json_response({"job_identifier": job.id, "status": job.status})

    async def state(self, request: Request) -> Response:
        """The state of a job, for the app whose client id is named."""
        self._check(request, "report state")
        if request.query_params.get("client_id") != self._reporting.client_id:
            raise ApiError(403, "forbidden", "The client is not that of the app")
        job = self._reporting.ask(self._job_of(request), self._now)
        if job is None:
            raise self._unknown(request)
        address = f"https://api.example.com/download/reporting_data/{job.id}" if job.status == "complete" else ""
        shown = {"job_identifier": job.id, "status": job.status, "download_url": address, "download_expires_at": ""}
        return json_response(shown)

    async def download(self, request: Request) -> Response:
        """The file of a job."""
        self._check(request, "report download")
        if request.headers.get("accept") != "application/octet-stream":
            raise ApiError(406, "media_type_not_acceptable", "The Accept header should be application/octet-stream")
        content = self._reporting.file(self._job_of(request), self._now)
        if content is None:
            raise self._unknown(request)
        return Response(content, media_type="application/octet-stream")

    @property
    def _reporting(self) -> Reporting:
        return self._workspace.lists.reporting

    @property
    def _now(self) -> int:
        return int(self._workspace.now().timestamp())

    def _job_of(self, request: Request) -> str:
        """The id of a job of this workspace; its path and its query have to name the same one."""
        asked, job_id = request.query_params, str(request.path_params["id"])
        is_here = asked.get("app_id") == self._workspace.workspace_id and asked.get("job_identifier") == job_id
        return job_id if is_here else ""

    def _unknown(self, request: Request) -> ApiError:
        return ApiError(404, "not_found", f"Export job not found for identifier: {request.path_params['id']}")

    def _check(self, request: Request, counted: str) -> None:
        self._workspace.calls[counted] += 1
        if is_before(request, "2.14"):
            raise ApiError(400, "intercom_version_invalid", NOT_IN_VERSION)
        if self._reporting.is_refused:
            raise ApiError(403, "forbidden", "The token lacks the scope of this list")

    def _check_asked(self, asked: Json, has_short_ids: bool) -> None:
        known = self._workspace.lists["reporting_datasets"].of().get(str(asked.get("dataset_id")))
        ids = asked.get("attribute_ids")
        if known is None:
            raise ApiError(400, "bad_request", f"{asked.get('dataset_id')} is not a valid dataset_id")
        if not isinstance(ids, list) or not ids:
            raise ApiError(400, "bad_request", "attribute_ids must contain at least one attribute_id")
        name = "id" if has_short_ids else "qualified_id"
        unknown = sorted(set(ids) - {one[name] for one in known["attributes"]})
        if unknown:
            listed = ", ".join(unknown)
            raise ApiError(400, "bad_request", f"attribute_ids invalid for {known['id']} dataset: {listed}")


def _job_json(job_id: str, status: str, version: str) -> Json:
    """As each version spells it."""
    name = "job_identfier" if version == "2.7" else "job_identifier"
    address = f"https://api.example.com/download/content/data/{job_id}" if status == "completed" else ""
    return {name: job_id, "status": status, "download_url": address, "download_expires_at": ""}
