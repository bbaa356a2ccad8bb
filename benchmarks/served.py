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

from benchmarks.children import Failed, stop
from benchmarks.floors import Size

TOKEN = "sandbox-token"
UNLIMITED = 1_000_000_000
"""Calls in ten seconds that nobody makes."""
SEGMENTS = 15
"""They hold 3.6 memberships a contact."""
START_SECONDS = 900
"""A million contacts take minutes to make up."""

PLAIN = "sandbox"
NOTING = "benchmarks.noting"
"""A sandbox that notes what it was asked, and whose clock stands still."""


@dataclass(frozen=True)
class Told:
    """What a sandbox tells of itself; null is what this one does not tell."""

    size: Size
    refused: int | None
    cpu_seconds: float | None


@dataclass(frozen=True)
class Served:
    """A workspace at an address."""

    url: str

    def told(self) -> Told:
        """How large it is by now, how many calls it refused, and the CPU it has used."""
        answer = self.ask("GET", "/_sandbox")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return Told(self._counted(), None, None)
        told = answer.raise_for_status().json()
        return Told(Size(told["contacts"], tuple(told["segments"].values())), told["refused"], told["cpu_seconds"])

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """One call, as a client of Intercom makes it."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Intercom-Version": "Preview"}
        return httpx.request(method, self.url + path, json=body, headers=headers, timeout=START_SECONDS)

    def _counted(self) -> Size:
        everyone = {"field": "id", "operator": "!=", "value": None}
        counts = self.ask("GET", "/segments?include_count=true").raise_for_status().json()["segments"]
        body = {"query": everyone, "pagination": {"per_page": 1}}
        contacts = self.ask("POST", "/contacts/search", body).raise_for_status().json()["total_count"]
        return Size(contacts, tuple(segment["count"] for segment in counts))


@contextmanager
def served(
    says: Path,
    *,
    contacts: int,
    limit: int = UNLIMITED,
    latency: float = 0.0,
    segments: int = SEGMENTS,
    by: str = PLAIN,
) -> Iterator[Served]:
    """Serves a made-up workspace while the block runs; `latency` in seconds, `limit` in calls in ten seconds.

    Raises:
        Failed: it did not start.
    """
    options = {"contacts": contacts, "segments": segments, "limit": limit, "latency": latency, "port": 0}
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
