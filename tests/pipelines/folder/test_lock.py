"""One writer at a time: the second run waits or names the first, and a killed run holds nothing."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO

import duckdb
import pytest
from filelock import FileLock
from starlette.types import ASGIApp, Receive, Scope, Send

from pipelines.destinations import Warehouse
from pipelines.destinations.duckdb import DuckDB
from pipelines.errors import Busy
from pipelines.folder import Lock, LockRequest
from pipelines.messages import duration_text
from sandbox.api import create_app, serving
from sandbox.world import Workspace

from ...support.deployments import NO_QUOTA
from ...support.nightly import nightly
from ...support.patience import HANG_SECONDS
from ...support.terminal import COMMAND, TOKEN, Terminal


class Gate:
    """Holds back requests for contacts until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def before(self, app: ASGIApp) -> ASGIApp:
        """The app behind the gate."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope.get("path", "").startswith("/contacts"):
                self.reached.set()
                await asyncio.to_thread(self.opened.wait)
            await app(scope, receive, send)

        return answer


@dataclass
class Shells(Terminal):
    """Several shells side by side; syncs stop at a gate."""

    gate: Gate = field(default_factory=Gate)
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd="/",
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process


@pytest.fixture
def shells(tmp_path: Path) -> Iterator[Shells]:
    gate, workspace = Gate(), Workspace(contacts=60, segments=4, token=TOKEN)
    app = create_app(workspace, limit=NO_QUOTA)
    app.add_middleware(gate.before)
    with serving(app) as url:
        shells = Shells(tmp_path / "data", workspace, url, gate=gate)
        yield shells
        gate.opened.set()
        for process in shells.running:
            process.kill()
            process.communicate()


def heard(stream: IO[str] | None, word: str) -> str:
    """Reads up to the first line that holds a word, and returns that line."""
    assert stream
    while word not in (line := stream.readline()):
        assert line, f"the output ended without {word}"
    return line


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def test_of_two_syncs_at_once_one_works_and_the_other_says_who_does(shells: Shells) -> None:
    first = shells.start("sync")
    shells.gate.reached.wait(HANG_SECONDS)

    second = shells.run("sync")
    shells.gate.opened.set()
    first.communicate(timeout=HANG_SECONDS)

    assert second.exit_code == 5
    assert second.is_one_paragraph, second.errors
    said = unwrapped(second.errors)
    assert re.search(
        rf"A run of sync for workspace intercom \(process {first.pid}\) has held the warehouse in .+ since "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. Run the command again when it is done, or let it wait for that: --wait",
        said,
    )
    assert first.returncode == 0
    assert not (shells.folder / "lock.holder").exists()


@pytest.mark.nightly
def test_a_sync_that_waits_works_after_the_one_before_it(shells: Shells) -> None:
    first = shells.start("sync")
    shells.gate.reached.wait(HANG_SECONDS)

    second = shells.start("sync", "--wait", "10m")
    told = heard(second.stderr, "Waiting")
    shells.gate.opened.set()
    first.communicate(timeout=HANG_SECONDS)
    errors = second.communicate(timeout=HANG_SECONDS)[1]

    assert f"at most: A run of sync for workspace intercom (process {first.pid})" in told
    assert (first.returncode, second.returncode) == (0, 0)
    assert "Waiting" not in errors


@pytest.mark.nightly
def test_what_a_killed_holder_left_blocks_no_run(shells: Shells) -> None:
    first = shells.start("sync")
    shells.gate.reached.wait(HANG_SECONDS)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    shells.gate.opened.set()

    left = json.loads((shells.folder / "lock.holder").read_text())
    ended = shells.run("sync")

    assert (left["pid"], left["command"], left["workspace"]) == (first.pid, "sync", "intercom")
    assert ended.exit_code == 0, ended.errors


@pytest.mark.parametrize("pid", [1, os.getpid(), 2**22 - 1], ids=["of another container", "ours", "of nobody"])
def test_the_lock_says_whether_its_holder_is_alive_and_not_the_process_id(tmp_path: Path, pid: int) -> None:
    words = {"pid": pid, "command": "sync", "workspace": "intercom", "since": "2026-03-02T09:00:00Z"}
    (tmp_path / "lock.holder").write_text(json.dumps(words))

    with FileLock(tmp_path / "lock"):
        while_held = Lock(tmp_path).last_holder()
    afterwards = Lock(tmp_path).last_holder()

    assert (while_held and while_held.is_alive, afterwards and afterwards.is_alive) == (True, False)


@pytest.mark.nightly
def test_a_reader_of_the_warehouse_delays_a_sync_which_says_so_and_goes_on_when_it_closes(shells: Shells) -> None:
    shells.gate.opened.set()
    shells.run("sync")

    with duckdb.connect(str(shells.folder / "warehouse.duckdb"), read_only=True):
        delayed = shells.start("sync")
        told = heard(delayed.stderr, "Waiting")
    errors = delayed.communicate(timeout=HANG_SECONDS)[1]

    assert f"at most: {Path(sys.executable).resolve().name} (process {os.getpid()}) has" in told
    assert delayed.returncode == 0, errors
    assert "Waiting" not in errors


def test_an_open_published_copy_never_disturbs_a_sync(shells: Shells) -> None:
    shells.gate.opened.set()
    shells.run("sync")

    with duckdb.connect(str(shells.folder / "published.duckdb"), read_only=True) as reader:
        ended = shells.run("sync")
        runs = reader.execute("select count(*) from intercom_raw.segment_scans").fetchall()

    assert ended.exit_code == 0
    assert "Waiting" not in ended.errors
    assert runs == [(len(shells.workspace.segments),)]


class Clock:
    """Moves only when it is slept on."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@contextlib.contextmanager
