"""What every data folder holds, whichever database its runs load into."""

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Misconfigured, explained
from .file_modes import narrow, owner_only, write_own
from .lock import Lock, LockRequest
from .ownership import refuse_foreign, refuse_links, refuse_no_folder, refuse_unreadable
from .plain_path import plain_path


class DataFolder:
    """The run journal, the lock, dlt's working folder, and two marks. A mark is a file that is there or not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = path / "runs.jsonl"
        self.working_folder = path / "pipelines"
        self.report = path / "report.html"
        self._demo_mark = path / "DEMO"
        self._rewrite_mark = path / "REWRITE"

    @property
    def plain_working_folder(self) -> Path:
        """The working folder, by a path that dlt and DuckDB can use: see `plain_path`."""
        return plain_path(self.path) / self.working_folder.name

    def prepare(self) -> None:
        """Creates the folder if it is missing.

        Raises:
            Misconfigured: it cannot be written.
        """
        self.check()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            writable = os.access(self.path, os.W_OK | os.X_OK)
        except PermissionError:
            writable = False
        except OSError as error:
            raise explained(error, self.path) or error from None
        if not writable:
            raise Misconfigured(
                f"The data folder {self.path} cannot be written. Make it writable for this user, or set "
                "WAREHOUSE__DATA_DIR to a folder that is."
            )

    @contextmanager
    def held(self, request: LockRequest, database_files: Collection[Path]) -> Iterator[None]:
        """Holds the lock. All that is written in the block is for its owner only, and so are these files.

        Raises:
            Misconfigured: the folder or a file in it cannot be written, or belongs to another user.
            Busy: another process holds the lock, for longer than the request waits.
        """
        self.prepare()
        kept = (self.journal, *database_files)
        refuse_links(self.journal, self._demo_mark, self._rewrite_mark)
        refuse_foreign(self.path, (*kept, self.path / "lock"), kept_by_runs=kept)
        with owner_only(), Lock(self.path).held(request):
            files = list(self._files(database_files))
            refuse_foreign(self.path, files, kept_by_runs=kept)
            narrow(files)
            yield

    def check(self) -> None:
        """Raises Misconfigured where the path is no folder, or one that this user may not read. It may be missing."""
        refuse_no_folder(self.path)
        refuse_unreadable(self.path)

    def check_readable(self) -> None:
        """Raises Misconfigured where this user may not read the folder or the journal. They may be missing."""
        self.check()
        refuse_unreadable(self.path, self.journal)

    @property
    def is_demo(self) -> bool:
        """Whether the data is made up. It must not be mixed with a real workspace's."""
        return self._demo_mark.exists()

    def mark_as_demo(self) -> None:
        write_own(
            self._demo_mark, b"Made by `intercom-warehouse demo`: delete this folder before the first real sync.\n"
        )

    @property
    def is_rewrite_due(self) -> bool:
        """Whether a `forget` has changed rows, and was killed before it rewrote the database's files."""
        return self._rewrite_mark.exists()

    def note_rewrite_due(self) -> None:
        write_own(self._rewrite_mark, b"`intercom-warehouse forget` has not finished: run it again.\n")

    def note_rewritten(self) -> None:
        self._rewrite_mark.unlink()

    def clear(self, database_files: Collection[Path]) -> None:
        """Deletes the warehouse, except for the mark of a demo."""
        self.prepare()
        for path in (*database_files, self.journal, self.report, self._rewrite_mark, self.working_folder):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _files(self, database_files: Collection[Path]) -> Iterator[Path]:
        """Only files of this program: users may keep others in the folder."""
        ours = (
            self.journal,
            self.path / "lock",
            self.path / "lock.holder",
            self._demo_mark,
            self._rewrite_mark,
            self.working_folder,
        )
        for path in (*database_files, *ours, *self.working_folder.rglob("*")):
            if path.exists() or path.is_symlink():
                yield path
