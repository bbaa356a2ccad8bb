"""A sandbox in a process of its own."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from .bounds import WorkspaceSize
from .processes import ScenarioFailed, stop

TOKEN = "sandbox-token"
UNLIMITED = 1_000_000_000
"""More calls in ten seconds than any client makes."""
SEGMENTS = 25
MEMBERSHIPS = 3.5
"""The average number of segments per contact."""
START_SECONDS = 900
"""A million contacts take minutes to generate."""

PLAIN = "sandbox"
RECORDING = "benchmarks.measuring.recording"
"""The module of a sandbox that records searches, and whose clock stands still."""
RECORDED_SEARCHES = "/_searches"
"""The path of a recording sandbox that returns the bodies of all searches so far."""


@dataclass(frozen=True)
class SandboxStatus:
    """A sandbox's size, its answered calls, its calls refused with 429, and its CPU time since the start."""

    size: WorkspaceSize
    calls: int
    refused: int
    cpu_seconds: float


@dataclass(frozen=True)
class ServedSandbox:
    url: str

    def status(self) -> SandboxStatus:
        """The status now. It counts the members of all segments, so call it only outside of measurements."""
        status = self.request("GET", "/_sandbox").raise_for_status().json()
        return SandboxStatus(
            size=WorkspaceSize(status["contacts"], tuple(status["segments"].values())),
            calls=sum(status["calls"].values()),
            refused=status["refused"],
            cpu_seconds=status["cpu_seconds"],
        )

    def request(self, method: str, path: str, body: object = None) -> httpx.Response:
        """One call, as a client of Intercom makes it."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Intercom-Version": "Preview"}
        return httpx.request(method, self.url + path, json=body, headers=headers, timeout=START_SECONDS)


@contextmanager
def served(
    log: Path,
    *,
    contacts: int,
    limit: int = UNLIMITED,
    latency: float = 0.0,
    segments: int = SEGMENTS,
    memberships: float = MEMBERSHIPS,
    module: str = PLAIN,
    **lists: int,
) -> Iterator[ServedSandbox]:
    """Serves a simulated workspace while the block runs.

    Args:
        log: names the file for the sandbox's errors.
        contacts: the number of contacts.
        limit: the number of calls allowed in ten seconds.
        latency: seconds by which every answer is delayed.
        segments: the number of segments.
        memberships: the average number of segments per contact.
        module: the module that serves.
        lists: the number of companies, articles, and conversations.

    Raises:
        ScenarioFailed: the sandbox did not start.
    """
    shape = {"contacts": contacts, "segments": segments, "memberships": memberships}
    options = shape | lists | {"limit": limit, "latency": latency, "port": 0}
    command = [sys.executable, "-m", module, *(f"--{name}={value}" for name, value in options.items())]
    with log.with_suffix(".err").open("wb") as errors:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        try:
            sandbox = ServedSandbox(_address(child))
            sandbox.request("GET", "/me").raise_for_status()
            yield sandbox
        finally:
            stop(child)
            if child.stdout:
                child.stdout.close()


def _address(child: subprocess.Popen[bytes]) -> str:
    """Reads the address from the sandbox's output; kills the sandbox if it takes too long to print one."""
    deadline = threading.Timer(START_SECONDS, child.kill)
    deadline.start()
    try:
        for line in child.stdout or ():
            if found := re.search(rb"http://[\w.]+:\d+", line):
                return found[0].decode()
    finally:
        deadline.cancel()
    raise ScenarioFailed("The sandbox did not start.")
