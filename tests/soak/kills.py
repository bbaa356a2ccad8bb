"""Syncs in processes of their own that kill themselves, SIGKILL and all, at a moment that can be named.

Moments are told as text: a call of Intercom, a step as the sync says it, what is opened, made, renamed or removed below
the data folder, and, while models are built, the Python functions that are entered. Python's own audit and profile
hooks tell the last two; nothing of the product is patched.
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

Tell = Callable[[str], None]
Contents = dict[str, list[tuple[Any, ...]]]
"""The rows of the marts, by mart."""

# A child of a process that has only imported starts at once; it inherits no threads, locks or connections.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.soak.kills"])

FILE_EVENTS = ("open", "os.", "shutil.")
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
    """A data folder, and the workspace that is synced into it: the same one in every process, so many days old."""

    folder: Path
    age: int = 0
    contacts: int = 200
    segments: int = 9

    def deployment(self) -> Deployment:
        """The workspace and its warehouse; each day of its life everybody was changed at least once."""
        workspace = Workspace(
            contacts=self.contacts, segments=self.segments, seed=5, start=START, monotonic=standing_still
        )
        for _ in range(self.age):
            workspace.live(days=1, churn=0.1)
            for contact_id in list(workspace.contacts):
                workspace.update(contact_id, language_override="fr")
        return Deployment(self.folder, workspace)


@dataclass
class Death:
    """Kills this process at the `number`th moment that the pattern finds; the `diary` tells of it."""

    pattern: str
    number: int = 1
    diary: Path | None = None
    seen: int = field(default=0, init=False)

    def __call__(self, moment: str) -> None:
        """Looks at a moment; returns only if it is not the last one."""
        if re.search(self.pattern, moment):
            self.seen += 1
            if self.seen == self.number:
                self.note(moment)
                os.kill(os.getpid(), signal.SIGKILL)

    def note(self, moment: str) -> None:
        """Writes down how many moments there were, and the last one."""
        if self.diary:
            self.diary.write_text(f"{self.seen} {moment[:200]}")


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


class Telling(httpx.AsyncBaseTransport):
    """Tells of each call before it is answered."""

    def __init__(self, inner: httpx.AsyncBaseTransport, tell: Tell) -> None:
        self.inner, self.tell = inner, tell

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.tell(f"call {request.method} {request.url} {request.content.decode()}")
        return await self.inner.handle_async_request(request)


def sync_and_die(site: Site, death: Death) -> int | None:
    """Syncs in another process; answers its exit code, negative if a signal ended it."""
    return run_and_die(site, death, Deployment.sync)


def run_and_die(site: Site, death: Death, run: Callable[..., object]) -> int | None:
    """The same for anything that is done with a house, and takes the options of a job."""
    process = PROCESSES.Process(target=_run, args=(site, death, run))
    process.start()
    process.join()
    return process.exitcode


def moments_of(site: Site, pattern: str) -> int:
    """How many such moments a sync has, found out by one that is not killed."""
    diary = site.folder.with_suffix(".diary")
    assert sync_and_die(site, Death(pattern, sys.maxsize, diary)) == 0
    return int(diary.read_text().partition(" ")[0])


def _run(site: Site, death: Death, run: Callable[..., object]) -> None:
    use_project_config()
    deployment = site.deployment()
    sys.addaudithook(telling_of_files(str(site.folder), death))
    run(deployment, transport=Telling(deployment.transport, death), say=telling_of_steps(death))
    death.note("alive")


def telling_of_files(folder: str, tell: Tell) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that tells of what is done with files below a folder."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(FILE_EVENTS):
            named = [str(argument) for argument in arguments]
            if any(folder in name for name in named):
                tell(" ".join([event, *named]))

    return hook


def telling_of_steps(tell: Tell) -> Tell:
    """Tells of each step, and of each function that is entered while models are built: they open no file."""

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            tell(f"function {frame.f_code.co_qualname}")

    def say(step: str) -> None:
        tell(f"say {step}")
        sys.setprofile(profile if step.startswith("Building the models") else None)

    return say


def contents(deployment: Deployment) -> Contents:
    """All marts but for what tells which run saw something, and when."""
    return {
        mart: sorted(deployment.query(f"select {columns} from intercom.{mart}"), key=repr)
        for mart, columns in MARTS.items()
    }


def differences(found: Contents, expected: Contents) -> list[str]:
    """Which marts differ, and by how many rows of how many."""
    return [
        f"{mart}: {len(rows)} rows for {len(expected[mart])}, {sum((Counter(rows) - Counter(expected[mart])).values())}"
        f" too many and {sum((Counter(expected[mart]) - Counter(rows)).values())} missing"
        for mart, rows in found.items()
        if rows != expected[mart]
    ]


class NeverKilled(NamedTuple):
    """A copy of a warehouse before a sync, and what its marts hold after that sync and one more, a second later."""

    before: Path
    contents: Contents


def never_killed(folder: Path, age: int) -> NeverKilled:
    """What became of a warehouse that was synced once a day."""
    before, data = folder / "before", folder / "data"
    for day in range(age):
        Site(data, day).deployment().sync()
    data.mkdir(exist_ok=True)
    shutil.copytree(data, before)
    deployment = Site(data, age).deployment()
    for _ in range(2):
        truth = deployment.workspace.pairs()
        deployment.sync()
    assert deployment.members() == truth, "who comes or goes in this very second may be seen or not: take another seed"
    return NeverKilled(before, contents(deployment))
