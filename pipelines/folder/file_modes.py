"""Files that only their owner can read: the warehouse's all are, whoever calls and whatever umask they came with."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

OTHERS = 0o077


@contextmanager
def owner_only() -> Iterator[None]:
    """Whatever this process makes while the block runs is for its owner only."""
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def narrow(paths: Iterable[Path]) -> None:
    """Takes files and folders from everybody else, where they are this user's own: others' are theirs to narrow."""
    for path in paths:
        found = path.lstat()
        if found.st_mode & OTHERS and found.st_uid == os.geteuid() and not path.is_symlink():
            path.chmod(found.st_mode & 0o7700)
