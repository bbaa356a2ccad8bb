"""Syncs in processes of their own that kill themselves, SIGKILL and all, at a moment that can be named.

Moments are told as text: a call of Intercom, a step as the sync says it, what is opened, made, renamed or removed below
the data folder, and, while models are built, the Python functions that are entered. Python's own audit and profile
hooks tell the last two; nothing of the product is patched.
"""

import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from pipelines.settings import use_project_config
from sandbox import Workspace
from tests.conftest import START, House, standing_still

Tell = Callable[[str], None]

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


@dataclass
class Death:
    """Kills this process at the `number`th moment that the pattern finds."""

    pattern: str
    number: int = 1
    seen: int = field(default=0, init=False)

    def __call__(self, moment: str) -> None:
        """Looks at a moment; returns only if it is not the last one."""
        self.seen += bool(re.search(self.pattern, moment))
        if self.seen == self.number:
            os.kill(os.getpid(), signal.SIGKILL)


POINTS = {
    "before the first answer": Death(r"^call GET \S*/me "),
    "while contacts are read": Death(r'^call POST .*("role"|"updated_at").*"per_page":150', 2),
    "while segments are read": Death(r'^call POST .*"segment_id"', 4),
    "when all is read": Death(r"^say Loading$"),
    "when all is normalized": Death(r"^os.rename \S+/new_jobs/\S+ \S+/started_jobs/"),
    "when a table is loaded, but not marked so": Death(
        r"^os.rename \S+ \S+/(\.pending_transitions|completed_jobs)/membership_changes\S+\.sql"
    ),
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


def house_of(folder: Path, *, age: int) -> House:
    """The same workspace in every process, after so many days of life; each day everybody is changed once."""
    workspace = Workspace(contacts=200, segments=9, seed=5, start=START, monotonic=standing_still)
    for _ in range(age):
        workspace.live(days=1, churn=0.1)
        for contact_id in list(workspace.contacts):
            workspace.update(contact_id, language_override="fr")
    return House(folder, workspace)


def sync_and_die(folder: Path, age: int, death: Death, *, count_into: Path | None = None) -> int | None:
    """Syncs in another process; answers its exit code, negative if a signal ended it."""
    process = PROCESSES.Process(target=_sync, args=(folder, age, death, count_into))
    process.start()
    process.join()
    return process.exitcode


def moments_of(folder: Path, age: int, *, count_into: Path) -> int:
    """How many moments a sync has at which it could be killed, found out by a sync that is not."""
    assert sync_and_die(folder, age, Death(ANYWHERE, sys.maxsize), count_into=count_into) == 0
    return int(count_into.read_text())


def _sync(folder: Path, age: int, death: Death, count_into: Path | None) -> None:
    use_project_config()
    house = house_of(folder, age=age)
    sys.addaudithook(_telling_of_files(str(folder), death))
    house.sync(transport=Telling(house.transport, death), say=_telling_of_steps(death))
    if count_into:
        count_into.write_text(str(death.seen))


def _telling_of_files(folder: str, tell: Tell) -> Callable[[str, tuple[Any, ...]], None]:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(FILE_EVENTS):
            named = [str(argument) for argument in arguments]
            if any(folder in name for name in named):
                tell(" ".join([event, *named]))

    return hook


def _telling_of_steps(tell: Tell) -> Tell:
    """Tells of each step, and of each function that is entered while models are built: they open no file."""

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            tell(f"function {frame.f_code.co_qualname}")

    def say(step: str) -> None:
        tell(f"say {step}")
        sys.setprofile(profile if step.startswith("Building the models") else None)

    return say


def contents(house: House) -> dict[str, list[tuple[Any, ...]]]:
    """All marts but for what tells which run saw something, and when."""
    return {
        mart: sorted(house.query(f"select {columns} from intercom.{mart}"), key=repr) for mart, columns in MARTS.items()
    }
