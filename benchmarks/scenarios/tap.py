"""A comparison with tap-intercom, the Singer tap: our first sync against the tap's reading of contacts alone."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ..measuring import TOKEN, Cost, SandboxLoad, ScenarioFailed, ServedSandbox, served, started, sync
from ..report import FULL, TIMES, Row, at_most
from .bench import Bench

TAP = "tap-intercom==2.2.5"
BENCHMARKS = Path(__file__).parent.parent
ENVIRONMENT = BENCHMARKS / ".cache" / "tap"
RUNNER = BENCHMARKS / "rivals" / "tap_runner.py"
CONTACTS = 20_000
SEGMENTS = 30
MEMBERSHIPS = 3.7
ROUNDS = 3
"""Alternating, so that other load on the machine affects both."""
LIMIT = 1666
LATENCY = 0.05
TIMEOUT_SECONDS = 900
RECORD = b'{"type": "RECORD"'


@dataclass(frozen=True)
class ToolRun:
    """The cost of one run of a tool, and the calls that the sandbox answered."""

    seconds: float
    cpu_seconds: float
    calls: int


def tap(bench: Bench) -> list[Row]:
    """Our first sync into DuckDB, and tap-intercom's contacts into a file."""
    install_tap()
    contacts = bench.contacts(CONTACTS)
    with served(
        bench.folder / "tap.sandbox",
        contacts=contacts,
        limit=LIMIT,
        latency=LATENCY,
        segments=SEGMENTS,
        memberships=MEMBERSHIPS,
    ) as sandbox:
        load = SandboxLoad(sandbox)
        ours, theirs = alternate(sandbox, bench.folder, contacts, rounds=ROUNDS if bench.scale == FULL else 1)
        return [*ratios(ours, theirs), load.row("tap")]


def alternate(
    sandbox: ServedSandbox, folder: Path, contacts: int, *, rounds: int
) -> tuple[list[ToolRun], list[ToolRun]]:
    """Our syncs, each into a new data folder, and the tap's runs."""
    ours, theirs = list[ToolRun](), list[ToolRun]()
    for number in range(1, rounds + 1):
        before = sandbox.status().calls
        their_cost = read_with_tap(sandbox, folder / f"tap-intercom-{number}", expected=contacts)
        between = sandbox.status().calls
        our_cost = sync(sandbox, folder / f"tap-{number}", SOURCES__INTERCOM__RATE_LIMIT_SHARE=1).cost
        after = sandbox.status().calls
        theirs.append(ToolRun(their_cost.seconds, their_cost.cpu_seconds, between - before))
        ours.append(ToolRun(our_cost.seconds, our_cost.cpu_seconds, after - between))
    return ours, theirs


def ratios(ours: Sequence[ToolRun], theirs: Sequence[ToolRun]) -> list[Row]:
    """Our medians divided by the tap's."""
    wall, their_wall = (median(run.seconds for run in runs) for runs in (ours, theirs))
    cpu, their_cpu = (median(run.cpu_seconds for run in runs) for runs in (ours, theirs))
    calls, their_calls = (median(run.calls for run in runs) for runs in (ours, theirs))
    metric = "first sync / tap's contacts"
    return [
        Row("tap", f"{metric}, wall", wall / their_wall, TIMES, at_most(0.45), f"{wall:.1f} s / {their_wall:.1f} s"),
        Row("tap", f"{metric}, CPU", cpu / their_cpu, TIMES, at_most(0.75), f"{cpu:.1f} s / {their_cpu:.1f} s"),
        Row("tap", f"{metric}, calls", calls / their_calls, details=f"{calls:,.0f} / {their_calls:,.0f}"),
    ]


def read_with_tap(sandbox: ServedSandbox, log: Path, *, expected: int) -> Cost:
    """The cost of the tap's reading of all contacts.

    Raises:
        ScenarioFailed: the tap wrote more or fewer contacts than expected.
    """
    command = [str(ENVIRONMENT / "bin" / "python"), str(RUNNER), sandbox.url, TOKEN]
    with started(command, log=log, timeout_seconds=TIMEOUT_SECONDS) as child:
        process = child.finished()
    with process.output.open("rb") as messages:
        written = sum(message.startswith(RECORD) for message in messages)
    if written != expected:
        raise ScenarioFailed(f"{TAP} wrote {written:,} contacts instead of {expected:,}.")
    return process.cost


def install_tap() -> None:
    """Installs the tap into an environment of its own, once.

    Raises:
        ScenarioFailed: uv is missing, or could not install the tap.
    """
    if (ENVIRONMENT / "installed").exists():
        return
    uv = shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")
    if uv is None:
        raise ScenarioFailed("uv, which installs the tap, is missing. Run make install.")
    python = ENVIRONMENT / "bin" / "python"
    steps = [
        subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        for command in (
            [uv, "venv", "--clear", "--python", sys.executable, str(ENVIRONMENT)],
            [uv, "pip", "install", "--compile-bytecode", "--python", str(python), TAP],
        )
    ]
    if any(step.returncode for step in steps):
        raise ScenarioFailed(f"{TAP} could not be installed: {steps[-1].stderr[-300:].strip()}")
    (ENVIRONMENT / "installed").touch()
