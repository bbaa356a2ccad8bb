"""A shell from which the command is run, in an environment as bare as cron's."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.api import create_app, serving
from sandbox.world import Workspace

from .command_server import command_server
from .deployments import NO_QUOTA
from .patience import HANG_SECONDS
from .snapshots import copied

COMMAND = Path(sys.executable).parent / "intercom-warehouse"
TOKEN = "token-canary-5f3a"
BEGAN, BEGAN_MONOTONIC = datetime.now(UTC), time.monotonic()
"""The same for all tests of a process, so that their workspaces are the same."""


@dataclass
class Terminal:
    """A shell somewhere else, with an environment as bare as cron's."""

    folder: Path
    workspace: Workspace
    url: str
    held: ExitStack = field(default_factory=ExitStack)

    def run(self, *arguments: str, **variables: Any) -> "Ended":
        """In a process that is forked from one which has imported the command. Its clock is the workspace's."""
        output, errors = (self.folder.with_name(name) for name in ("output", "errors"))
        ahead = (self.workspace.now() - datetime.now(UTC)).total_seconds()
        exit_code = command_server().run(arguments, self.environment(**variables), output, errors, ahead)
        return Ended(exit_code, output.read_text(), errors.read_text())

    def run_installed(self, *arguments: str, wrapped_by: tuple[str, ...] = (), **variables: Any) -> "Ended":
        """The installed command, started as a shell starts it. It takes a second longer than `run`."""
        command = [*wrapped_by, str(COMMAND), *arguments]
        environment = self.environment(**variables)
        done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, timeout=HANG_SECONDS)
        return Ended(done.returncode, done.stdout, done.stderr)

    def copy_first_sync(self) -> None:
        """Leaves the data folder as `sync` leaves it in a terminal of `a_terminal`."""
        copied(f"terminal {BEGAN}", sync_once, self.folder)

    def environment(self, **variables: Any) -> dict[str, str]:
        given = {
            "WAREHOUSE__DATA_DIR": str(self.folder),
            "SOURCES__INTERCOM__BASE_URL": self.url,
            "SOURCES__INTERCOM__ACCESS_TOKEN": TOKEN,
            "SOURCES__INTERCOM__RESOURCES": "[]",  # tests that need lists name them
        } | variables
        return {name: value for name, value in given.items() if value is not None}


@dataclass
class Ended:
    """How a process ended."""

    exit_code: int
    output: str
    errors: str

    @property
    def is_one_paragraph(self) -> bool:
        """Whether what was said is readable: no traceback, no token, no more than a few lines."""
        said = self.errors.strip()
        return bool(said) and "Traceback" not in said and TOKEN not in self.output + said and said.count("\n") < 8


@contextmanager
def a_terminal(folder: Path) -> Iterator[Terminal]:
    """A shell from which a workspace of 120 contacts can be synced; its clock shows the real time."""
    workspace = Workspace(contacts=120, segments=6, token=TOKEN, start=BEGAN)
    workspace.advance(seconds=time.monotonic() - BEGAN_MONOTONIC)
    with serving(create_app(workspace, limit=NO_QUOTA)) as url:
        yield Terminal(folder, workspace, url)


def sync_once(folder: Path) -> None:
    with a_terminal(folder) as terminal:
        ended = terminal.run("sync")
        assert ended.exit_code == 0, ended.errors


CANARY = "canary-b81d"
LOGGING_ALL = "import logging; logging.basicConfig(level=1); from pipelines.cli import main; main()"
