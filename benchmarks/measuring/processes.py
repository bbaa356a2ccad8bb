"""Starts processes, waits for them, and kills those that take too long."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
STOP_SECONDS = 10


class ScenarioFailed(Exception):
    """A scenario cannot be measured; the message says why."""


@dataclass(frozen=True)
class Cost:
    """The wall time, the CPU time (user and system) and the peak memory of a process from start to exit.

    Linux counts the memory of the parent process in the peak, so the parent must be the smaller one.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class FinishedProcess:
    """A process that exited with 0, and the file with its output."""

    cost: Cost
    output: Path


class ChildProcess:
    """A running process. Its output goes to `<log>.out`, its errors to `<log>.err`."""

    def __init__(
        self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None, timeout_seconds: float
    ) -> None:
        self._name = Path(command[0]).name
        self._output, self._errors = log.with_suffix(".out"), log.with_suffix(".err")
        with self._output.open("wb") as out, self._errors.open("wb") as err:
            self._started = time.monotonic()
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment)
        self._deadline = threading.Timer(timeout_seconds, self._process.kill)
        self._deadline.start()

    def finished(self) -> FinishedProcess:
        """Waits for the exit; only `os.wait4` returns the used resources.

        Raises:
            ScenarioFailed: the exit code is not 0. The message has it, negative for a signal, and the last error line.
        """
        _, status, usage = os.wait4(self._process.pid, 0)
        seconds = time.monotonic() - self._started
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode:
            error = (self._errors.read_text(errors="replace").strip() or "without an error message").splitlines()[-1]
            raise ScenarioFailed(f"{self._name} exited with {self._process.returncode}: {error}")
        return FinishedProcess(
            Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * RSS_UNIT_BYTES), self._output
        )

    def close(self) -> None:
        """Stops the process if it still runs."""
        self._deadline.cancel()
        stop(self._process)


@contextmanager
def started(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None, timeout_seconds: float
) -> Iterator[ChildProcess]:
    """A process that ends with the block at the latest, and is killed after the timeout."""
    child = ChildProcess(command, log=log, environment=environment, timeout_seconds=timeout_seconds)
    try:
        yield child
    finally:
        child.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Terminates a process, and kills it if that takes too long."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
