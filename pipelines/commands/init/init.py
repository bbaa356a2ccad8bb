"""Writes the settings of a new folder: all of them as comments, and a place for the token."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import Misconfigured
from ...settings import CONFIG, ROOT, SECRETS

SETTING = re.compile(r"^(?=\w+ = )", re.MULTILINE)
HOW_TO_CHANGE = (
    "# To change a setting, remove the # directly before it. What stays a comment keeps the release's default.\n"
)
IGNORED = ("data/", SECRETS.as_posix())


@dataclass(frozen=True)
class Initialized:
    """The files that were written, those that were there, and what of them git would not ignore."""

    folder: Path
    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    not_ignored: tuple[str, ...]


def initialize(folder: Path) -> Initialized:
    """Writes each file that is missing; none is changed.

    Raises:
        Misconfigured: the folder cannot be written.
    """
    try:
        (folder / CONFIG).parent.mkdir(parents=True, exist_ok=True)
        written = tuple(name for name, text in _texts() if _is_new(folder / name, text))
        ignored = (folder / ".gitignore").read_text(encoding="utf-8", errors="replace").split()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Misconfigured(f"{error.filename or folder} cannot be written: {reason}. Choose another folder.") from None
    kept = tuple(name for name, _ in _texts() if name not in written)
    return Initialized(folder, written, kept, tuple(name for name in IGNORED if name not in ignored))


def _texts() -> Iterator[tuple[Path, str]]:
    yield CONFIG, HOW_TO_CHANGE + SETTING.sub("#", (ROOT / CONFIG).read_text(encoding="utf-8"))
    example = (ROOT / SECRETS).with_suffix(".toml.example").read_text(encoding="utf-8")
    yield SECRETS, example.partition("\n\n")[2]  # the first paragraph says to copy it
    yield Path(".gitignore"), "".join(f"{name}\n" for name in IGNORED)


def _is_new(file: Path, text: str) -> bool:
    """Whether the file was missing. It is then written, for its owner only."""
    try:
        with file.open("x", encoding="utf-8") as written:
            file.chmod(0o600)
            written.write(text)
    except FileExistsError:
        return False
    return True
