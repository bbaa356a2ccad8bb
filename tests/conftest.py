"""A warehouse in a temporary folder, fed by a sandbox in this process: real dlt, real DuckDB, real HTTP objects."""

import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.settings import use_project_config
from sandbox.world import Workspace

from .support.deployments import START, Deployment, Settled, lively_workspace, settled_workspace, standing_still
from .support.terminal import Terminal, a_terminal

collect_ignore = ["airflow"]  # needs an environment of its own: make test-airflow


def pytest_unconfigure() -> None:
    """Takes Hypothesis's hook out of the collector; with all that hangs on it DuckDB would tell of leaks at the end."""
    gc.callbacks.clear()


@pytest.fixture(autouse=True, scope="session")
def _project_config() -> None:
    use_project_config()


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Of a lively workspace, never synced."""
    return Deployment(tmp_path / "data", lively_workspace())


@pytest.fixture(scope="session")
def _synced_folder(tmp_path_factory: pytest.TempPathFactory, _project_config: None) -> Path:
    deployment = Deployment(tmp_path_factory.mktemp("synced") / "data", lively_workspace())
    deployment.sync()
    return deployment.folder


@pytest.fixture
def synced(tmp_path: Path, _synced_folder: Path) -> Deployment:
    """The same house after its first run: copied, since a run for each test would take a second."""
    deployment = Deployment(shutil.copytree(_synced_folder, tmp_path / "data"), lively_workspace())
    deployment.workspace.advance(seconds=1)
    return deployment


@pytest.fixture
def make_deployment(tmp_path: Path) -> Callable[..., Deployment]:
    """Makes houses; all share one data folder."""

    def make(name: str = "intercom", **options: Any) -> Deployment:
        defaults: dict[str, Any] = {"contacts": 300, "segments": 10, "start": START, "monotonic": standing_still}
        return Deployment(tmp_path / "data", Workspace(**(defaults | options)), name)

    return make


@pytest.fixture(scope="session")
def _settled_folder(tmp_path_factory: pytest.TempPathFactory, _project_config: None) -> Path:
    deployment = Settled(tmp_path_factory.mktemp("settled") / "data", settled_workspace())
    deployment.sync()
    return deployment.folder


@pytest.fixture
def settled(tmp_path: Path, _settled_folder: Path) -> Settled:
    """The same warehouse for every test, copied: a run for each would take a second."""
    deployment = Settled(shutil.copytree(_settled_folder, tmp_path / "settled"), settled_workspace())
    deployment.settle_down()
    return deployment


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with a_terminal(tmp_path / "data") as terminal:
        yield terminal
