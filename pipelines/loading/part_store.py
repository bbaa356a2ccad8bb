"""Parts of a first load on disk, read and not loaded yet: a killed load resumes from them.

Each part is a folder that appears in one step, by a rename, with a file for each table that has rows. The files are
deleted once they are loaded. Loading a part twice changes nothing, since all its tables are merged by key. Files are
not synced to the disk: a part that an outage corrupts is read again. They are not compressed, which would cost as much
CPU as decoding the answers.
"""

import shutil
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Condition

import msgspec
import pyarrow as pa
from pyarrow.compute import field

from sources.intercom.readings import FirstLoadState, Interruptions, Part, Sweep

LABEL, SIGHTINGS = "label.json", "sightings"
PACKAGE_BYTES = 150_000_000
"""Size of a load package, 60,000 contacts or a million memberships. Each package costs half a second; a merge of many
more contacts does not fit into the memory that DuckDB may use."""


class PartManifest(msgspec.Struct):
    stage: FirstLoadState
    rows: dict[str, int]
    is_loaded: bool = False


class StoredPart:
    """A part in the store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        manifest = msgspec.json.decode((folder / LABEL).read_bytes(), type=PartManifest)
        self.stage, self.is_loaded = manifest.stage, manifest.is_loaded
        self._rows = manifest.rows

    @property
    def rows(self) -> int:
        return sum(rows for name, rows in self._rows.items() if name != SIGHTINGS)

    @cached_property
    def size(self) -> int:
        """Bytes to load, uncompressed."""
        return sum(self._file(name).stat().st_size for name in self._rows if name != SIGHTINGS)

    def table(self, name: str) -> pa.Table | None:
        """The rows of one table; null where there are none."""
        if name not in self._rows:
            return None
        with pa.memory_map(str(self._file(name))) as file, pa.ipc.open_file(file) as reader:
            return reader.read_all()

    def delete_loaded(self) -> None:
        """Deletes the loaded files. Sightings stay until their sweeps have ended."""
        kept = {SIGHTINGS: self._rows[SIGHTINGS]} if SIGHTINGS in self._rows else {}
        manifest = self.folder / "unfinished"
        manifest.write_bytes(msgspec.json.encode(PartManifest(self.stage, kept, is_loaded=True)))
        manifest.rename(self.folder / LABEL)
        for name in self._rows.keys() - kept.keys():
            self._file(name).unlink()

    def check(self) -> None:
        """Opens all files. Raises ArrowInvalid or OSError for a corrupt one."""
        for name in self._rows:
            with pa.ipc.open_file(self._file(name)):
                pass

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.arrow"


class PartBatch:
    """Parts that are loaded together. Iteration waits for parts that are still being read."""

    def __init__(self, store: "PartStore") -> None:
        self.parts: list[StoredPart] = []
        self._store = store
        self._is_full = False

    def __iter__(self) -> Iterator[StoredPart]:
        number = 0
        while (part := self._part(number)) is not None:
            yield part
            number += 1

    def _part(self, number: int) -> StoredPart | None:
        """The part with that number; null after the last one."""
        if number == len(self.parts) and not self._is_full:
            part = self._store.next_part(self._room)
            self._is_full = part is None
            self.parts += [part] if part else []
        return self.parts[number] if number < len(self.parts) else None

    @property
    def _room(self) -> int:
        """Bytes that may be added; unlimited while the batch is empty."""
        return PACKAGE_BYTES - sum(part.size for part in self.parts) if self.parts else sys.maxsize


class PartStore:
    """The parts of one pipeline's first load, in reading order.

    One thread may add parts while another one takes them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting = deque(part for part in self.parts if not part.is_loaded)
        self._newest = max((int(folder.name) for folder in self._folders()), default=0)
        self._is_growing = False
        self._changed = Condition()

    def open(self) -> None:
        """Parts will be added from now on: the loading thread waits for them."""
        self._is_growing = True

    def close(self) -> None:
        """The last part has been added."""
        with self._changed:
            self._is_growing = False
            self._changed.notify_all()

    def keep(self, part: Part) -> None:
        """Stores a part. It survives a kill of the process once this returns."""
        unfinished = self._folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        tables = {name: table for name, table in {**part.tables, SIGHTINGS: part.sightings}.items() if table.num_rows}
        for name, table in tables.items():
            _write(table, unfinished / f"{name}.arrow")
        manifest = PartManifest(part.stage, {name: table.num_rows for name, table in tables.items()})
        (unfinished / LABEL).write_bytes(msgspec.json.encode(manifest))
        self._newest += 1
        folder = unfinished.rename(self._folder / f"{self._newest:06}")
        with self._changed:
            self._waiting.append(StoredPart(folder))
            self._changed.notify_all()

    @property
    def parts(self) -> list[StoredPart]:
        """All parts, the oldest first."""
        return [StoredPart(folder) for folder in self._folders()]

    def files(self) -> Iterator[Path]:
        """All files, those of unfinished parts included."""
        return (path for path in self._folder.rglob("*") if path.is_file())

    def interruptions(self) -> Interruptions:
        """Sweeps that were unfinished when the newest part was stored, each with the contacts it had seen."""
        parts = self.parts
        if not parts:
            return {}
        sightings = [table for part in parts if (table := part.table(SIGHTINGS)) is not None]
        return {key: (sweep, _seen_by(key, sweep, sightings)) for key, sweep in parts[-1].stage.sweeps.items()}

    def packages(self) -> Iterator[PartBatch]:
        """All parts in batches of one load package each. A batch is deleted when the next one is requested."""
        while self._has_more():
            package = PartBatch(self)
            yield package
            for part in package.parts:
                part.delete_loaded()

    def next_part(self, room: int) -> StoredPart | None:
        """Takes the next part and waits for it if needed; null after the last one, or if it is too large."""
        if not self._has_more() or self._waiting[0].size > room:
            return None
        return self._waiting.popleft()

    def clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _has_more(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or not self._is_growing)
            return bool(self._waiting)

    def _folders(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*"))


def drop_unreadable_parts(folder: Path) -> None:
    """Deletes a part that cannot be read, and those after it: each starts where the one before it ended."""
    parts = sorted(folder.glob("[0-9]*"))
    for number, part in enumerate(parts):
        if not _is_readable(part):
            for unreadable in parts[number:]:
                shutil.rmtree(unreadable)
            return


def _seen_by(segment_id: str, sweep: Sweep, sightings: Sequence[pa.Table]) -> set[str]:
    is_its = (field("segment_id") == segment_id) & (field("started_at") == sweep.started_at)
    return {contact_id for table in sightings for contact_id in table.filter(is_its)["contact_id"].to_pylist()}


def _is_readable(folder: Path) -> bool:
    try:
        StoredPart(folder).check()
    except (OSError, msgspec.MsgspecError, pa.ArrowInvalid):
        return False
    return True


def _write(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)
