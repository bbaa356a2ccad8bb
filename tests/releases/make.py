"""Keeps a warehouse of the release at hand: `python -m tests.releases.make`, before its tag is set.

It is the whole data folder after four days of the workspace in `life`, dlt's working folder included.
"""

import os
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from pipelines.destinations.format import RELEASE
from pipelines.settings import ROOT, use_project_config

from ..support.deployments import Deployment
from .life import DAYS, pass_a_day, workspace_at_first

HERE = Path(__file__).parent
ELSEWHERE = "/srv/intercom-warehouse"
UNWANTED = {"trace.pickle", "lock"}
"""What no run needs; dlt's trace of the last one tells of the machine."""


def make() -> None:
    """Makes the archive of this release, in place of an older one of it."""
    archive = HERE / f"{RELEASE}.tar.gz"
    use_project_config()
    os.umask(0o077)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        live_and_sync(folder)
        forget_the_place(folder)
        with tarfile.open(archive, "w:gz", compresslevel=9) as packed:
            packed.add(folder, "data", filter=anonymous)
    typer.echo(f"{archive.name}: {archive.stat().st_size:,} bytes")


def live_and_sync(folder: Path) -> Deployment:
    """The workspace's first four days, each with a run."""
    deployment = Deployment(folder, workspace_at_first())
    deployment.sync()
    for events in DAYS:
        pass_a_day(deployment.workspace, events)
        deployment.sync()
    return deployment


def forget_the_place(folder: Path) -> None:
    """Takes from dlt's notes where all of this was; whoever unpacks it has it elsewhere anyhow."""
    for path in folder.rglob("*.json"):
        text = path.read_text()
        path.write_text(text.replace(str(folder), f"{ELSEWHERE}/data").replace(str(ROOT), ELSEWHERE))


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Without what the next run does not need, and without who made it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return None if Path(member.name).name in UNWANTED else member


if __name__ == "__main__":
    typer.run(make)
