"""Runs command lines in processes that are forked from one which has imported the command: each saves a second.

Such a process is like any other: its exit code, signals, umask, locks and open files are its own, its environment holds
what the test gives it, and it ends as the command does. Its imports, and reading the project's SQL, are the only things
that it does not do itself.
"""

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO

from pipelines.commands import NAMES

from .patience import HANG_SECONDS

ROOT = Path(__file__).parent.parent.parent
IMPORTED = (
    "pipelines.cli",
    # What commands import:
    *(f"pipelines.commands.{name}" for name in NAMES),
    "pipelines.commands.explain",
    "pipelines.commands.repair",
    "pipelines.commands.status",
    "pipelines.commands.verify",
    "pipelines.display.screen",
    "pipelines.explanation",
    "pipelines.monitoring",
    # What these import once they run, through dlt, httpx and typer:
    "anyio._backends._asyncio",
    "dlt.common.libs.pyarrow",
    "dlt.common.libs.sql_alchemy_compat",
    "dlt.destinations.impl.duckdb.duck",
    "dlt.sources.helpers.requests",
    "encodings.utf_8_sig",
    "httpcore",
    "pendulum.locales.en.locale",
    "pydantic.json_schema",
    "pydantic.main",
    "pydantic.type_adapter",
    "rich._emoji_codes",
    "typer._adapters",
    "typer.rich_utils",
    "tests.support.warm",
)


class CommandServer:
    """One for each process of the tests; runs one command line at a time."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={}, text=True, process_group=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        atexit.register(self._close)

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], output: Path, errors: Path, ahead: float
    ) -> int:
        """The exit code, which is negative after a signal; `output` and `errors` are overwritten.

        Args:
            ahead: how many seconds the host's clock is ahead of the real one.
        """
        call = {
            "arguments": arguments,
            "environment": environment,
            "output": str(output),
            "errors": str(errors),
            "ahead": ahead,
        }
        requests, answers = self._pipes()
        requests.write(json.dumps(call) + "\n")
        requests.flush()
        return int(answers.readline())

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._process.stdin
        assert self._process.stdout
        return self._process.stdin, self._process.stdout

    def _close(self) -> None:
        for pipe in self._pipes():
            pipe.close()
        self._process.wait()


@cache
def command_server() -> CommandServer:
    return CommandServer()


def serve() -> None:
    """Reads a call from each line, and answers with its exit code."""
    for name in IMPORTED:
        import_module(name)
    gc.freeze()  # a collection in a fork would copy all that is imported
    from pipelines.cli import main

    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            become(**json.loads(line))
            main()
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201  # the answer


def become(arguments: list[str], environment: dict[str, str], output: str, errors: str, ahead: float) -> None:
    """Makes this process the one that the caller described."""
    signal.alarm(HANG_SECONDS)
    for number, path in enumerate((os.devnull, output, errors)):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir("/")
    sys.argv[:] = ["intercom-warehouse", *arguments]
    set_clock(ahead)


def set_clock(ahead: float) -> None:
    """Sets the clock by which the command dates what it observes."""
    clock = import_module("pipelines.clock")

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=ahead)

    vars(clock)["datetime"] = Shifted


if __name__ == "__main__":
    serve()
