"""Folders of Parquet files, one for each run, and the pointer to the run that readers see."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ..destinations import RELEASE
from ..errors import Misconfigured
from ..folder import Lock, LockRequest, in_one_step

POINTER = "current.json"
RUN = "run="
"""How the name of a run's folder begins."""


class Pointer(msgspec.Struct):
    """What `current.json` says: the folder that readers see, and all complete ones that are kept, newest first."""

    current: str
    kept: tuple[str, ...]
    written_at: datetime
    release: str


class RunFolders:
    """A folder with a subfolder for each run. `kept`: how many complete runs stay, the current one included."""

    def __init__(self, folder: Path, kept: int) -> None:
        self.folder, self._kept = folder, kept

    @property
    def current(self) -> Path:
        """The folder of the run that readers see.

        Raises:
            Misconfigured: there is none, or the pointer cannot be read.
        """
        try:
            return self.folder / self._pointer().current
        except FileNotFoundError:
            raise Misconfigured(
                f"{self.folder} has no {POINTER}, so nothing was written there yet. Run intercom-warehouse export "
                "--raw with this folder first."
            ) from None

    @contextmanager
    def new_run(self, request: LockRequest) -> Iterator[Path]:
        """An empty folder to fill. It is removed at the end of the block, unless `point_to` has shown it to readers.

        So are runs that are no longer kept, and what a killed run has left. One run writes at a time.

        Raises:
            Busy: another run writes there, for longer than the request waits.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with Lock(self.folder).held(request):
            self._drop_all_but(self._complete())
            run = self.folder / f"{RUN}{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
            run.mkdir()
            try:
                yield run
            finally:
                self._drop_all_but(self._complete())

    def point_to(self, run: Path) -> None:
        """Shows a run to readers, in one step. All its files are written."""
        kept = (run.name, *self._complete())[: self._kept]
        pointer = Pointer(run.name, kept, datetime.now(UTC), RELEASE)
        with in_one_step(self.folder / POINTER) as beside:
            beside.write_bytes(msgspec.json.encode(pointer))

    def _complete(self) -> tuple[str, ...]:
        try:
            return self._pointer().kept
        except FileNotFoundError:
            return ()

    def _pointer(self) -> Pointer:
        file = self.folder / POINTER
        try:
            return msgspec.json.decode(file.read_bytes(), type=Pointer)
        except msgspec.MsgspecError:
            raise Misconfigured(f"{file} is not a file of this program. Choose another folder.") from None

    def _drop_all_but(self, names: tuple[str, ...]) -> None:
        for run in self.folder.glob(f"{RUN}*"):
            if run.name not in names:
                shutil.rmtree(run)
