"""Counts words that plain English does without: `python -m tests.english` prints how many each folder has.

Read are docstrings, comments and messages of Python, comments of SQL, descriptions in YAML and TOML, and Markdown
outside of code.
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
FOLDERS = ("sources", "pipelines", "sandbox", "sql", "docs", "benchmarks", "tests", ".dlt", ".")
MESSAGE_WORDS = 4
"""A string of fewer words is a name or a key, not a message."""
NOT_PROSE = frozenset(("english.py", "test_english.py"))
MARKERS = re.compile(
    r"""\b(?:
        look(?:s|ed|ing)?(?!\s+(?:up|it\s+up|them\s+up))   # scan, check, read, inspect
        | asked\s+(?:for\s+)?by\s+name | gone | let(?:s|ting)?\s+go
        | tell(?:s|ing)? | told
        | mend(?:s|ed|ing)? | spoil(?:s|t|ed)? | anew | lest | hence | meanwhile | for\s+ever | of\s+late
        | whoever | whomever | whatever | whom | nobody | somebody | everybody
        | so\s+(?:many|long)(?!\s+as)
        | (?<!there\s)(?:is|are|was|were)\s+none | is\s+no\s+(?:length|date|duration|object|contact|id|word)
        | waits?\s+to\s+be\s+loaded
        | words | figures? | moments? | begun
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
CODE_IN_MARKDOWN = re.compile(r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)|^\s*\|[-| :]*\|\s*$", re.DOTALL | re.MULTILINE)
CODE_IN_PROSE = re.compile(r"``?[^`\n]*``?")


class Prose(NamedTuple):
    """A piece of text for people, where it begins."""

    path: Path
    line: int
    text: str

    @property
    def words(self) -> int:
        """How many words it has."""
        return len(re.findall(r"[A-Za-z][\w'-]*", self.text))

    @property
    def markers(self) -> list[str]:
        """The words in it that plain English does without."""
        return [found.group().lower() for found in MARKERS.finditer(self.text)]


def prose(folder: str) -> Iterator[Prose]:
    """All text for people below a folder; of the project's root that in its own files."""
    root = ROOT / folder
    files = root.iterdir() if folder == "." else (path for path in root.rglob("*") if ".cache" not in path.parts)
    for path in sorted(path for path in files if path.is_file() and path.name not in NOT_PROSE):
        if reader := READERS.get(path.suffix or path.name):
            yield from (Prose(path, line, text) for line, text in reader(path.read_text(encoding="utf-8")))


def _python(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr):
            literals = [part.value for part in node.values if isinstance(part, ast.Constant)]
            yield from _message(node.lineno, " … ".join(map(str, literals)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _message(node.lineno, node.value)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#")


def _message(line: int, text: str) -> Iterator[tuple[int, str]]:
    if len(text.split()) >= MESSAGE_WORDS:
        yield line, CODE_IN_PROSE.sub(" ", text)


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if found := re.search(r"(?:^|\s)(?:--|#)\s+(.*)", line):
            yield number, found[1]


def _descriptions(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        yield number, CODE_IN_PROSE.sub(" ", line.partition(": ")[2] or line)


def _markdown(text: str) -> Iterator[tuple[int, str]]:
    without_code = CODE_IN_MARKDOWN.sub(lambda code: "\n" * code.group().count("\n"), text)
    yield from enumerate(without_code.splitlines(), start=1)


READERS = {
    ".py": _python,
    ".sql": _comments,
    ".toml": _comments,
    ".yml": _descriptions,
    ".md": _markdown,
    "Makefile": _comments,
}


def main() -> None:
    """Prints, by folder, words and markers, and the most frequent markers."""
    total, marked = 0, Counter[str]()
    for folder in FOLDERS:
        texts = list(prose(folder))
        words, found = sum(text.words for text in texts), [one for text in texts for one in text.markers]
        total, marked = total + words, marked + Counter(found)
        sys.stdout.write(f"{folder:<12} {words:>7,} words {len(found):>5,} markers\n")
    sys.stdout.write(f"{'all':<12} {total:>7,} words {marked.total():>5,} markers")
    sys.stdout.write(f", {1000 * marked.total() / total:.2f} in 1,000\n")
    sys.stdout.write(", ".join(f"{word} {count}" for word, count in marked.most_common(40)) + "\n")


if __name__ == "__main__":
    main()
