"""Where the defaults are, and where a user keeps settings and data."""

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import Misconfigured

ROOT = Path(__file__).parents[2]
"""The clone; of an installed project its package. It has the defaults and the documents."""
IS_INSTALLED = __name__.partition(".")[0] == "intercom_warehouse"
HOME_VARIABLE = "INTERCOM_WAREHOUSE_HOME"
CONFIG, SECRETS = Path(".dlt", "config.toml"), Path(".dlt", "secrets.toml")


def home() -> Path:
    """The folder with the user's `.dlt/`, in which a relative data folder starts.

    `INTERCOM_WAREHOUSE_HOME` names it. Without that variable it is the clone, or the current folder if the project is
    installed without a clone.
    """
    if named := os.environ.get(HOME_VARIABLE):
        return expanded(named, HOME_VARIABLE).absolute()
    return Path.cwd() if IS_INSTALLED else ROOT


def expanded(path: str, setting: str) -> Path:
    """A path with the home folder of a user in place of `~`.

    Raises:
        Misconfigured: that user has none.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise Misconfigured(f"{setting} names the home folder of a user who has none: {path}.") from None


def settings_files() -> Iterator[Path]:
    """The files of settings, later ones before earlier ones. They may be missing.

    Raises:
        Misconfigured: the variable names no folder.
    """
    if not home().is_dir():
        raise Misconfigured(
            f"{HOME_VARIABLE} names {home()}, which is not a folder. Correct it, or create the folder: its .dlt/ holds "
            "the settings, and its data/ the warehouse."
        )
    yield from dict.fromkeys((ROOT / CONFIG, home() / CONFIG, home() / SECRETS))


def data_folder(data_dir: str) -> Path:
    """The data folder.

    Raises:
        Misconfigured: an upgrade of the installed project would delete it.
    """
    folder = home() / expanded(data_dir, "data_dir")
    if IS_INSTALLED and folder.absolute().is_relative_to(ROOT.parent):
        raise Misconfigured(
            f"The data folder {folder} is among installed packages, which an upgrade deletes. Set WAREHOUSE__DATA_DIR "
            "to another folder."
        )
    return folder
