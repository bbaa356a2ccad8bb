"""Syncs in processes of their own that kill themselves with SIGKILL at a chosen point.

A point is a text: a call of Intercom, a step that the sync reports, a file operation below the data folder or, while
models are built, the call of a Python function. Python's audit and profile hooks report the last two; nothing of the
product is patched.
"""

import multiprocessing
import os
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import httpx

from pipelines.settings import use_project_config
from sandbox.world import Workspace

from ..support.deployments import START, Deployment, standing_still

Report = Callable[[str], None]
Contents = dict[str, list[tuple[Any, ...]]]
"""The rows of the marts, by mart."""

# A fork of a process that has only imported starts at once, and inherits no threads, locks or connections.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.soak.kills", "tests.support.warm"])

FILE_EVENTS = ("open", "os.", "shutil.")
DESK: dict[str, Any] = {"conversations": 40, "tickets": 12}
MARTS = {
    "segment_memberships": (
        "segment_id, contact_id, spell_number, is_current, is_baseline, enter_reason, leave_reason, "
        "merged_into_contact_id"
    ),
    "current_segment_members": "* exclude (entered_at, entered_after, entered_on)",
    "segment_membership_events": "* exclude (occurred_at, occurred_after, occurred_on)",
    "segment_membership_snapshots": "* exclude (observed_at, entered_at)",
    "segment_daily": "*",
    "segment_versions": "* exclude (valid_from, valid_to)",
    "segments": "* exclude (first_seen_at, last_complete_scan_at)",
    "contacts": "*",
}


class Site(NamedTuple):
    """A data folder and the workspace that is synced into it, the same in every process. `age` is in days."""

    folder: Path
    age: int = 0
    contacts: int = 200
    segments: int = 9
    resources: tuple[str, ...] = ()

    def deployment(self) -> Deployment:
        """The workspace and its warehouse. Every contact changed at least once a day."""
        sizes = DESK if self.resources else {}
        workspace = Workspace(
            contacts=self.contacts, segments=self.segments, seed=5, start=START, monotonic=standing_still, **sizes
        )
        _ = workspace.lists, workspace.desk  # made at the same time in every process
        for _ in range(self.age):
            workspace.live(days=1, churn=0.1)
            for contact_id in list(workspace.contacts):
                workspace.update(contact_id, language_override="fr")
            if self.resources:
                workspace.live_lists(5)
                workspace.live_support(10)
        return Deployment(self.folder, workspace, resources=self.resources)


@dataclass
class Death:
    """Kills this process at the `number`th point that matches the pattern, and writes that point to `diary`."""

    pattern: str
    number: int = 1
    diary: Path | None = None
    seen: int = field(default=0, init=False)

    def __call__(self, point: str) -> None:
        """Reports a point; does not return from the last one."""
        if re.search(self.pattern, point):
            self.seen += 1
            if self.seen == self.number:
                self.write_diary(point)
                os.kill(os.getpid(), signal.SIGKILL)

    def write_diary(self, point: str) -> None:
        """Writes the number of points so far and the last one."""
        if self.diary:
            self.diary.write_text(f"{self.seen} {point[:200]}")


POINTS = {
    "before the first answer": Death(r"^call GET \S*/me "),
    "while contacts are read": Death(r'^call POST .*("role"|"updated_at").*"per_page":150', 2),
    "while segments are read": Death(r'^call POST .*"segment_id"', 4),
    "when all is extracted, but the pipeline knows nothing of it": Death(
        r"^open \S+/normalize/extracted/\S+/load_package_state.json r"
    ),
    "when all is read": Death(r"^say Loading$"),
    "when all is normalized, but still there as extracted": Death(r"^shutil.rmtree \S+/normalize/extracted/"),
    "when all is normalized": Death(r"^os.rename \S+/new_jobs/\S+ \S+/started_jobs/"),
    "when contacts are staged, but not marked so": Death(
        r"^os.rename \S+ \S+/\.pending_transitions/contacts\S+\.parquet"
    ),
    "when memberships are merged, but not marked so": Death(
        r"^os.rename \S+ \S+/\.pending_transitions/membership_changes\S+\.sql"
    ),
    "when all is loaded, but not marked so": Death(r"^os.rename \S+ \S+/package_completed\.json"),
    "when all is loaded and marked so, but not put away": Death(r"^os.rename \S+ \S+/load/loaded/"),
    "while models are built": Death(r"^function \S*execute_many", 5),
    "when the copy is written, but not published": Death(r"^os.rename \S+/published\.next "),
    "before the journal is written": Death(r"^open \S+/runs\.jsonl a"),
}
ANYWHERE = r"^(call|say|open|os\.|shutil\.)"


