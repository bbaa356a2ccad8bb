"""Runs the tutorials in docs/tutorials. `python -m tests.tutorials` writes what they print into them.

Commands stand in `console` blocks after a dollar sign, each with its standard output below it. A query in an `sql`
block is asked of what is published; its answer is the table below. CONTACT in a command is the first cell of the answer
before it. Each tutorial has a data folder of its own.
"""

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import typer

from pipelines.destinations import Warehouse
from pipelines.settings import ROOT, use_project_config
from sandbox.api import create_app, serving
from sandbox.world import Workspace

from .support.postgres import run as run_in_database
from .support.postgres import started
from .support.terminal import COMMAND, Terminal

FOLDER = ROOT / "docs" / "tutorials"
TUTORIALS = sorted(FOLDER.glob("*.md"))
BLOCK = re.compile(
    r"```console\n(?P<console>[^`]*)```|```sql\n(?P<query>[^`]*)```\n\n(?P<answer>(?:\|[^\n]*\n)+)?", re.MULTILINE
)
SANDBOX = ".venv/bin/python -m sandbox"
DATABASE = "postgresql://warehouse:password@localhost/warehouse"
"""Stands for the address of a database of the tests' own."""
TOKEN = "sandbox-token"
QUOTA = 1666
"""As `python -m sandbox` allows."""
VARYING = (
    (r"\d{8}T\d{6}-[0-9a-f]{6}", "RUN"),
    (r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:\+00:00)?)?", "TIME"),
    (r"\b\d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b", "DAY"),
    (r"less than a minute|\b\d+(?:\.\d+)? (?:s|MB|minutes?|seconds?)\b", "AMOUNT"),
    (r"(?:https?://)?127\.0\.0\.1:\d+(?:/\w+)?", "ADDRESS"),
    (r"(?<![\w:/])/(?:[\w.+-]+/)*[\w.+-]+", "PATH"),
    (r"[ \t]+", " "),
    (r"[─━-]{3,}", "-"),
)
"""What differs between two runs: times, ids of runs, durations, paths, and the widths of columns that hold them."""


def masked(text: str) -> str:
    """The text without what differs between two runs."""
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text)
    return "\n".join(line.strip() for line in text.splitlines()).strip()


@dataclass
class Reader:
    """A person who follows a tutorial, with a data folder and variables of their own."""

    folder: Path
    database: str | None = None
    variables: dict[str, str | None] = field(default_factory=dict)
    held: ExitStack = field(default_factory=ExitStack)
    clock: Workspace = field(default_factory=lambda: Workspace(contacts=0, segments=0))
    url: str = "http://127.0.0.1:9"
    last_cell: str = ""

    def prints(self, command: str) -> str:
        """The standard output of a command.

        Raises:
            AssertionError: it failed, or the tests do not run such a command.
        """
        if command.startswith(SANDBOX):
            return self._serve(shlex.split(command.removeprefix(SANDBOX)))
        if command.startswith("export "):
            name, _, value = shlex.split(command)[1].partition("=")
            self.variables[name] = self.database if value == DATABASE else value
            return ""
        program, *arguments = shlex.split(command)
        assert program == COMMAND.name, f"the tests do not run {command!r}"
        terminal = Terminal(self.folder / "data", self.clock, self.url)
        if "demo" in arguments:
            return self._elsewhere(self._demo([str(COMMAND), *arguments], terminal.environment()))
        ended = terminal.run(*self._here(arguments), **self._environment())
        assert ended.exit_code == 0, ended.errors
        return self._elsewhere(ended.output)

    def answers(self, query: str) -> str:
        """The rows of a query, as a table in Markdown."""
        if "DESTINATION__POSTGRES__CREDENTIALS" in self.variables:
            assert self.database
            rows = [tuple(row) for row in run_in_database(self.database, query)]
        else:
            with Warehouse(self.folder / "data").reading() as ask:
                rows = [tuple(row) for row in ask(query)]
        self.last_cell = str(rows[0][0]) if rows else ""
        return "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in rows)

    def _serve(self, options: list[str]) -> str:
        given = {name.removeprefix("--"): int(value) for name, value in zip(options[::2], options[1::2], strict=True)}
        workspace = Workspace(**given, token=TOKEN)  # type: ignore[arg-type]
        self.url = self.held.enter_context(serving(create_app(workspace, limit=QUOTA)))
        return ""

    def _demo(self, command: list[str], environment: dict[str, str]) -> str:
        """In a process of its own: simulating days takes longer than any other command may."""
        done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    def _environment(self) -> dict[str, str | None]:
        address = {"SOURCES__INTERCOM__BASE_URL": self.url, "SOURCES__INTERCOM__ACCESS_TOKEN": TOKEN}
        return {**self.variables, **address}

    def _elsewhere(self, output: str) -> str:
        """Without a path of this machine."""
        output = output.replace(f" {str(self.folder)[1:]}/", " ").replace(f"'{str(self.folder)[1:]}/", "'")
        return output.replace(str(self.folder), "/path/to")

    def _here(self, arguments: list[str]) -> list[str]:
        """Files that a command writes go into the reader's folder."""
        return [str(self.folder / one.removeprefix("./")) if one.startswith("./") else one for one in arguments]


@contextmanager
def a_reader(folder: Path, database: str | None = None) -> Iterator[Reader]:
    reader = Reader(folder, database)
    with reader.held:
        yield reader


def followed(text: str, reader: Reader) -> str:
    """The text of a tutorial with what its commands and queries print now."""

    def rewritten(block: re.Match[str]) -> str:
        if block["console"] is not None:
            return f"```console\n{_console(block['console'], reader)}```"
        heading = "".join((block["answer"] or "").splitlines(keepends=True)[:2])
        return f"```sql\n{block['query']}```\n\n{heading}{reader.answers(block['query'])}"

    return BLOCK.sub(rewritten, text)


def _console(text: str, reader: Reader) -> str:
    lines = text.replace("CONTACT", reader.last_cell).splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return "".join(f"$ {command}\n{_shown(reader.prints(command))}" for command in commands)


def _cell(value: object) -> str:
    """As Markdown, in which a name may hold a tag."""
    return "null" if value is None else str(value).replace("<", "&lt;").replace("|", "\\|")


def _shown(output: str) -> str:
    """Without trailing blanks."""
    return "".join(f"{line.rstrip()}\n" for line in output.splitlines()).lstrip("\n")


def write() -> None:
    """Follows all tutorials, or those that are named, and writes what they print."""
    use_project_config()
    with started() as server:
        for path in [ROOT / one for one in sys.argv[1:]] or TUTORIALS:
            folder, database = Path(tempfile.mkdtemp()), server.database()
            with a_reader(folder, database) as reader:
                path.write_text(followed(path.read_text(encoding="utf-8"), reader), encoding="utf-8")
            shutil.rmtree(folder)
            typer.echo(path.name)


if __name__ == "__main__":
    write()
