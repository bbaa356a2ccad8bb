"""A sync that is killed with SIGKILL at any step of an export: no period is asked for twice, and all is loaded."""

import signal
import sys
from pathlib import Path

import httpx
import pytest

from pipelines.errors import ExitCode
from pipelines.settings import use_project_config
from sandbox.api import create_app, serving
from sandbox.lists.reporting import NAMES
from sandbox.world import Workspace
from sources.intercom.exports.datasets import store_name

from ...soak.audit import check_keys
from ...soak.kills import PROCESSES, Death, ReportingTransport, reporting_files, reporting_steps
from ...support.deployments import NO_QUOTA, Deployment, lively_workspace
from . import test_exports, test_reporting
from .test_exports import RECEIPTS
from .test_reporting import ROWS

FIRST = store_name(NAMES[0])
"""Where the job of the first dataset is kept."""


def points(name: str, make: str, state: str) -> dict[str, Death]:
    """Where a run is killed: the name of what is kept, and the paths of a job and of its state."""
    return {
        "before the export is noted": Death(rf"^os.rename \S+/exports/{name}.next", 1),
        "before the job is made": Death(rf"^call POST \S+{make}"),
        "when the job is made, but its id is not noted": Death(rf"^os.rename \S+/exports/{name}.next", 2),
        "before the job's state is known": Death(rf"^call GET \S+{state}"),
        "before the file is downloaded": Death(r"^call GET \S+/download/"),
        "when the file is downloaded, but not in its place": Death(rf"^os.rename \S+/exports/{name}.part"),
        "when the file is in its place, but not noted": Death(rf"^os.rename \S+/exports/{name}.next", 3),
        "while the file is loaded": Death(rf"^open \S+/exports/{name}.csv r"),
        "when all is read": Death(r"^say Loading$"),
        "when all is loaded, but not marked so": Death(r"^os.rename \S+ \S+/package_completed\.json"),
    }


POINTS = {
    RECEIPTS: points(RECEIPTS, "/export/content/data", "/export/content/data/"),
    ROWS: points(FIRST, "/export/reporting_data/enqueue", "/export/reporting_data/job"),
}
LOST = ("when the job is made, but its id is not noted",)


class Served(httpx.AsyncBaseTransport):
    """A connection for each call: a sync has more than one event loop."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async with httpx.AsyncHTTPTransport() as transport:
            response = await transport.handle_async_request(request)
            content = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(content))


def deployed(folder: Path, workspace: Workspace, resource: str) -> Deployment:
    deployment = Deployment(folder, workspace, resources=(resource,), has_marts=False)
    deployment.settings.export_wait = 0
    return deployment


def small_workspace() -> Workspace:
    return lively_workspace(contacts=10, segments=1)


def sync_served(folder: Path, url: str, resource: str, death: Death) -> None:
    """Syncs from a workspace that another process serves; for a process of its own."""
    use_project_config()
    deployment = deployed(folder, small_workspace(), resource)
    deployment.settings.base_url = url
    transport = ReportingTransport(Served(), death)
    sys.addaudithook(reporting_files(str(folder), death))
    deployment.sync(transport=transport, say=reporting_steps(death))


@pytest.mark.nightly
@pytest.mark.parametrize(("resource", "point"), [(one, point) for one, found in POINTS.items() for point in found])
def test_after_a_kill_the_next_runs_load_the_export_and_ask_for_no_period_twice(
    tmp_path: Path, resource: str, point: str
) -> None:
    workspace, folder = small_workspace(), tmp_path / "data"
    folder.mkdir(mode=0o700)
    workspace.advance(seconds=1)
    with serving(create_app(workspace, limit=NO_QUOTA)) as url:
        process = PROCESSES.Process(target=sync_served, args=(folder, url, resource, POINTS[resource][point]))
        process.start()
        process.join()
    assert process.exitcode == -signal.SIGKILL
    deployment = deployed(folder, workspace, resource)

    outcomes = []
    for _ in range(2):
        workspace.advance(hours=1)
        outcomes.append(deployment.sync())
        deployment.lists_only = True

    assert [one.exit_code for one in outcomes] == [ExitCode.DONE] * 2
    assert set(outcomes[-1].lists.values()) == {"complete"}
    check_keys(deployment)
    check_jobs(deployment, resource, lost=point in LOST)


def check_jobs(deployment: Deployment, resource: str, *, lost: bool) -> None:
    """All is loaded, and no job was made twice, but for one of which the id was lost."""
    if resource == RECEIPTS:
        test_exports.check_equal(deployment)
        assert len(test_exports.exports(deployment).jobs) == 1 + lost
        return
    test_reporting.check_equal(deployment)
    assert len(test_reporting.reporting(deployment).jobs) == len(NAMES) + lost
