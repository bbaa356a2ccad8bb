"""How long all marts and checks take, and how much memory: `python -m benchmarks.models [100k 1m 5m]`."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from pipelines.destinations import MARTS, Warehouse
from pipelines.models import load_checks
from pipelines.runs import build_models
from pipelines.settings import use_project_config

from .history import Size, write

SIZES = {
    "100k": Size(spells=100_000, segments=40, days=400),
    "1m": Size(spells=1_000_000, segments=100, days=400),
    "5m": Size(spells=5_000_000, segments=200, days=400),
}
SLOWEST = 5
ONE_DAY = (
    f"select count(*) from {MARTS}.segment_membership_snapshots "  # noqa: S608 (a constant)
    f"where observed_on = (select max(observed_on) from {MARTS}.segment_daily)"
)
CONTACTS = f"select count(*) from {MARTS}.contacts"  # noqa: S608 (a constant)
RSS_UNITS_A_MEGABYTE = 1_000_000 if sys.platform == "darwin" else 1_000_000 / 1024
"""macOS tells a process's peak in bytes, Linux in KiB."""


@dataclass(frozen=True)
class ModelFigures:
    """What a build of everything over a made-up history took. Megabytes are the whole process's, Python included."""

    spells: int
    seconds: float
    model_seconds: float
    check_seconds: float
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
            f"{self.check_seconds:.1f} s; peak {self.peak_megabytes:,.0f} MB, file {self.file_megabytes:,.0f} MB\n"
            f"{slowest}\n"
            f"  {self.snapshot_seconds:6.2f} s  to count one day of snapshots ({self.snapshot_rows:,} rows)\n"
            f"  {self.contacts_seconds:6.2f} s  to count contacts"
        )


@dataclass(frozen=True)
class Spent:
    """Seconds of a build, in all and by file."""

    seconds: float
    seconds_by_file: Mapping[str, float]


def measure(size: Size) -> ModelFigures:
    """Writes a history of that size into a temporary folder, builds everything from it, and asks two questions."""
    with TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder))
        _apart("write", folder, json.dumps(asdict(size)))
        told, peak = _apart("build", folder)
        spent = Spent(**json.loads(told))
        checks = sum(spent.seconds_by_file[check.name] for check in load_checks())
        spells, _ = _count(warehouse, f"select count(*) from {MARTS}.segment_memberships")  # noqa: S608 (a constant)
        snapshot_rows, snapshot_seconds = _count(warehouse, ONE_DAY)
        return ModelFigures(
            spells=spells,
            seconds=spent.seconds,
            model_seconds=sum(spent.seconds_by_file.values()) - checks,
            check_seconds=checks,
            peak_megabytes=peak,
            slowest=dict(sorted(spent.seconds_by_file.items(), key=lambda file: -file[1])[:SLOWEST]),
            file_megabytes=warehouse.file.stat().st_size / 1e6,
            snapshot_seconds=snapshot_seconds,
            snapshot_rows=snapshot_rows,
            contacts_seconds=_count(warehouse, CONTACTS)[1],
        )


def _apart(*arguments: str) -> tuple[str, float]:
    """What a process of its own prints, and its peak in megabytes.

    Writing is done apart as well: a child's peak counts from the size of the process that started it.
    """
    command = [sys.executable, "-m", "benchmarks.models", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 (a pipe was asked for)
        told = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return told, usage.ru_maxrss / RSS_UNITS_A_MEGABYTE


def _build(folder: str) -> None:
    """Without publishing: that is a copy of the file."""
    use_project_config()
    built = build_models(Warehouse(Path(folder)).pipeline("benchmark"))
    print(json.dumps(asdict(Spent(built.seconds, built.seconds_by_file))))  # noqa: T201 (for the process that waits)


def _count(warehouse: Warehouse, query: str) -> tuple[int, float]:
    started = time.monotonic()
    with duckdb.connect(str(warehouse.file), read_only=True) as connection:
        rows = connection.execute(query).fetchall()
    return int(rows[0][0]), time.monotonic() - started


def main(arguments: list[str]) -> None:
    """Measures the named sizes, by default all; or does one step of a measurement in this process."""
    match arguments:
        case ["write", folder, size]:
            write(Warehouse(Path(folder)), Size(**json.loads(size)))
        case ["build", folder]:
            _build(folder)
        case _:
            for name in arguments or SIZES:
                print(measure(SIZES[name]))  # noqa: T201 (a command)


if __name__ == "__main__":
    main(sys.argv[1:])