class ReportingTransport(httpx.AsyncBaseTransport):
    """Reports each call before its answer."""

    def __init__(self, inner: httpx.AsyncBaseTransport, report: Report) -> None:
        self.inner, self.report = inner, report

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.report(f"call {request.method} {request.url} {request.content.decode()}")
        return await self.inner.handle_async_request(request)


def sync_and_die(site: Site, death: Death) -> int | None:
    """Syncs in another process; returns its exit code, negative if a signal ended it."""
    return run_and_die(site, death, Deployment.sync)


def run_and_die(site: Site, death: Death, run: Callable[..., object]) -> int | None:
    """Like `sync_and_die`, for any function that takes a deployment and the options of a sync."""
    process = PROCESSES.Process(target=_run, args=(site, death, run))
    process.start()
    process.join()
    return process.exitcode


def count_points(site: Site, pattern: str) -> int:
    """The number of matching points of a sync, counted by a sync without a kill."""
    diary = site.folder.with_suffix(".diary")
    assert sync_and_die(site, Death(pattern, sys.maxsize, diary)) == 0
    return int(diary.read_text().partition(" ")[0])


def _run(site: Site, death: Death, run: Callable[..., object]) -> None:
    use_project_config()
    deployment = site.deployment()
    sys.addaudithook(reporting_files(str(site.folder), death))
    run(deployment, transport=ReportingTransport(deployment.transport, death), say=reporting_steps(death))
    death.write_diary("alive")


def reporting_files(folder: str, report: Report) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that reports operations on files below a folder."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(FILE_EVENTS):
            named = [str(argument) for argument in arguments]
            if any(folder in name for name in named):
                report(" ".join([event, *named]))

    return hook


def reporting_steps(report: Report) -> Report:
    """Reports each step and, while models are built, each call of a function: models open no file."""

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            report(f"function {frame.f_code.co_qualname}")

    def say(step: str) -> None:
        report(f"say {step}")
        sys.setprofile(profile if step.startswith("Building the models") else None)

    return say


def contents(deployment: Deployment) -> Contents:
    """All marts, without the columns that depend on the run and its time."""
    return {
        mart: sorted(deployment.query(f"select {columns} from intercom.{mart}"), key=repr)
        for mart, columns in MARTS.items()
    }


def differences(found: Contents, expected: Contents) -> list[str]:
    """The marts that differ, and by how many rows."""
    return [
        f"{mart}: {len(rows)} rows for {len(expected[mart])}, {sum((Counter(rows) - Counter(expected[mart])).values())}"
        f" too many and {sum((Counter(expected[mart]) - Counter(rows)).values())} missing"
        for mart, rows in found.items()
        if rows != expected[mart]
    ]


class NeverKilled(NamedTuple):
    """A copy of a warehouse before a sync, and its marts after that sync and another one a second later."""

    before: Path
    contents: Contents


def never_killed(folder: Path, age: int, resources: tuple[str, ...] = ()) -> NeverKilled:
    """The reference: a warehouse synced once a day, without kills."""
    before, data = folder / "before", folder / "data"
    for day in range(age):
        Site(data, day, resources=resources).deployment().sync()
    data.mkdir(exist_ok=True)
    shutil.copytree(data, before)
    deployment = Site(data, age, resources=resources).deployment()
    for _ in range(2):
        truth = deployment.workspace.pairs()
        deployment.sync()
    assert deployment.members() == truth, (
        "members changed in the second of the sync, which may see either state: use another seed"
    )
    return NeverKilled(before, contents(deployment))
