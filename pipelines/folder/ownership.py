"""Whose the files of a data folder are: a run that mixes owners would leave files that the next run cannot write."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from ..errors import Misconfigured

ROOT = 0


def refuse_foreign(folder: Path, files: Iterable[Path], kept_by_runs: Collection[Path]) -> None:
    """To be called before a run writes. Links of other users are refused with their files.

    Args:
        kept_by_runs: files by whose owner root is refused: it may write all of them, but that owner not its files.

    Raises:
        Misconfigured: a file belongs to another user, and cannot be written.
    """
    user = os.geteuid()
    for file in files:
        owner = _owner(file)
        if owner is None or owner == user:
            continue
        if user == ROOT and file in kept_by_runs:
            raise Misconfigured(
                f"{file} belongs to {name_of(owner)}, who could not use what this run, as root, would write beside it. "
                f"{_advice(folder, owner, user)}"
            )
        if user != ROOT and not os.access(file, os.W_OK):
            raise Misconfigured(
                f"{file} belongs to {name_of(owner)}, and {name_of(user)}, who runs this command, may not write it. "
                f"{_advice(folder, owner, user)}"
            )


def refuse_links(*files: Path) -> None:
    """Raises Misconfigured where a file that is written by its path is a symbolic link."""
    for file in files:
        if file.is_symlink():
            raise Misconfigured(
                f"{file} is a symbolic link, and a run does not write through one. Move the file that it names into "
                "its place, or remove the link, then run the command again."
            )


def refuse_no_folder(path: Path) -> None:
    """Raises Misconfigured where a data folder's path is something else. It may be missing."""
    try:
        if path.is_dir() or not os.path.lexists(path):
            return
    except PermissionError:  # in a folder that this user may not enter
        return
    if path.is_symlink():
        raise Misconfigured(
            f"The data folder {path} is a link to {path.readlink()}, which is no folder that can be reached. Create "
            "that folder (or mount its disk), or set WAREHOUSE__DATA_DIR to another one."
        )
    raise Misconfigured(f"The data folder {path} is a file. Move it away, or set WAREHOUSE__DATA_DIR to a folder.")


def refuse_unreadable(folder: Path, *files: Path) -> None:
    """Raises Misconfigured where this user may not read the folder, or one of its files. They may be missing."""
    for path in (folder, *files):
        try:
            owner = path.lstat().st_uid
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:  # in a folder that this user may not enter
            owner = None
        if owner is None or not os.access(path, os.R_OK | (os.X_OK if path == folder else 0)):
            raise _unreadable(path, owner)


def _unreadable(path: Path, owner: int | None) -> Misconfigured:
    belongs = "" if owner is None else f"It belongs to {name_of(owner)}. "
    account = "USER" if owner is None else _sudo_name(owner)
    return Misconfigured(
        f"{path} cannot be read by {name_of(os.geteuid())}. {belongs}Run the command as the user who syncs: sudo -u "
        f"{account} intercom-warehouse ..."
    )


def _owner(file: Path) -> int | None:
    """The user id; null if the file is missing. A run in another process may have just deleted it."""
    try:
        return file.lstat().st_uid
    except FileNotFoundError:
        return None


def name_of(user: int) -> str:
    """The user's name, or the id of one without a name."""
    try:
        import pwd  # other systems than POSIX do not have it

        return pwd.getpwuid(user).pw_name
    except (ImportError, KeyError):
        return f"user {user}"


def _advice(folder: Path, owner: int, user: int) -> str:
    return (
        f"Run the command as its owner (sudo -u {_sudo_name(owner)} intercom-warehouse ...), or, if this user is to "
        f"sync from now on, hand the folder over first: sudo chown -R {user} {folder}"
    )


def _sudo_name(user: int) -> str:
    name = name_of(user)
    return f"'#{user}'" if name.startswith("user ") else name
