"""The time and memory of building all marts and checks from a generated history."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from resource import struct_rusage
from tempfile import TemporaryDirectory

import duckdb

from pipelines.destinations import MARTS, Warehouse
from pipelines.models import load_checks

from .tables import HistorySize

SIZES: Mapping[str, HistorySize] = {
    "100k": HistorySize(spells=100_000, segments=40, days=400),
    "1m": HistorySize(spells=1_000_000, segments=100, days=400),
    "5m": HistorySize(spells=5_000_000, segments=200, days=400),
}
SLOWEST = 5
ONE_DAY = (
    f"select count(*) from {MARTS}.segment_membership_snapshots "  # noqa: S608 (a constant)
    f"where observed_on = (select max(observed_on) from {MARTS}.segment_daily)"
)
CONTACTS = f"select count(*) from {MARTS}.contacts"  # noqa: S608 (a constant)
RSS_UNITS_PER_MEGABYTE = 1_000_000 if sys.platform == "darwin" else 1_000_000 / 1024
"""macOS reports the peak of a process in bytes, Linux in KiB."""


@dataclass(frozen=True)
class BuildCost:
    """The cost of one build. The peak and the CPU time are those of the whole process, with Python."""

    spells: int
    seconds: float
    model_seconds: float
    check_seconds: float
    cpu_seconds: float
    peak_megabytes: float
    slowest: Mapping[str, float]
    file_megabytes: float
    snapshot_seconds: float
    snapshot_rows: int
    contacts_seconds: float

    def __str__(self) -> str:
        slowest = "\n".join(f"  {seconds:6.1f} s  {name}" for name, seconds in self.slowest.items())
        return (
            f"{self.spells:,} spells: {self.seconds:.1f} s, models {self.model_seconds:.1f} s, checks "
            f"{self.check_seconds:.1f} s, {self.cpu_seconds:.1f} s of CPU; peak {self.peak_megabytes:,.0f} MB, "
            f"file {self.file_megabytes:,.0f} MB\n"
            f"{slowest}\n"
            f"  {self.snapshot_seconds:6.2f} s  to count one day of snapshots ({self.snapshot_rows:,} rows)\n"
            f"  {self.contacts_seconds:6.2f} s  to count contacts"
        )


@dataclass(frozen=True)
class BuildTimes:
    """Seconds of a build, in total and by file."""

    seconds: float
    seconds_by_file: Mapping[str, float]


def measure_build(size: HistorySize) -> BuildCost:
    """Writes a history into a temporary folder, builds all marts from it, and runs two queries."""
    with TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder))
        in_a_child("write", folder, json.dumps(asdict(size)))
        output, usage = in_a_child("build", folder)
        times = BuildTimes(**json.loads(output))
        checks = sum(times.seconds_by_file[check.name] for check in load_checks())
        spells, _ = _count(warehouse, f"select count(*) from {MARTS}.segment_memberships")  # noqa: S608 (a constant)
        snapshot_rows, snapshot_seconds = _count(warehouse, ONE_DAY)
        return BuildCost(
            spells=spells,
            seconds=times.seconds,
            model_seconds=sum(times.seconds_by_file.values()) - checks,
            check_seconds=checks,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_megabytes=usage.ru_maxrss / RSS_UNITS_PER_MEGABYTE,
            slowest=dict(sorted(times.seconds_by_file.items(), key=lambda file: -file[1])[:SLOWEST]),
            file_megabytes=warehouse.file.stat().st_size / 1e6,
            snapshot_seconds=snapshot_seconds,
            snapshot_rows=snapshot_rows,
            contacts_seconds=_count(warehouse, CONTACTS)[1],
        )


def in_a_child(*arguments: str) -> tuple[str, struct_rusage]:
    """The output of a child process, and what it used.

    A child writes the history, too: the peak of a child starts from the size of its parent.
    """
    command = [sys.executable, "-m", "benchmarks.history", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 (stdout is a pipe)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return output, usage


def _count(warehouse: Warehouse, query: str) -> tuple[int, float]:
    started = time.monotonic()
    with duckdb.connect(str(warehouse.file), read_only=True) as connection:
        rows = connection.execute(query).fetchall()
    return int(rows[0][0]), time.monotonic() - started
