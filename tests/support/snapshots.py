"""Data folders with which many tests begin: each is made once in a run of the tests, and copied for each test."""

import os
import shutil
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from filelock import FileLock

ROOT = "TESTS_SNAPSHOTS"
"""Names the folder of the snapshots to all processes of a run."""


def copied(name: str, make: Callable[[Path], object], folder: Path) -> Path:
    """Copies to `folder` what `make` writes into a data folder, when a snapshot of that name is first needed.

    `make` has to write the same for every test that uses the name, in every process.
    """
    made = Path(os.environ[ROOT], sha256(name.encode()).hexdigest()[:16])
    with FileLock(f"{made}.lock"):
        if not made.exists():
            making = Path(tempfile.mkdtemp(dir=made.parent))
            make(making / "data")
            making.rename(made)
    return shutil.copytree(made / "data", folder)


def begin() -> None:
    """Makes the folder that this process and those that it starts share."""
    os.environ[ROOT] = tempfile.mkdtemp(prefix="snapshots-")


def end() -> None:
    shutil.rmtree(os.environ.pop(ROOT), ignore_errors=True)
