"""What tests of killed runs compare with."""

import shutil
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from ..soak.kills import Death, NeverKilled, Site, never_killed, sync_and_die
from ..support.deployments import Deployment

AGE = 2
"""Days that the workspace of a killed run has lived."""


@pytest.fixture(scope="session")
def never_killed_at(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], NeverKilled]:
    """A warehouse before and after the sync of a day of its workspace's life."""
    return cache(lambda age: never_killed(tmp_path_factory.mktemp("never-killed"), age))


@pytest.fixture
def reference(never_killed_at: Callable[[int], NeverKilled]) -> NeverKilled:
    return never_killed_at(AGE)


@pytest.fixture
def killed(reference: NeverKilled, tmp_path: Path) -> Callable[[Death], Deployment]:
    """Kills the third sync of a warehouse at some point."""

    def kill(death: Death) -> Deployment:
        site = Site(tmp_path / "data", AGE)
        shutil.copytree(reference.before, site.folder)
        assert sync_and_die(site, death) == -signal.SIGKILL
        deployment = site.deployment()
        deployment.workspace.advance(seconds=1)
        return deployment

    return kill
