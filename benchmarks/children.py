"""Processes that the benchmarks start: each is waited for, and ended if it takes too long."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import struct_rusage

RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


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
    """A process that is over; below zero the exit code is the signal that ended it."""

    command: Sequence[str]
    exit_code: int
    cost: Cost
    output: Path
    errors: Path

    def checked(self) -> "Ended":
        """Itself, if it went well.

        Raises:
            Failed: with the last line of what it complained of.
        """
        if self.exit_code:
            complaint = (self.errors.read_text(errors="replace").strip() or "no word").splitlines()[-1]
            raise Failed(f"{Path(self.command[0]).name} ended with {self.exit_code}: {complaint}")
        return self


def run(
    command: Sequence[str], *, says: Path, environment: Mapping[str, str] | None = None, timeout_seconds: float
) -> Ended:
    """Runs a command to its end, or kills it when the time is up; what it says goes to files that `says` names."""
    output, errors = says.with_suffix(".out"), says.with_suffix(".err")
    with output.open("wb") as out, errors.open("wb") as err:
        began = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment)
        exit_code, usage = _waited_for(child, timeout_seconds)
        seconds = time.monotonic() - began
    cost = Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * RSS_UNIT_BYTES)
    return Ended(command, exit_code, cost, output, errors)


def stop(child: subprocess.Popen[bytes], *, timeout_seconds: float = 10) -> None:
    """Ends a process kindly, or else for good."""
    child.terminate()
    try:
        child.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _waited_for(child: subprocess.Popen[bytes], timeout_seconds: float) -> tuple[int, struct_rusage]:
    """Its exit code and what it used, which only whoever waits for it is told."""
    deadline = threading.Timer(timeout_seconds, child.kill)
    deadline.start()
    try:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    finally:
        deadline.cancel()
        if child.returncode is None:
            stop(child)
    return child.returncode, usage
