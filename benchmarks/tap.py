"""Beside tap-intercom, the Singer tap that others use: our whole sync against its reading of contacts alone."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .bench import Bench
from .children import Cost, Failed, started
from .rows import TIMES, Row, at_most
from .served import TOKEN, Served, served
from .syncing import sync
from .table import FULL
from .watch import Watch

TAP = "tap-intercom==2.2.5"
HERE = Path(__file__).parent
ENVIRONMENT = HERE / ".cache" / "tap"
RUNNER = HERE / "tap_runner.py"
CONTACTS = 20_000
SEGMENTS = 30
MEMBERSHIPS = 3.7
ROUNDS = 3
"""By turns, so that whatever else the machine does meets both."""
LIMIT = 1666
LATENCY = 0.05
TIMEOUT_SECONDS = 900
RECORD = b'{"type": "RECORD"'


@dataclass(frozen=True)
class Turn:
    """What one run of either took. `calls`: those that the sandbox answered."""

    seconds: float
    cpu_seconds: float
    calls: int


def tap(bench: Bench) -> list[Row]:
    """Contacts, memberships and all marts here; contacts as messages in a file there."""
    install_tap()
    contacts = bench.contacts(CONTACTS)
    with served(
        bench.folder / "tap.sandbox",
        contacts=contacts,
        limit=LIMIT,
        latency=LATENCY,
        segments=SEGMENTS,
        memberships=MEMBERSHIPS,
    ) as workspace:
        watch = Watch(workspace)
        ours, theirs = by_turns(workspace, bench.folder, contacts, rounds=ROUNDS if bench.scale == FULL else 1)
        sandbox = watch.row("tap")
    return [*ratios(ours, theirs), sandbox]


def by_turns(workspace: Served, folder: Path, contacts: int, *, rounds: int) -> tuple[list[Turn], list[Turn]]:
    """Our whole syncs, each into a new data folder, and the tap's reading of contacts."""
    ours, theirs = list[Turn](), list[Turn]()
    for number in range(1, rounds + 1):
        before = workspace.told().calls
        their_cost = tap_contacts(workspace, folder / f"tap-intercom-{number}", expected=contacts)
        between = workspace.told().calls
        our_cost = sync(workspace, folder / f"tap-{number}", SOURCES__INTERCOM__RATE_LIMIT_SHARE=1).cost
        after = workspace.told().calls
        theirs.append(Turn(their_cost.seconds, their_cost.cpu_seconds, between - before))
        ours.append(Turn(our_cost.seconds, our_cost.cpu_seconds, after - between))
    return ours, theirs


def ratios(ours: Sequence[Turn], theirs: Sequence[Turn]) -> list[Row]:
    """Our medians by the tap's, and beside each ratio both."""
    wall, their_wall = (median(turn.seconds for turn in turns) for turns in (ours, theirs))
    cpu, their_cpu = (median(turn.cpu_seconds for turn in turns) for turns in (ours, theirs))
    calls, their_calls = (median(turn.calls for turn in turns) for turns in (ours, theirs))
    figure = "our whole sync / its contacts"
    return [
        Row("tap", f"{figure}, wall", wall / their_wall, TIMES, at_most(0.45), f"{wall:.1f} s / {their_wall:.1f} s"),
        Row("tap", f"{figure}, CPU", cpu / their_cpu, TIMES, at_most(0.75), f"{cpu:.1f} s / {their_cpu:.1f} s"),
        Row("tap", f"{figure}, calls", calls / their_calls, seen=f"{calls:,.0f} / {their_calls:,.0f}"),
    ]


def tap_contacts(workspace: Served, says: Path, *, expected: int) -> Cost:
    """What the tap takes to tell of all contacts.

    Raises:
        Failed: it told of more or fewer.
    """
    command = [str(ENVIRONMENT / "bin" / "python"), str(RUNNER), workspace.url, TOKEN]
    with started(command, says=says, timeout_seconds=TIMEOUT_SECONDS) as child:
        ended = child.ended()
    with ended.output.open("rb") as messages:
        told = sum(message.startswith(RECORD) for message in messages)
    if told != expected:
        raise Failed(f"{TAP} told of {told:,} contacts, there are {expected:,}.")
    return ended.cost


def install_tap() -> None:
    """Makes the tap an environment of its own, once.

    Raises:
        Failed: uv is missing, or could not install it.
    """
    if (ENVIRONMENT / "installed").exists():
        return
    uv = shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")
    if uv is None:
        raise Failed("uv is needed to install the tap: make install brings it.")
    python = ENVIRONMENT / "bin" / "python"
    installed = [
        subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        for command in (
            [uv, "venv", "--clear", "--python", sys.executable, str(ENVIRONMENT)],
            [uv, "pip", "install", "--compile-bytecode", "--python", str(python), TAP],
        )
    ]
    if any(step.returncode for step in installed):
        raise Failed(f"{TAP} could not be installed: {installed[-1].stderr[-300:].strip()}")
    (ENVIRONMENT / "installed").touch()
