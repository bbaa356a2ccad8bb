"""What the operating system reports, as an error of ours: one table from causes to message, exit code and next step."""

import errno
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import Interrupted, Misconfigured, NoResources, WarehouseError, causes, is_interrupt

OWN_TEXTS = frozenset(("builtins", "intercom_warehouse", "pipelines", "sources"))
"""Packages whose errors' texts are not searched for a cause: they may be a contact's. Libraries keep one as text."""


@dataclass(frozen=True)
class Cause:
    """A row of the table.

    `texts`: how libraries name it that keep no error number; `kinds`: names of exception classes. In `problem`,
    `{file}` is the file, `{folder}` its folder, `{free}` the free space of the disk.
    """

    problem: str
    next_step: str
    error: type[WarehouseError]
    errnos: frozenset[int] = frozenset()
    texts: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()

    def names(self, text: str) -> bool:
        return any(known in text for known in (*self.texts, *map(os.strerror, self.errnos)))

    def explained(self, place: Path) -> WarehouseError:
        """The error about this file or folder."""
        folder = place if _is_folder(place) else place.parent
        message = f"{self.problem} {self.next_step}"
        return self.error(message.format(file=place, folder=folder, free=_free(folder)))


MEMORY = Cause(
    "There is not enough memory for this run. Nothing that was loaded before is lost.",
    "Give the process more memory (docs/settings.md says what memory_limit covers), or end other programs, then "
    "run the command again.",
    NoResources,
    frozenset((errno.ENOMEM,)),
    texts=(
        "Out of Memory Error",
        "failed to allocate data",  # DuckDB's, within its error for a checkpoint that failed
        "could not allocate block",
        "failed to pin block",
        "bad allocation",
        "malloc of size",
        "can't start new thread",
    ),
    kinds=frozenset(("MemoryError", "ArrowMemoryError", "OutOfMemoryException")),
)
CAUSES = (
    Cause(
        "No space is left on the disk of {folder} ({free} MB free). Nothing that was loaded before is lost.",
        "Make room, then run the command again: it continues with what is already read.",
        NoResources,
        frozenset((errno.ENOSPC,)),
        texts=("Could not write all bytes to file", "failed to offload data block"),
    ),
    Cause(
        "The disk quota of this user for {folder} is used up. Nothing that was loaded before is lost.",
        "Make room or raise the quota, then run the command again: it continues with what is already read.",
        NoResources,
        frozenset((errno.EDQUOT,)),
    ),
    Cause(
        "{folder} is on a file system that is mounted read-only.",
        "Mount it for writing (a disk with errors is mounted so: see dmesg), or set WAREHOUSE__DATA_DIR to another "
        "folder, then run the command again.",
        Misconfigured,
        frozenset((errno.EROFS,)),
    ),
    Cause(
        "This user may not open {file}, or not write it.",
        "Run the command as the owner of the data folder, or let this user read and write it: sudo chown -R USER "
        "FOLDER.",
        Misconfigured,
        frozenset((errno.EACCES, errno.EPERM)),
    ),
    Cause(
        "The disk of {folder} reports an input/output error.",
        "Check the disk (dmesg, smartctl), then run the command again. If files are damaged, restore the data folder "
        "from a backup.",
        NoResources,
        frozenset((errno.EIO,)),
    ),
    Cause(
        "Too many files are open for this process.",
        "Raise the limit (ulimit -n 1024, or LimitNOFILE in the systemd unit), then run the command again.",
        Misconfigured,
        frozenset((errno.EMFILE,)),
    ),
    Cause(
        "Too many files are open on this computer.",
        "Close other programs or raise fs.file-max, then run the command again.",
        NoResources,
        frozenset((errno.ENFILE,)),
    ),
    Cause(
        "A file in {folder} has reached the largest size that this process, or its file system, may write.",
        "Raise the limit (ulimit -f unlimited, or LimitFSIZE in the systemd unit), then run the command again.",
        Misconfigured,
        frozenset((errno.EFBIG,)),
    ),
    Cause(
        "{file} cannot be there: a part of that path is a file, and not a folder.",
        "Move that file away, or set WAREHOUSE__DATA_DIR to another folder, then run the command again.",
        Misconfigured,
        frozenset((errno.ENOTDIR,)),
    ),
    Cause(
        "{file} is a folder, where a run writes a file.",
        "Move it away, then run the command again.",
        Misconfigured,
        frozenset((errno.EISDIR,)),
    ),
    Cause(
        "The path {file} is too long for its file system.",
        "Set WAREHOUSE__DATA_DIR to a shorter path, then run the command again.",
        Misconfigured,
        frozenset((errno.ENAMETOOLONG,)),
    ),
    Cause(
        "{file} is a symbolic link, or one of too many. Such a link is not followed when a file is written.",
        "Remove the link, or move the file that it names into its place, then run the command again.",
        Misconfigured,
        frozenset((errno.ELOOP,)),
    ),
    MEMORY,
)
GONE = Cause(
    "The data folder {file} was deleted or moved while a command used it.",
    "Restore it, then run the command again. Without it, the next sync begins a new history.",
    Misconfigured,
)
OTHER = Cause(
    "The operating system reports an error that this command cannot resolve.",
    "Check the disk and the data folder, then run the command again; --debug before its name shows the details.",
    NoResources,
)


def explained(error: BaseException, folder: Path | None = None) -> WarehouseError | None:
    """The error that says what to do about what the operating system reports; null for a fault of this program.

    Args:
        error: with all its causes.
        folder: the data folder, for errors that name no file.
    """
    for cause in causes(error):
        if is_interrupt(cause):
            return Interrupted()
        if row := cause_of(cause):
            return row.explained(_place(cause, folder))
    if folder and _is_missing(folder) and any(map(_is_of_files, causes(error))):
        return GONE.explained(folder)
    return _other(error) if isinstance(error, OSError) and not isinstance(error, BrokenPipeError) else None


def cause_of(error: BaseException) -> Cause | None:
    """The row for one error, without its causes."""
    for row in CAUSES:
        if type(error).__name__ in row.kinds:
            return row
        if isinstance(error, OSError) and error.errno in row.errnos:
            return row
    return cause_of_text(str(error)) if _is_of_library(error) else None


def is_of_memory(error: BaseException) -> bool:
    """Whether an error, or one of its causes, says that there is not enough memory."""
    return any(cause_of(cause) is MEMORY for cause in causes(error))


def cause_of_text(text: str) -> Cause | None:
    """The row that a library's message or a kept traceback names."""
    return next((row for row in CAUSES if row.names(text)), None)


def _is_of_library(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] not in OWN_TEXTS


def _is_of_files(error: BaseException) -> bool:
    return isinstance(error, OSError) or _is_of_library(error)


def _is_folder(place: Path) -> bool:
    with suppress(OSError):  # it is in a folder that this user may not enter
        return place.is_dir()
    return False


def _is_missing(folder: Path) -> bool:
    with suppress(OSError):
        return not folder.exists()
    return False


def _place(error: BaseException, folder: Path | None) -> Path:
    name = error.filename if isinstance(error, OSError) else None
    return Path(os.fsdecode(name)) if isinstance(name, str | bytes) else folder or Path.cwd()


def _other(error: OSError) -> WarehouseError:
    where = f" ({error.filename})" if isinstance(error.filename, str) else ""
    reason = error.strerror or type(error).__name__
    return OTHER.error(f"The operating system reports: {reason}{where}. {OTHER.next_step}")


def _free(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free / 1e6:,.0f}"
    except OSError:
        return "0"
