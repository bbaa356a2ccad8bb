"""Headless Chromium, driven through a pair of pipes: what a page shows, asks for and complains about."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NEEDS_CHROMIUM = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed: apt-get install chromium")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe")


@dataclass
class Page:
    """A tab of the browser. `events` has what it has reported so far."""

    requests: int
    answers: int
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)
    read: bytes = b""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Calls a method of the browser's protocol, and returns its result."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.requests, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.read:
            received = os.read(self.answers, 1 << 16)
            assert received, "the browser has ended"
            self.read += received
        message, _, self.read = self.read.partition(b"\0")
        parsed: dict[str, Any] = json.loads(message)
        return parsed

    def open(self, file: Path, *, width: int, height: int) -> None:
        self.events.clear()
        for domain in ("Network", "Log", "Runtime", "Page"):
            self.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=file.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def value(self, expression: str) -> Any:
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"]["value"]

    def screenshot(self) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def reported(self, method: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event.get("method") == method]


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A browser with one empty page. `folder` takes its profile."""
    assert PROGRAM is not None
    their_requests, requests = os.pipe()
    answers, their_answers = os.pipe()

    def connect() -> None:
        """The browser expects the pipes at these two numbers."""
        os.dup2(their_requests, 100)
        os.dup2(their_answers, 101)
        os.dup2(100, 3)
        os.dup2(101, 4)

    command = [PROGRAM, *OPTIONS, f"--user-data-dir={folder}", "about:blank"]
    started: dict[str, Any] = {"preexec_fn": connect, "close_fds": False, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **started) as running:
        page = Page(requests, answers)
        target = page.call("Target.createTarget", url="about:blank")["targetId"]
        page.session = page.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        yield page
        running.terminate()
    for pipe in (their_requests, requests, answers, their_answers):
        os.close(pipe)
