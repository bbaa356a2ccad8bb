"""A warehouse in a temporary folder, fed by a sandbox in this process: real dlt, real DuckDB, real HTTP objects."""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dlt
import hypothesis
import pytest

from pipelines.settings import ROOT, use_project_config
from pipelines.settings.configuration import variable

from .support import snapshots
from .support.deployments import Deployment, Settled, after_first_run, lively_workspace, settled_workspace
from .support.postgres import Server, started
from .support.snapshots import copied
from .support.terminal import Terminal, a_terminal

NEEDED = {"dialects": "datafusion", "spark": "pyspark"}
collect_ignore = ["airflow", *(folder for folder, package in NEEDED.items() if not find_spec(package))]
"""Tests that need an environment of their own: make test-airflow, make test-dialects, make test-spark."""

LIMITS = ("destination.duckdb.credentials.global_config", "destination.ducklake.credentials.global_config")
"""DuckDB gets one thread more here: the tests have a process for each core."""

PROFILES = {"daily": 50, "nightly": 150, "explore": 500}
"""Examples of each property test. They are the same in each run, so that none fails by chance; `explore` has others."""

for profile, examples in PROFILES.items():
    hypothesis.settings.register_profile(
        profile, max_examples=examples, deadline=None, derandomize=profile != "explore", print_blob=True
    )
hypothesis.settings.load_profile("daily")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first; of each of the two parts the order stays."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """Collections of garbage skip what is there before the first test: it would take a twentieth of the time."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        snapshots.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes Hypothesis's hook from the collector: DuckDB reports what it references as leaks at exit."""
    gc.callbacks.clear()
    gc.unfreeze()
    if not hasattr(config, "workerinput"):
        snapshots.end()


@pytest.fixture(autouse=True, scope="session")
def _project_config() -> None:
    use_project_config()
    for place in LIMITS:
        limits = dlt.config.get(place, dict)
        os.environ[variable(tuple(place.split(".")))] = json.dumps({**limits, "threads": 1})
    os.environ["SOURCES__INTERCOM__RESOURCES"] = "[]"  # tests that need lists name them


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Of a lively workspace, never synced."""
    return Deployment(tmp_path / "data", lively_workspace())


@pytest.fixture
def make_deployment(tmp_path: Path) -> Callable[..., Deployment]:
    """Makes deployments that share one data folder."""

    def make(name: str = "intercom", **options: Any) -> Deployment:
        return Deployment(tmp_path / "data", lively_workspace(**options), name)

    return make


@pytest.fixture
def make_synced(tmp_path: Path) -> Callable[..., Deployment]:
    """Makes a deployment after its first run; the options are those of its workspace."""

    def make(**options: Any) -> Deployment:
        def deployed(folder: Path) -> Deployment:
            return Deployment(folder, lively_workspace(**options))

        return after_first_run(f"synced {options}", deployed, tmp_path / "data")

    return make


@pytest.fixture
def synced(make_synced: Callable[..., Deployment]) -> Deployment:
    """The lively workspace after its first run."""
    return make_synced()


@pytest.fixture
def settled(tmp_path: Path) -> Settled:
    """The same warehouse for every test, copied: a run for each would take a second."""
    folder = copied("settled", lambda folder: Settled(folder, settled_workspace()).sync(), tmp_path / "settled")
    deployment = Settled(folder, settled_workspace())
    deployment.settle_down()
    return deployment


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with a_terminal(tmp_path / "data") as terminal:
        yield terminal


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a demo, for tests of the group `demo`: it takes half a minute of a processor's time."""
    home = tmp_path_factory.mktemp("demo")
    variables = {"WAREHOUSE__DATA_DIR": str(home / "data"), "HOME": str(home), "PATH": ""}
    subprocess.run(
        [sys.executable, "-m", "pipelines", "demo"], cwd=ROOT, env=variables, check=True, capture_output=True
    )
    return home / "data"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with started() as server:
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The address of an empty one."""
    address = server.database()
    yield address
    server.drop(address)
