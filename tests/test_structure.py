"""The structure of the packages: which folder imports which, through which door, and how large they are."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

import pytest

from pipelines.settings import ROOT

TOPS = ("sources", "pipelines", "sandbox")
MOST_MODULES = 9
MOST_CLASS_LINES = 200
MOST_FUNCTION_LINES = 18
"""For nine functions of ten."""
OPEN_MODULES = frozenset(
    ("pipelines.choices", "pipelines.clock", "pipelines.settings", "pipelines.messages", "sandbox.__main__")
)
"""Modules beside folders, open to all of them."""


class Import(NamedTuple):
    """A module of ours that imports another module, or a package, of ours."""

    importer: str
    imported: str


@cache
def modules() -> dict[str, Path]:
    """All modules by name; a package is named as its folder."""
    paths = (path for top in (*TOPS, "benchmarks") for path in sorted((ROOT / top).rglob("*.py")))
    return {".".join(_parts(path)): path for path in paths if ".cache" not in path.parts}


def _parts(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def is_package(name: str) -> bool:
    return modules()[name].name == "__init__.py"


def folder_of(name: str) -> str:
    """The folder that a module lies in. A module that lies beside folders stands for itself."""
    if is_package(name) or name in OPEN_MODULES:
        return name
    return name.rpartition(".")[0]


def imports(name: str) -> Iterator[Import]:
    """The modules of ours that a module imports, within functions too."""
    for node in ast.walk(ast.parse(modules()[name].read_text())):
        if isinstance(node, ast.Import):
            yield from (Import(name, alias.name) for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(name, node)
            submodules = {f"{origin}.{alias.name}" for alias in node.names} & modules().keys() - set(_offered(origin))
            yield from (Import(name, one) for one in submodules)
            if origin in modules() and len(submodules) < len(node.names):
                yield Import(name, origin)


def _origin(name: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = name.split(".") if is_package(name) else name.split(".")[:-1]
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, *(node.module or "").split(".")]).rstrip(".")


def all_imports() -> list[Import]:
    return [one for name in modules() for one in imports(name)]


def arrows() -> dict[str, set[str]]:
    """The folders that each folder imports from. A package's door belongs to its folder, and to none above it."""
    found: dict[str, set[str]] = {}
    for importer, imported in all_imports():
        here, there = folder_of(importer), folder_of(imported)
        if here != there:
            found.setdefault(here, set()).add(there)
    return found


def test_folders_import_one_way() -> None:
    graph = arrows()

    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"these folders import each other: {' -> '.join(error.args[1])}")
    for folder in reversed(order):
        sys.stdout.write(f"{folder} -> {', '.join(sorted(graph.get(folder, ())))}\n")


def test_nothing_imports_past_the_door_of_another_folder() -> None:
    past_doors = {
        f"{importer} imports {imported}"
        for importer, imported in all_imports()
        if folder_of(importer) != folder_of(imported) and not is_package(imported) and imported not in OPEN_MODULES
    }

    assert past_doors == set()


def _offered(package: str) -> Iterator[str]:
    """Names in a package's door, as if each were a module: a door may offer a function named as its own module."""
    if package in modules() and is_package(package):
        for node in ast.walk(ast.parse(modules()[package].read_text())):
            if isinstance(node, ast.ImportFrom):
                yield from (f"{package}.{alias.name}" for alias in node.names)


def test_few_modules_lie_in_a_folder() -> None:
    counts: dict[Path, int] = {}
    for name, path in modules().items():
        if not is_package(name):
            counts[path.parent] = counts.get(path.parent, 0) + 1

    assert {str(folder): count for folder, count in counts.items() if count > MOST_MODULES} == {}


def test_the_roots_hold_folders() -> None:
    assert len(list((ROOT / "pipelines").glob("*.py"))) <= 6
    assert len(list((ROOT / "sources" / "intercom").glob("*.py"))) <= 2


def test_no_class_is_long() -> None:
    sizes = {
        f"{name}.{node.name}": _lines(node)
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }

    assert {name: lines for name, lines in sizes.items() if lines > MOST_CLASS_LINES} == {}


def test_nine_functions_of_ten_are_short() -> None:
    sizes = [
        _lines(node)
        for path in modules().values()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    assert quantiles(sizes, n=10)[-1] <= MOST_FUNCTION_LINES


def _lines(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or 0) - node.lineno + 1
