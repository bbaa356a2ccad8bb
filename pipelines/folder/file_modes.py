"""Files of the data folder: only their owner can read them, with any umask, and no link is followed to write them."""

import errno
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


def without_links(path: str, flags: int) -> int:
    """The opener for each file that is written in the data folder. Others may be able to put a link there.

    Raises:
        OSError: the file is a symbolic link (ELOOP).
    """
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)


def write_own(path: Path, content: bytes) -> None:
    """Writes a file, not through a link."""
    with open(path, "wb", opener=without_links) as file:
        file.write(content)


@contextmanager
def in_one_step(file: Path) -> Iterator[Path]:
    """A new file beside, for its owner only, that replaces `file` when the block ends without an error.

    Raises:
        OSError: `file` is a folder, or cannot be written.
    """
    if file.is_dir():  # also ".", which has no name to put another beside
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    write_own(beside, b"")
    try:
        yield beside
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def narrow(paths: Iterable[Path]) -> None:
    """Takes access from group and others. Files of another user are skipped: only their owner can change them."""
    for path in paths:
        found = path.lstat()
        if found.st_mode & OTHERS and found.st_uid == os.geteuid() and not path.is_symlink():
            path.chmod(found.st_mode & 0o7700)
