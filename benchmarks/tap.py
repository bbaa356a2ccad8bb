"""Beside tap-intercom, the Singer tap that others use: our whole sync against its reading of contacts alone."""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.children import Cost, Failed, started
from benchmarks.rows import Row, at_most
from benchmarks.served import TOKEN, Served, served
from benchmarks.syncing import sync

TAP = "tap-intercom==2.2.5"
HERE = Path(__file__).parent
ENVIRONMENT = HERE / ".cache" / "tap"
RUNNER = HERE / "tap_runner.py"
CONTACTS = 20_000
LIMIT = 1666
LATENCY = 0.05
TIMEOUT_SECONDS = 900
RECORD = b'{"type": "RECORD"'


def tap(bench: Bench) -> list[Row]:
    """Contacts, memberships and all marts here; contacts as messages in a file there."""
    install_tap()
    place = bench.folder / "tap"
    contacts = bench.contacts(CONTACTS)
    with served(place.with_suffix(".sandbox"), contacts=contacts, limit=LIMIT, latency=LATENCY) as workspace:
        theirs = tap_contacts(workspace, bench.folder / "tap-intercom", expected=contacts)
        ours = sync(workspace, place)
    return [
        Row(
            "tap",
            "our whole sync / its contacts, wall",
            ours.cost.seconds / theirs.seconds,
            target=at_most(0.45),
            seen=f"{ours.cost.seconds:.1f} s / {theirs.seconds:.1f} s",
        ),
        Row(
            "tap",
            "our whole sync / its contacts, CPU",
            ours.cost.cpu_seconds / theirs.cpu_seconds,
            target=at_most(0.75),
            seen=f"{ours.cost.cpu_seconds:.1f} s / {theirs.cpu_seconds:.1f} s",
        ),
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
            [uv, "pip", "install", "--python", str(python), TAP],
        )
    ]
    if any(step.returncode for step in installed):
        raise Failed(f"{TAP} could not be installed: {installed[-1].stderr[-300:].strip()}")
    (ENVIRONMENT / "installed").touch()
