"""The load of the sandbox, which shares the cores with the measured process."""

import time

from ..report import Row
from .served import ServedSandbox


class SandboxLoad:
    """Create it before the measured work, and take its row after that."""

    def __init__(self, sandbox: ServedSandbox) -> None:
        self._sandbox = sandbox
        self._cpu_seconds = sandbox.status().cpu_seconds
        self._started = time.monotonic()

    def row(self, scenario: str, *, name: str = "sandbox") -> Row:
        """The sandbox's CPU time by the wall time: 1 is one whole core."""
        seconds = time.monotonic() - self._started
        cpu_seconds = self._sandbox.status().cpu_seconds - self._cpu_seconds
        details = f"{cpu_seconds:.1f} s / {seconds:.1f} s"
        return Row(scenario, f"{name}, CPU / wall", cpu_seconds / seconds, details=details)
