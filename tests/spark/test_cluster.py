"""Marts that a Spark cluster builds equal the warehouse's, also when workers die.

The tests share a cluster and a folder of marts, and run in order: each leaves what the next one begins with.
"""

import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.commands import RawExport
from pipelines.errors import ExitCode
from pipelines.lake import RunFolders
from pipelines.models import load_checks, load_models

from ..support.deployments import Deployment, lively_workspace
from ..support.engines import unequal_marts
from .cluster import Cluster, started, until

COMMAND = Path(sys.executable).with_name("intercom-warehouse")


@dataclass
class Site:
    """A synced warehouse, its exported raw tables, a cluster, and the folder of its marts."""

    deployment: Deployment
    cluster: Cluster
    folder: Path

    @property
    def runs(self) -> RunFolders:
        return RunFolders(self.folder / "marts", kept=2)

    @contextmanager
    def building(self, address: str | None = None) -> Iterator[subprocess.Popen[str]]:
        places = ("--raw", str(self.folder / "raw"), "--marts", str(self.folder / "marts"))
        with subprocess.Popen(
            [COMMAND, "--quiet", "models", "--engine", address or self.cluster.address, *places],
            env=self.cluster.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as build:
            try:
                yield build
            finally:
                build.kill()

    @property
    def shown(self) -> Path | None:
        """The run that readers see."""
        return self.runs.current if (self.runs.folder / "current.json").exists() else None

    def marts_of_new_run(self, seen: Collection[Path]) -> list[Path]:
        """The marts that a build, not one of those `seen`, has written."""
        return [mart.parent for run in self.folders() - set(seen) for mart in run.glob("*/_SUCCESS")]

    def folders(self) -> set[Path]:
        return set(self.runs.folder.glob("run=*"))

    def unequal(self) -> dict[str, str]:
        return unequal_marts(self.deployment.warehouse.published, self.runs.folder)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    workspace = lively_workspace(contacts=150, segments=6)
    deployment = Deployment(folder / "data", workspace, resources=("tags", "companies"))
    for _ in range(4):
        workspace.live(days=1, churn=0.2)
        deployment.sync()
    RawExport(deployment.warehouse, folder / "raw", kept=2).run()
    with started(tmp_path_factory.mktemp("cluster")) as cluster:
        yield Site(deployment, cluster, folder)


def test_two_workers_build_marts_that_are_equal(site: Site) -> None:
    with site.building() as build:
        output, errors = build.communicate()

    assert (build.returncode, errors) == (ExitCode.DONE, "")
    assert site.unequal() == {}
    assert site.cluster.executors() == {"work-1", "work-2"}
    built = len(list(site.runs.current.iterdir())) + sum(model.layer != "marts" for model in load_models())
    assert output.startswith(f"{built} models built")
    sys.stdout.write(f"\nSpark: {built} models, {len(load_checks())} checks, all marts equal\n")


def test_a_worker_that_dies_midway_changes_no_row(site: Site) -> None:
    shown, seen = site.shown, site.folders()

    with site.building() as build:
        until(lambda: build.poll() is not None or site.marts_of_new_run(seen), "the build writes marts")
        assert build.poll() is None
        site.cluster.kill("1")
        assert site.shown == shown
        _, errors = build.communicate()

    assert (build.returncode, errors) == (ExitCode.DONE, "")
    assert site.shown != shown
    assert site.unequal() == {}


def test_without_workers_the_old_marts_stay_readable(site: Site) -> None:
    shown, seen = site.shown, site.folders()

    with site.building() as build:
        until(lambda: build.poll() is not None or site.folders() - seen, "the build starts")
        site.cluster.kill("2")
        _, errors = build.communicate()

    assert build.returncode == ExitCode.UNAVAILABLE, errors
    assert "No worker of spark://" in errors
    assert "The marts stayed as they were" in " ".join(errors.split())
    assert (site.shown, site.folders()) == (shown, seen)
    assert site.unequal() == {}


def test_a_cluster_that_does_not_answer_is_named(site: Site) -> None:
    seen = site.folders()

    with site.building("spark://127.0.0.1:9") as build:
        _, errors = build.communicate()

    assert build.returncode == ExitCode.UNAVAILABLE, errors
    assert "Spark at spark://127.0.0.1:9 does not answer." in " ".join(errors.split())
    assert site.folders() == seen
