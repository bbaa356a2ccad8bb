"""Builds the wheel: all that the clone keeps at its top, below the one package `intercom_warehouse`.

The names `pipelines`, `sources` and `sandbox` are those of many projects, so an installed package must not take them.
Imports are rewritten in the copies, and type checkers read what runs.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "intercom_warehouse"
IMPORTABLE = ("pipelines", "sandbox", "sources")
DATA = ("docs", "sql", "README.md", "CHANGELOG.md", ".dlt/config.toml", ".dlt/secrets.toml.example")
IMPORTS = re.compile(rf"^(\s*from )(?=(?:{'|'.join(IMPORTABLE)})\b)", re.MULTILINE)
BY_OTHER_MEANS = re.compile(rf"^\s*import (?:{'|'.join(IMPORTABLE)})\b", re.MULTILINE)


class OnePackage(BuildHookInterface[Any]):
    """Gives the wheel a copy of the project, which exists during the build only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            self._copy = TemporaryDirectory()
            write_package(Path(self.root), Path(self._copy.name))
            build_data["force_include"][self._copy.name] = PACKAGE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self._copy.cleanup()


def write_package(root: Path, package: Path) -> None:
    """Writes all files of the package into a folder.

    Raises:
        ValueError: a module imports another one in a form that is not rewritten.
    """
    for file, place in files(root):
        target = package / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(below_the_package(file).encode() if file.suffix == ".py" else file.read_bytes())


def files(root: Path) -> Iterator[tuple[Path, Path]]:
    """Each file of the project, with its place in the package."""
    for above in (root / "wheel" / PACKAGE, *(root / name for name in (*IMPORTABLE, *DATA))):
        within = above if above.name == PACKAGE else root
        for file in [above] if above.is_file() else sorted(above.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file, file.relative_to(within)


def below_the_package(module: Path) -> str:
    """The module's text, with its imports from below the package."""
    text = module.read_text(encoding="utf-8")
    if BY_OTHER_MEANS.search(text):
        raise ValueError(f"{module}: write `from package import name`, which the build of the wheel can rewrite.")
    return IMPORTS.sub(rf"\1{PACKAGE}.", text)
