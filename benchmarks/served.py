"""The sandbox in a process of its own, as a workspace to sync from."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from .children import Failed, stop
from .floors import Size

TOKEN = "sandbox-token"
UNLIMITED = 1_000_000_000
"""Calls in ten seconds that nobody makes."""
SEGMENTS = 25
MEMBERSHIPS = 3.5
"""Of a contact, on average."""
START_SECONDS = 900
"""A million contacts take minutes to make up."""

PLAIN = "sandbox"
NOTING = "benchmarks.noting"
"""A sandbox that notes what it was asked, and whose clock stands still."""


@dataclass(frozen=True)
class Told:
    """What a sandbox tells of itself: calls that it answered, calls that it refused with 429, CPU since its start."""

    size: Size
    calls: int
    refused: int
    cpu_seconds: float


@dataclass(frozen=True)
class Served:
    """A workspace at an address."""

    url: str

    def told(self) -> Told:
        """How it is by now. It counts the members of all segments for this, so nothing is measured meanwhile."""
        told = self.ask("GET", "/_sandbox").raise_for_status().json()
        return Told(
            size=Size(told["contacts"], tuple(told["segments"].values())),
            calls=sum(told["calls"].values()),
            refused=told["refused"],
            cpu_seconds=told["cpu_seconds"],
        )

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """One call, as a client of Intercom makes it."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Intercom-Version": "Preview"}
        return httpx.request(method, self.url + path, json=body, headers=headers, timeout=START_SECONDS)


@contextmanager
def served(
    says: Path,
    *,
    contacts: int,
    limit: int = UNLIMITED,
    latency: float = 0.0,
    segments: int = SEGMENTS,
    memberships: float = MEMBERSHIPS,
    by: str = PLAIN,
) -> Iterator[Served]:
    """Serves a made-up workspace while the block runs.

    Args:
        says: names the file for what it complains about.
        contacts: how many there are.
        limit: calls in ten seconds.
        latency: seconds that every answer waits.
        segments: how many there are.
        memberships: how many segments a contact is in, on average.
        by: the module that serves.

    Raises:
        Failed: it did not start.
    """
    shape = {"contacts": contacts, "segments": segments, "memberships": memberships}
    options = shape | {"limit": limit, "latency": latency, "port": 0}
    command = [sys.executable, "-m", by, *(f"--{name}={value}" for name, value in options.items())]
    with says.with_suffix(".err").open("wb") as errors:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        try:
            workspace = Served(_address(child))
            workspace.ask("GET", "/me").raise_for_status()
            yield workspace
        finally:
            stop(child)
            if child.stdout:
                child.stdout.close()


def _address(child: subprocess.Popen[bytes]) -> str:
    """The address that it says it is at; it is killed if it takes too long to say so."""
    deadline = threading.Timer(START_SECONDS, child.kill)
    deadline.start()
    try:
        for line in child.stdout or ():
            if found := re.search(rb"http://[\w.]+:\d+", line):
                return found[0].decode()
    finally:
        deadline.cancel()
    raise Failed("The sandbox did not start.")