def read_elsewhere(file: Path) -> Iterator[int]:
    """Opens a DuckDB file in another process; its id."""
    script = f"import duckdb; open = duckdb.connect({str(file)!r}, read_only=True); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        heard(reader.stdout, "open")
        yield reader.pid
        reader.communicate("\n")


@pytest.mark.parametrize(
    ("wait", "wait_for_readers", "waited"),
    nightly([(0, 60, 60), (600, 60, 600), (10, 0, 10), (0, 0, 0)], (600, 60, 600)),
)
def test_a_reader_that_stays_is_named_when_the_longer_wait_is_over(
    tmp_path: Path, wait: int, wait_for_readers: int, waited: int
) -> None:
    warehouse = Warehouse(tmp_path, DuckDB(tmp_path, wait_for_readers=timedelta(seconds=wait_for_readers)))
    with warehouse.held():
        pass
    clock, told = Clock(), list[str]()
    request = LockRequest(
        "sync", "w", wait=timedelta(seconds=wait), say=told.append, sleep=clock.sleep, monotonic=clock
    )

    with (
        read_elsewhere(warehouse.file) as reader,
        pytest.raises(Busy, match=rf"\(process {reader}\) has \S+/warehouse.duckdb open\. Close it .*published.duckdb"),
        warehouse.held(request),
    ):
        pass

    assert clock.now == waited
    assert [text.partition(" at most")[0] for text in told] == [f"Waiting {duration_text(waited)}"][: bool(waited)]


def test_waiting_for_the_lock_ends_in_time(tmp_path: Path) -> None:
    clock, told = Clock(), list[str]()
    request = LockRequest("sync", "b", wait=timedelta(minutes=10), say=told.append, sleep=clock.sleep, monotonic=clock)

    with (
        Lock(tmp_path).held(LockRequest("models", "a")),
        pytest.raises(Busy, match=r"A run of models for workspace a \(pro"),
    ):
        Lock(tmp_path).held(request).__enter__()

    assert clock.now == 600
    assert [text.partition(" (")[0] for text in told] == ["Waiting 10 minutes at most: A run of models for workspace a"]


def test_the_holders_description_is_for_its_owner_only(tmp_path: Path) -> None:
    with Lock(tmp_path).held(LockRequest("sync", "intercom")):
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}

    assert modes == {"lock": 0o600, "lock.holder": 0o600}
