"""A path for software that reads paths as SQL, as `%` templates, as patterns or as addresses."""

import atexit
import os
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import Misconfigured

PLAIN = re.compile(r"[\w./ ,=+@-]*")
IMPOSSIBLE = re.compile(r"[?\\]")
"""DuckDB takes what follows them for options, or for an escape, and follows links itself."""


def plain_path(folder: Path) -> Path:
    """The folder itself if its path has letters and digits only, otherwise a symbolic link to it.

    The link lies in a private temporary folder, until the process ends. dlt writes the path into SQL without escaping
    it and takes it for a `%` template; DuckDB takes what follows a `?` for options.
    """
    return folder if PLAIN.fullmatch(str(folder)) else _link(folder.absolute())


class _PathsAsGiven:
    """`os.path`, but for `realpath`: dlt would resolve the link, and work with the path that it cannot use."""

    realpath = staticmethod(os.path.abspath)

    def __getattr__(self, name: str) -> Any:
        return getattr(os.path, name)


class _Os:
    """`os`, for dlt's module that handles files."""

    path = _PathsAsGiven()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


@cache
def _link(folder: Path) -> Path:
    if IMPOSSIBLE.search(str(folder)):
        raise Misconfigured(
            f"The path of the data folder {folder} has a question mark or a backslash, which DuckDB cannot open. "
            "Nothing was written. Set WAREHOUSE__DATA_DIR to a path without them."
        )
    from dlt.common.storages import file_storage  # only such a path needs it

    vars(file_storage)["os"] = _Os()
    parent = Path(tempfile.mkdtemp(prefix="intercom-warehouse-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    if not PLAIN.fullmatch(str(parent)):
        raise Misconfigured(
            f"The path of the data folder {folder} has characters that DuckDB reads as its own, and so has that of the "
            f"temporary folder {parent.parent}. Set TMPDIR, or WAREHOUSE__DATA_DIR, to a path of letters and digits."
        )
    link = parent / "data"
    link.symlink_to(folder, target_is_directory=True)
    return link
