"""What happened in the sandbox's workspaces: activities, calls, events and exports are as Intercom describes them."""

import asyncio
from datetime import UTC, datetime

import pytest

from sandbox.api import create_app
from sandbox.world import Workspace

from ..support.nightly import nightly_except
from .test_contract import Fault, Request, an_error, ask, faults
from .test_contract import pytestmark as needs_descriptions

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DESCRIBED = ("2.7", "2.11", "2.14", "2.16", "Preview")
WITH_CALLS = ("2.14", "2.16", "Preview")


def requests(version: str, workspace: Workspace) -> list[Request]:
    after, person = int(START.timestamp()) - 5 * 86_400, next(iter(workspace.contacts))
    workspace.track(person, "invited-friend", invite_code="ADDAFRIEND")
    period = {"created_at_after": after, "created_at_before": after + 1}
    summary = f"/events?type=user&intercom_user_id={person}&summary=true"
    found = [
        Request("activities", f"/admins/activity_logs?created_at_after={after}"),
        Request("summary", summary),
        Request("export", "/export/content/data", "POST", body=period),
        Request("export", "/export/content/data/job1", described="/export/content/data/{id}"),
    ]
    if version in WITH_CALLS:
        found += requests_about_reports(version, workspace)
        found += [
            Request("calls", "/calls"),
            Request("call", "/calls/3", described="/calls/{id}"),
            Request("transcripts", "/calls/search", "POST", body={"conversation_ids": ["700001", "700002"]}),
            an_error(404, "/calls/0", "/calls/{id}"),
            Request("error", "/calls/search", "POST", status=400, body={"conversation_ids": []}),
        ]
    return found


def requests_about_reports(version: str, workspace: Workspace) -> list[Request]:
    """A job, its state and its file, and what is refused. Downloads answer with a file."""
    name, enqueue = "state" if version == "2.14" else "call.state", "/export/reporting_data/enqueue"
    job = {"dataset_id": "call", "attribute_ids": [name], "start_time": 1, "end_time": 2}
    wrong = [{**job, "dataset_id": "imaginary"}, {**job, "attribute_ids": []}, {**job, "attribute_ids": ["odd"]}]
    named = f"app_id={workspace.workspace_id}&client_id={workspace.lists.reporting.client_id}&job_identifier="
    state, download = "/export/reporting_data/{id}", "/download/reporting_data/{id}"
    return [
        Request("datasets", "/export/reporting_data/get_datasets"),
        *(Request("error", enqueue, "POST", status=400, body=body) for body in wrong),
        *(Request("job", enqueue, "POST", body=job) for _ in range(5)),
        Request("error", enqueue, "POST", status=429, body=job),
        Request("job", f"/export/reporting_data/job1?{named}job1", described=state),
        an_error(404, f"/export/reporting_data/job9?{named}job9", state),
        an_error(404, f"/download/reporting_data/job9?{named}job9", download, headers=OCTETS),
    ]


OCTETS = {"Accept": "application/octet-stream"}
NULL_OR_TEXT = ("activities.activity_logs.metadata", "calls.pages.next")
"""Null where nothing of the kind is known. What was before and after is text in Intercom's own examples."""


def is_accepted(fault: Fault) -> bool:
    """Times are described as text."""
    return fault.keyword == "format" or fault.place.startswith(NULL_OR_TEXT)


@needs_descriptions
@pytest.mark.parametrize("version", nightly_except(DESCRIBED, "2.7", "Preview"))
def test_answers_are_as_described(version: str) -> None:
    workspace = Workspace(contacts=5, segments=1, start=START)

    answers = asyncio.run(ask(workspace, version, requests(version, workspace)))

    assert {fault for fault in faults(version, answers) if not is_accepted(fault)} == set()


def test_a_long_period_of_activities_fails_and_one_without_a_beginning_is_refused() -> None:
    workspace = Workspace(contacts=1, segments=0, start=START)
    assert create_app(workspace)
    asked = [an_error(500, "/admins/activity_logs?created_at_after=1"), an_error(400, "/admins/activity_logs")]

    answers = asyncio.run(ask(workspace, "Preview", asked))

    assert [one.body["errors"][0]["code"] for one in answers] == ["server_error", "parameter_not_found"]
