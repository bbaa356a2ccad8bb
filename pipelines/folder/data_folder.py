"""What every data folder holds, whichever database its runs load into."""

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Misconfigured
from .file_modes import narrow, owner_only
from .lock import Lock, LockRequest


class DataFolder:
    """The run journal, the lock, dlt's working folder, and two marks. A mark is a file that is there or not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = path / "runs.jsonl"
        self.working_folder = path / "pipelines"
        self._demo_mark = path / "DEMO"
        self._rewrite_mark = path / "REWRITE"

    def prepare(self) -> None:
        """Creates the folder if it is missing.

        Raises:
            Misconfigured: it cannot be written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            writable = os.access(self.path, os.W_OK | os.X_OK)
        except OSError:
            writable = False
        if not writable:
            raise Misconfigured(
                f"The data folder {self.path} cannot be written. Make it writable for this user, or set "
                "WAREHOUSE__DATA_DIR to a folder that is."
            )

    @contextmanager
    def held(self, request: LockRequest, database_files: Collection[Path]) -> Iterator[None]:
        """Holds the lock. All that is written in the block is for its owner only, and so are these files.

        Raises:
            Misconfigured: the folder cannot be written.
            Busy: another process holds the lock, for longer than the request waits.
        """
        self.prepare()
        with owner_only(), Lock(self.path).held(request):
            narrow(self._files(database_files))
            yield

    @property
    def is_demo(self) -> bool:
        """Whether the data is made up. It must not be mixed with a real workspace's."""
        return self._demo_mark.exists()

    def mark_as_demo(self) -> None:
        self._demo_mark.write_text(
            "Made by `intercom-warehouse demo`: delete this folder before the first real sync.\n"
        )

    @property
    def is_rewrite_due(self) -> bool:
        """Whether a `forget` has changed rows, and was killed before it rewrote the database's files."""
        return self._rewrite_mark.exists()

    def note_rewrite_due(self) -> None:
        self._rewrite_mark.write_text("`intercom-warehouse forget` has not finished: run it again.\n")

    def note_rewritten(self) -> None:
        self._rewrite_mark.unlink()

    def clear(self, database_files: Collection[Path]) -> None:
        """Deletes the warehouse, except for the mark of a demo."""
        self.prepare()
        for path in (*database_files, self.journal, self._rewrite_mark, self.working_folder):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _files(self, database_files: Collection[Path]) -> Iterator[Path]:
        """Only files of this program: users may keep others in the folder."""
        ours = (self.journal, self.path / "lock", self._demo_mark, self._rewrite_mark, self.working_folder)
        for path in (*database_files, *ours, *self.working_folder.rglob("*")):
            if path.exists():
                yield path
