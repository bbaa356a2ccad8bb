"""Processes that the benchmarks start: each is waited for, and ended if it takes too long."""

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


class Failed(Exception):
    """A scenario cannot be measured; the message says why."""


@dataclass(frozen=True)
class Cost:
    """What a process cost from start to exit: wall clock, user and system time, and the most memory it held.

    Linux counts in the memory of who started it, so the starting process has to be the smaller one.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Ended:
    """A process that went well, and the file with what it said."""

    cost: Cost
    output: Path


class Child:
    """A process that was started; its standard output and error go to files that `says` names."""

    def __init__(
        self, command: Sequence[str], *, says: Path, environment: Mapping[str, str] | None, timeout_seconds: float
    ) -> None:
        self._name = Path(command[0]).name
        self._output, self._errors = says.with_suffix(".out"), says.with_suffix(".err")
        with self._output.open("wb") as out, self._errors.open("wb") as err:
            self._began = time.monotonic()
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment)
        self._deadline = threading.Timer(timeout_seconds, self._process.kill)
        self._deadline.start()

    def ended(self) -> Ended:
        """Waits for its end. Only whoever waits for a process is told what it used.

        Raises:
            Failed: with its exit code, below zero for the signal that ended it, and the last line of its complaint.
        """
        _, status, usage = os.wait4(self._process.pid, 0)
        seconds = time.monotonic() - self._began
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode:
            complaint = (self._errors.read_text(errors="replace").strip() or "no word").splitlines()[-1]
            raise Failed(f"{self._name} ended with {self._process.returncode}: {complaint}")
        return Ended(Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * RSS_UNIT_BYTES), self._output)

    def close(self) -> None:
        """Ends it, if it has not ended."""
        self._deadline.cancel()
        stop(self._process)


@contextmanager
def started(
    command: Sequence[str], *, says: Path, environment: Mapping[str, str] | None = None, timeout_seconds: float
) -> Iterator[Child]:
    """A process that is over when the block is; killed when its time is up."""
    child = Child(command, says=says, environment=environment, timeout_seconds=timeout_seconds)
    try:
        yield child
    finally:
        child.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process kindly, or else for good."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
