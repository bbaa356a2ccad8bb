"""Claims about docs/code-map.md: what it names exists, and it names every folder."""

import re

from pipelines.settings import ROOT

TEXT = (ROOT / "docs" / "code-map.md").read_text()
TREE = TEXT.partition("```\n")[2].partition("```")[0]
PATHS = set(re.findall(r"`([\w.]+/[\w./-]*)`", TEXT.replace(TREE, "")))


def folders() -> set[str]:
    """The folders of the tree."""
    top, found = "", set[str]()
    for line in TREE.splitlines():
        name = line.split()[0]
        top = top if line.startswith(" ") else name
        found.add(name if name == top else f"{top}{name}")
    return found


def test_every_path_exists() -> None:
    assert len(PATHS) > 30
    assert {path for path in PATHS | folders() if not (ROOT / path).exists()} == set()


def test_every_package_is_in_the_tree() -> None:
    tops = ("pipelines", "sources/intercom", "sandbox")
    packages = {path.parent for top in tops for path in (ROOT / top).glob("*/__init__.py")}

    assert {f"{package.relative_to(ROOT)}/" for package in packages} <= folders()


def test_every_named_object_is_in_its_file() -> None:
    named = re.findall(r"`(\w+)` in `([\w/.]+\.py)`", TEXT)

    assert len(named) >= 2
    assert [name for name, path in named if not re.search(rf"\b{name}\b", (ROOT / path).read_text())] == []
