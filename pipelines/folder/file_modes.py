"""File modes: only the owner can read the warehouse's files, with any umask."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

OTHERS = 0o077


@contextmanager
def owner_only() -> Iterator[None]:
    """Files and folders that this process creates in the block are for its owner only."""
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def narrow(paths: Iterable[Path]) -> None:
    """Takes access from group and others. Files of another user are skipped: only their owner can change them."""
    for path in paths:
        found = path.lstat()
        if found.st_mode & OTHERS and found.st_uid == os.geteuid() and not path.is_symlink():
            path.chmod(found.st_mode & 0o7700)
