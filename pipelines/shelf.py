"""What a first load has read and not loaded yet, on disk: a killed one goes on from there.

Each part is a folder that appears at once, by a rename, with a file for each table that has rows. It is gone as soon as
its rows are loaded. Loading a part twice changes nothing, since all its tables are merged by their keys.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec
import pyarrow as pa

from sources.intercom.first_load import Part, Stage

PACKAGE_ROWS = 400_000
"""Rows that are loaded as one package: each costs half a second, and a larger one more memory."""
COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


class KeptPart:
    """A part on the shelf."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = msgspec.json.decode((folder / "part.json").read_bytes())
        self.stage = Stage(**kept["stage"])
        self.rows: int = kept["rows"]

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
        tables = {name: table for name, table in part.tables.items() if table.num_rows}
        for name, table in tables.items():
            with (unfinished / f"{name}.arrow").open("wb") as file:
                with pa.ipc.new_file(file, table.schema, options=COMPRESSED) as writer:
                    writer.write_table(table)
                _flush(file.fileno())
        rows = sum(table.num_rows for table in tables.values())
        with (unfinished / "part.json").open("wb") as file:
            file.write(msgspec.json.encode({"stage": asdict(part.stage), "rows": rows}))
            _flush(file.fileno())
        unfinished.rename(self._folder / f"{self._newest + 1:06}")

    @property
    def parts(self) -> list[KeptPart]:
        """All parts, the oldest first."""
        return [KeptPart(folder) for folder in self._folders()]

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


def _flush(file: int) -> None:
    os.fsync(file)
