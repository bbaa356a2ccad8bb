"""Promises about the project itself: its lock, its defaults, its documents, the size of its functions."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.models.files import load_models
from pipelines.settings import ROOT

from .support.deployments import Deployment

SOURCES = sorted(path for room in ("pipelines", "sandbox", "sources") for path in (ROOT / room).rglob("*.py"))
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-airflow.lock"])
def test_a_lock_holds_hashes_and_no_address(name: str) -> None:
    lock = (ROOT / name).read_text()

    assert "--hash=sha256:" in lock
    assert "://" not in lock
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|--find-links|-f)\b", lock, re.MULTILINE)


def test_every_default_has_its_reason_above_it() -> None:
    lines = (ROOT / ".dlt" / "config.toml").read_text().splitlines()

    unexplained = [line for before, line in pairwise(lines) if "=" in line and before[:1] != "#"]
    assert [line for line in unexplained if not line.startswith("#")] == []


@pytest.mark.xdist_group("proof")
def test_a_group_of_tests_is_run_by_one_process(request: pytest.FixtureRequest) -> None:
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("told only with --dist loadgroup, as make test has it")

    assert request.node.nodeid.endswith("@proof"), "this release of pytest-xdist does not work with that of pytest"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_has_more_than_sixty_lines(path: Path) -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    sizes = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, functions)
    }

    assert {name: size for name, size in sizes.items() if size > 60} == {}


@pytest.mark.parametrize("room", ["sources", "sandbox"])
def test_nothing_below_imports_pipelines(room: str) -> None:
    imports = [line for path in (ROOT / room).rglob("*.py") for line in path.read_text().splitlines()]

    assert [line for line in imports if re.match(r"\s*(from|import) pipelines", line)] == []


def test_the_readme_names_every_mart() -> None:
    marts = {model.name for model in load_models() if model.path.parent.name == "marts"}

    assert {mart for mart in marts if f"`{mart}`" not in README} == set()


def test_the_readme_names_only_targets_that_make_has() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"\bmake ([a-z-]+)", README)) <= targets


def test_dlt_and_the_locked_sqlglot_understand_each_other(synced: Deployment) -> None:
    rows = synced.warehouse.pipeline("intercom").dataset()("select count(*) as contacts from contacts").fetchall()

    assert rows == [(300,)]
