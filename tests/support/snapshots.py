"""Data folders with which many tests begin: each is made once in a process of the tests, and copied for each test."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

_made: dict[str, Path] = {}


def copied(name: str, make: Callable[[Path], object], folder: Path) -> Path:
    """Copies to `folder` what `make` writes into a data folder, when a snapshot of that name is first needed.

    `make` has to write the same for every test that uses the name.
    """
    if name not in _made:
        original = _root() / str(len(_made)) / "data"
        original.parent.mkdir()
        make(original)
        _made[name] = original
    return shutil.copytree(_made[name], folder)


@cache
def _root() -> Path:
    root = tempfile.mkdtemp(prefix="snapshots-")
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return Path(root)
