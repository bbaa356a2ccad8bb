"""What a first load has read and not loaded yet, on disk: a killed one goes on from there.

Each part is a folder that appears at once, by a rename, with a file for each table that has rows. The files go as soon
as they are loaded. Loading a part twice changes nothing, since all its tables are merged by their keys. Nothing waits
for the disk itself: what an outage of the machine spoils is read again. Nothing is compressed: that would cost as much
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
"""What is loaded as one package, 60,000 contacts or a million memberships: each costs half a second, and a merge of far
more contacts does not fit into the memory that DuckDB may use."""


class PartManifest(msgspec.Struct):
    """What a part says of itself."""

    stage: FirstLoadState
    rows: dict[str, int]
    is_loaded: bool = False


class StoredPart:
    """A part on the shelf."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        label = msgspec.json.decode((folder / LABEL).read_bytes(), type=PartManifest)
        self.stage, self.is_loaded = label.stage, label.is_loaded
        self._rows = label.rows

    @property
    def rows(self) -> int:
        """Rows to be loaded."""
        return sum(rows for name, rows in self._rows.items() if name != SIGHTINGS)

    @cached_property
    def size(self) -> int:
        """Bytes to be loaded, as they are in memory."""
        return sum(self._file(name).stat().st_size for name in self._rows if name != SIGHTINGS)

    def table(self, name: str) -> pa.Table | None:
        """The rows of one table; null where there are none."""
        if name not in self._rows:
            return None
        with pa.memory_map(str(self._file(name))) as file, pa.ipc.open_file(file) as reader:
            return reader.read_all()

    def put_away(self) -> None:
        """Throws away what was loaded; sightings are of use until the sweeps they are of have ended."""
        kept = {SIGHTINGS: self._rows[SIGHTINGS]} if SIGHTINGS in self._rows else {}
        label = self.folder / "unfinished"
        label.write_bytes(msgspec.json.encode(PartManifest(self.stage, kept, is_loaded=True)))
        label.rename(self.folder / LABEL)
        for name in self._rows.keys() - kept.keys():
            self._file(name).unlink()

    def check(self) -> None:
        """Looks at all files. Raises ArrowInvalid or OSError for one that is not whole."""
        for name in self._rows:
            with pa.ipc.open_file(self._file(name)):
                pass

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.arrow"


class PartBatch:
    """Parts that are loaded together. Going through them waits for those that are still to come."""

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
        """The part with that number; null behind the last one."""
        if number == len(self.parts) and not self._is_full:
            part = self._store.next_part(self._room)
            self._is_full = part is None
            self.parts += [part] if part else []
        return self.parts[number] if number < len(self.parts) else None

    @property
    def _room(self) -> int:
        """Bytes that may be added: any number to nothing."""
        return PACKAGE_BYTES - sum(part.size for part in self.parts) if self.parts else sys.maxsize


class PartStore:
    """The parts of one pipeline's first load, in the order in which they were read.

    One thread may put parts on the shelf while another one takes them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting = deque(part for part in self.parts if not part.is_loaded)
        self._newest = max((int(folder.name) for folder in self._folders()), default=0)
        self._is_growing = False
        self._changed = Condition()

    def open(self) -> None:
        """Says that parts will be put on the shelf, so that whoever takes them waits."""
        self._is_growing = True

    def close(self) -> None:
        """Says that the last part is there."""
        with self._changed:
            self._is_growing = False
            self._changed.notify_all()

    def keep(self, part: Part) -> None:
        """Puts a part on the shelf: it outlives this process when this returns."""
        unfinished = self._folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        tables = {name: table for name, table in {**part.tables, SIGHTINGS: part.sightings}.items() if table.num_rows}
        for name, table in tables.items():
            _write(table, unfinished / f"{name}.arrow")
        label = PartManifest(part.stage, {name: table.num_rows for name, table in tables.items()})
        (unfinished / LABEL).write_bytes(msgspec.json.encode(label))
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
        """All that is there, unfinished parts included."""
        return (path for path in self._folder.rglob("*") if path.is_file())

    def interruptions(self) -> Interruptions:
        """Sweeps that had begun and not ended when the newest part was put here, and whom they had seen."""
        parts = self.parts
        if not parts:
            return {}
        sightings = [table for part in parts if (table := part.table(SIGHTINGS)) is not None]
        return {key: (sweep, _seen_by(key, sweep, sightings)) for key, sweep in parts[-1].stage.sweeps.items()}

    def packages(self) -> Iterator[PartBatch]:
        """All parts, in loads of a bearable size. What was loaded is off the shelf when the next one is asked for."""
        while self._has_more():
            package = PartBatch(self)
            yield package
            for part in package.parts:
                part.put_away()

    def next_part(self, room: int) -> StoredPart | None:
        """Takes the next part, waiting for it where need be; null behind the last one, or where it is too large."""
        if not self._has_more() or self._waiting[0].size > room:
            return None
        return self._waiting.popleft()

    def clear(self) -> None:
        """Throws everything away."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _has_more(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or not self._is_growing)
            return bool(self._waiting)

    def _folders(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*"))


def drop_unreadable_parts(folder: Path) -> None:
    """Forgets a part that cannot be read, and those after it: each begins where the one before it ended."""
    parts = sorted(folder.glob("[0-9]*"))
    for number, part in enumerate(parts):
        if not _is_readable(part):
            for spoilt in parts[number:]:
                shutil.rmtree(spoilt)
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
