"""The samples of the documents: fenced blocks of commands, queries, settings and programs.

Not here: docs/tutorials and docs/questions.md, whose samples are compared with what they print (test_tutorials.py,
test_questions.py), and docs/open-it-with.md, whose programs run with the versions that it names (test_open_it_with.py).
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from typer.main import get_command

from pipelines.cli import commands  # noqa: F401  # registers them
from pipelines.cli.app import app
from pipelines.settings import ROOT

ELSEWHERE = frozenset(("questions.md", "open-it-with.md"))
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in ELSEWHERE),
]
BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE)
OURS = re.compile(r"(?:^|[\s(;])(?:\S*/)?intercom-warehouse(?= |$)(?P<arguments>[^|&;)>\n]*)")
SHOWN = re.compile(r"^(?:\$|#) (?P<command>.+)$", re.MULTILINE)
COMMENT = re.compile(r"\s{2,}# .*$", re.MULTILINE)


COMMANDS = frozenset(get_command(app).commands)  # type: ignore[attr-defined]  # the type is of Typer's copy of Click


class Sample(NamedTuple):
    """A fenced block, without its indentation; `language` is empty where none is named."""

    page: str
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """What a shell is given: lines after a prompt, or all lines of a crontab and of a block that has no prompt."""
        text = COMMENT.sub("", self.text)
        if self.language == "crontab":
            return text.splitlines()
        if self.language == "console":
            return SHOWN.findall(text)
        return text.splitlines() if not self.language and "intercom-warehouse " in text else []


def samples(*languages: str) -> Iterator[Sample]:
    """Those in one of these languages, of all pages."""
    for page in PAGES:
        for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
            if block["language"] in languages:
                text = re.sub(rf"^{block['indent']}", "", block["text"], flags=re.MULTILINE)
                yield Sample(page.name, block["language"], text)


def calls() -> list[tuple[str, ...]]:
    """The arguments of each call of the command, once."""
    lines = (line for sample in samples("console", "crontab", "") for line in sample.commands)
    found = {tuple(_words(call["arguments"])) for line in lines for call in OURS.finditer(line)}
    return sorted(call for call in found if COMMANDS.intersection(call))  # the name is also that of a user or an image


def command_of(call: tuple[str, ...]) -> str:
    return next(word for word in call if word in COMMANDS)


def _words(arguments: str) -> list[str]:
    """Without redirections."""
    return [word for word in shlex.split(arguments) if not re.fullmatch(r"\d?>+.*", word) and word != "2"]


def programs() -> set[str]:
    """The programs of all lines but this project's own command."""
    found = set[str]()
    for sample in samples("console"):
        for line in sample.commands:
            words = [word for word in shlex.split(line) if not re.fullmatch(r"[A-Z_]+=.*", word)]
            found.add(Path(words[0]).name)
    return found - {"intercom-warehouse"}


def path_of(page: str) -> Path:
    return next(path for path in PAGES if path.name == page)
