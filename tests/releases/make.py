"""Archives a warehouse of this release: `python -m tests.releases.make`, before its tag is set.

The archive is the whole data folder after four days of the workspace in `life`, with dlt's working folder.
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
NEUTRAL_ROOT = "/srv/intercom-warehouse"
EXCLUDED = {"trace.pickle", "lock"}
"""Files that no run needs; dlt's trace of the last run describes the machine."""


def make() -> None:
    """Creates the archive of this release, or replaces it."""
    archive = HERE / f"{RELEASE}.tar.gz"
    use_project_config()
    os.umask(0o077)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        live_and_sync(folder)
        remove_paths(folder)
        with tarfile.open(archive, "w:gz", compresslevel=9) as packed:
            packed.add(folder, "data", filter=anonymous)
    typer.echo(f"{archive.name}: {archive.stat().st_size:,} bytes")


def live_and_sync(folder: Path) -> Deployment:
    """Simulates the workspace's first four days, with a run each day."""
    deployment = Deployment(folder, workspace_at_first())
    deployment.sync()
    for events in DAYS:
        pass_a_day(deployment.workspace, events)
        deployment.sync()
    return deployment


def remove_paths(folder: Path) -> None:
    """Replaces this machine's paths in dlt's files. The archive is unpacked elsewhere anyway."""
    for path in folder.rglob("*.json"):
        text = path.read_text()
        path.write_text(text.replace(str(folder), f"{NEUTRAL_ROOT}/data").replace(str(ROOT), NEUTRAL_ROOT))


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leaves out the excluded files, and the owner of the others."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return None if Path(member.name).name in EXCLUDED else member


if __name__ == "__main__":
    typer.run(make)
