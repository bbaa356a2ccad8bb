"""What a first load has read and not loaded yet, on disk: a killed one goes on from there.

Each part is a folder that appears at once, by a rename, with a file for each table that has rows. It is gone as soon as
its rows are loaded. Loading a part twice changes nothing, since all its tables are merged by their keys. Nothing waits
for the disk itself: what an outage of the machine spoils is read again. Nothing is compressed: that would cost as much
CPU as decoding the answers.
"""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
from pyarrow.compute import field

from sources.intercom.first_load import Interruptions, Part, Stage, Sweep

SIGHTINGS = "sightings"
PACKAGE_ROWS = 400_000
"""Rows that are loaded as one package: each costs half a second, and a larger one more memory."""


class Label(msgspec.Struct):
    """What a part says of itself."""

    stage: Stage
    rows: dict[str, int]


class KeptPart:
    """A part on the shelf."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        label = msgspec.json.decode((folder / "label.json").read_bytes(), type=Label)
        self.stage = label.stage
        self._rows = label.rows

    @property
    def rows(self) -> int:
        """Rows to be loaded."""
        return sum(rows for name, rows in self._rows.items() if name != SIGHTINGS)

    def table(self, name: str) -> pa.Table | None:
        """The rows of one table; null where there are none."""
        if name not in self._rows:
            return None
        with pa.memory_map(str(self.folder / f"{name}.arrow")) as file, pa.ipc.open_file(file) as reader:
            return reader.read_all()

    def check(self) -> None:
        """Looks at all files. Raises ArrowInvalid or OSError for one that is not whole."""
        for name in self._rows:
            with pa.ipc.open_file(self.folder / f"{name}.arrow"):
                pass


class Shelf:
    """The parts of one pipeline's first load, in the order in which they were read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, part: Part) -> None:
        """Puts a part on the shelf: it outlives this process when this returns."""
        unfinished = self._folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        tables = {name: table for name, table in {**part.tables, SIGHTINGS: part.sightings}.items() if table.num_rows}
        for name, table in tables.items():
            _write(table, unfinished / f"{name}.arrow")
        label = Label(part.stage, {name: table.num_rows for name, table in tables.items()})
        (unfinished / "label.json").write_bytes(msgspec.json.encode(label))
        unfinished.rename(self._folder / f"{self._newest + 1:06}")

    def mend(self) -> None:
        """Forgets a part that cannot be read, and those after it: each begins where the one before it ended."""
        folders = self._folders()
        for number, folder in enumerate(folders):
            if not _is_readable(folder):
                for spoilt in folders[number:]:
                    shutil.rmtree(spoilt)
                return

    @property
    def parts(self) -> list[KeptPart]:
        """All parts, the oldest first."""
        return [KeptPart(folder) for folder in self._folders()]

    def interruptions(self) -> Interruptions:
        """Sweeps that had begun and not ended when the newest part was put here, and whom they had seen."""
        parts = self.parts
        if not parts:
            return {}
        sightings = [table for part in parts if (table := part.table(SIGHTINGS)) is not None]
        return {key: (sweep, _seen_by(key, sweep, sightings)) for key, sweep in parts[-1].stage.sweeps.items()}

    def packages(self) -> Iterator[list[KeptPart]]:
        """All parts, in loads of a bearable size. Each is taken from the shelf when the next one is asked for."""
        waiting = self.parts
        while waiting:
            package = _first(waiting)
            yield package
            for part in package:
                shutil.rmtree(part.folder)
            waiting = waiting[len(package) :]
        self.clear()

    def clear(self) -> None:
        """Throws everything away."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _newest(self) -> int:
        return max((int(folder.name) for folder in self._folders()), default=0)

    def _folders(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*"))


def _first(parts: Sequence[KeptPart]) -> list[KeptPart]:
    """The first of them, as many as make a package."""
    package: list[KeptPart] = []
    for part in parts:
        if package and sum(one.rows for one in package) + part.rows > PACKAGE_ROWS:
            break
        package.append(part)
    return package


def _seen_by(segment_id: str, sweep: Sweep, sightings: Sequence[pa.Table]) -> set[str]:
    is_its = (field("segment_id") == segment_id) & (field("started_at") == sweep.started_at)
    return {contact_id for table in sightings for contact_id in table.filter(is_its)["contact_id"].to_pylist()}


def _is_readable(folder: Path) -> bool:
    try:
        KeptPart(folder).check()
    except (OSError, msgspec.MsgspecError, pa.ArrowInvalid):
        return False
    return True


def _write(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)
