"""Rules of the project itself: its locks, its defaults, its documents, the size of its functions."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import hypothesis
import pytest

from pipelines.models.definitions import load_models
from pipelines.settings import ROOT

from .support.deployments import Deployment

SOURCES = sorted(path for folder in ("pipelines", "sandbox", "sources") for path in (ROOT / folder).rglob("*.py"))
README = (ROOT / "README.md").read_text()
LOCKS = sorted(path.name for path in (ROOT / "locks").iterdir())


def test_make_installs_every_lock_and_renews_it() -> None:
    makefile = (ROOT / "Makefile").read_text()

    for option in ("--require-hashes -r", "-o"):
        assert sorted(re.findall(rf" {option} locks/(\S+\.lock)", makefile)) == LOCKS


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_hashes_and_no_url(name: str) -> None:
    lock = (ROOT / "locks" / name).read_text()

    assert "--hash=sha256:" in lock
    assert "://" not in lock
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|--find-links|-f)\b", lock, re.MULTILINE)


def test_every_default_has_a_comment_above_it() -> None:
    lines = (ROOT / ".dlt" / "config.toml").read_text().splitlines()

    unexplained = [line for before, line in pairwise(lines) if "=" in line and before[:1] != "#"]
    assert [line for line in unexplained if not line.startswith("#")] == []


def test_only_exploring_tries_examples_that_differ_from_run_to_run() -> None:
    random = [name for name in ("daily", "nightly", "explore") if not hypothesis.settings.get_profile(name).derandomize]

    assert random == ["explore"]


@pytest.mark.xdist_group("proof")
def test_one_process_runs_a_group_of_tests(request: pytest.FixtureRequest) -> None:
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("needs --dist loadgroup, which make test has")

    assert request.node.nodeid.endswith("@proof"), "pytest-xdist does not group tests with this release of pytest"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_has_more_than_sixty_lines(path: Path) -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    sizes = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, functions)
    }

    assert {name: size for name, size in sizes.items() if size > 60} == {}


@pytest.mark.parametrize("folder", ["sources", "sandbox"])
def test_sources_and_sandbox_do_not_import_pipelines(folder: str) -> None:
    imports = [line for path in (ROOT / folder).rglob("*.py") for line in path.read_text().splitlines()]

    assert [line for line in imports if re.match(r"\s*(from|import) pipelines", line)] == []


def test_the_readme_names_every_mart() -> None:
    marts = {model.name for model in load_models() if model.layer == "marts"}

    assert {mart for mart in marts if f"`{mart}`" not in README} == set()


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"\bmake ([a-z-]+)", README)) <= targets


def test_dlt_works_with_the_locked_sqlglot(synced: Deployment) -> None:
    rows = synced.warehouse.pipeline("intercom").dataset()("select count(*) as contacts from contacts").fetchall()

    assert rows == [(300,)]
