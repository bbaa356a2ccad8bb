"""Every relative link in the documents leads to a file, and every anchor to a heading."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from pipelines.settings import ROOT

FOLDERS = ("docs", "benchmarks", "sandbox", "sql", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))])
CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Paths and anchors of the relative links of a page."""
    for target in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            yield path, anchor


@cache
def anchors(page: Path) -> frozenset[str]:
    """As GitHub makes them of headings: a heading that comes again gets a number."""
    found = dict[str, int]()
    names = list[str]()
    for heading in HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        name = re.sub(r"[^\w\- ]", "", LINK.sub("", heading).strip().lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
        names.append(f"{name}-{found[name]}" if found[name] else name)
    return frozenset(names)


def problems(page: Path) -> list[str]:
    found = []
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            found.append(f"{path}: no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            found.append(f"{path}#{anchor}: no such heading")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert problems(page) == []


def test_a_broken_link_and_a_broken_anchor_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One thing\n\n[a](missing.md) [b](#one-thing) [c](#other) `[d](code.md)`\n")

    assert problems(page) == ["missing.md: no such file", "#other: no such heading"]
