"""What a first load has read and not loaded yet, on disk: a killed one goes on from there.

Each part is a folder that appears at once, by a rename, with a file for each table that has rows. It is gone as soon as
its rows are loaded. Loading a part twice changes nothing, since all its tables are merged by their keys.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from pyarrow.compute import field

from sources.intercom.first_load import Interruptions, Part, Stage, Sweep

SIGHTINGS = "sightings"
PACKAGE_ROWS = 400_000
"""Rows that are loaded as one package: each costs half a second, and a larger one more memory."""
COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


class Label(msgspec.Struct):
    """What a part says of itself."""

    stage: Stage
    rows: int


class KeptPart:
    """A part on the shelf."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        label = msgspec.json.decode((folder / "label.json").read_bytes(), type=Label)
        self.stage, self.rows = label.stage, label.rows

    def table(self, name: str) -> pa.Table | None:
        """The rows of one table; null where there are none."""
        file = self.folder / f"{name}.arrow"
        if not file.exists():
            return None
        with pa.ipc.open_file(file) as reader:
            return reader.read_all()


class Shelf:
    """The parts of one pipeline's first load, in the order in which they were read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, part: Part) -> None:
        """Puts a part on the shelf: it is on the disk when this returns."""
        unfinished = self._folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name, table in {**part.tables, SIGHTINGS: part.sightings}.items():
            if table.num_rows:
                _write(unfinished / f"{name}.arrow", _encoded(table))
        rows = sum(table.num_rows for table in part.tables.values())
        _write(unfinished / "label.json", msgspec.json.encode(Label(part.stage, rows)))
        unfinished.rename(self._folder / f"{self._newest + 1:06}")

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


def _encoded(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=COMPRESSED) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _write(path: Path, content: Any) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
