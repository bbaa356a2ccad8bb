"""The dlt resource `contacts`, and its cursor."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any, ClassVar, Protocol

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.extract import DltResource
from dlt.extract.items import SupportsPipe
from dlt.extract.items_transform import MapItem
from dlt.extract.state import resource_state

from ..readings import ChunkReading, FirstLoadState, Reading
from ..search import ROWS_A_TABLE
from ..tables import CONTACTS_KEY, NESTED_CONTACT_FIELDS

# Any: dlt's annotations of transformers know only the plain words
UPSERT: Any = {"disposition": "merge", "strategy": "upsert"}
INSERT_ONLY: Any = {"disposition": "merge", "strategy": "insert-only"}
JSON_COLUMNS: TTableSchemaColumns = {name: {"data_type": "json"} for name in (*NESTED_CONTACT_FIELDS, "_extra")}


class Loadable(Protocol):
    """A part of a first load, as it was kept."""

    stage: FirstLoadState

    def table(self, name: str) -> pa.Table | None:
        """The rows of one table; null where there are none."""


@dlt.resource(name="contacts", primary_key=CONTACTS_KEY, write_disposition=UPSERT, columns=JSON_COLUMNS)
async def chunk_contacts(reading: ChunkReading) -> AsyncIterator[pa.Table]:
    """The chunk's contacts. How far the backfill has come is kept with them."""
    async for table in reading.contacts():
        yield table
    reading.note(dlt.current.source_state())


@dlt.resource(name="contacts", primary_key=CONTACTS_KEY, write_disposition=UPSERT, columns=JSON_COLUMNS)
def kept_contacts(parts: Iterable[Loadable]) -> Iterator[pa.Table]:
    """The parts' contacts, each once: windows share their edges. How far the load has come is kept with them."""
    state, seen = dlt.current.source_state(), set[str]()

    def unseen() -> Iterator[pa.Table | None]:
        for part in parts:
            state["workspace_id"] = part.stage.workspace_id
            state["first_load"] = asdict(replace(part.stage, sweeps={}, fields=None))
            state["contact_fields"] = part.stage.fields
            table = part.table("contacts")
            yield None if table is None else _unseen(table, seen)

    yield from gathered(unseen())


def kept(name: str, parts: Iterable[Loadable], key: tuple[str, ...], disposition: Any) -> DltResource:
    """The parts' rows of another table."""
    rows = gathered(part.table(name) for part in parts)
    return dlt.resource(rows, name=name, primary_key=key, write_disposition=disposition)


def gathered(tables: Iterable[pa.Table | None]) -> Iterator[pa.Table]:
    """The same rows in fewer tables: whatever dlt does with a table costs it as much as some hundred rows."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting += [table] if table is not None else []
        if sum(table.num_rows for table in waiting) >= ROWS_A_TABLE:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _unseen(contacts: pa.Table, seen: set[str]) -> pa.Table:
    new = []
    for contact_id in contacts["id"].to_pylist():
        new.append(contact_id not in seen)
        seen.add(contact_id)
    return contacts.filter(pa.array(new, pa.bool_()))


@dlt.resource(primary_key=CONTACTS_KEY, write_disposition=UPSERT, columns=JSON_COLUMNS)
async def contacts(reading: Reading, updated_at: dlt.sources.incremental[int]) -> AsyncIterator[pa.Table]:
    """One row per contact, as Intercom last sent it; incremental on `updated_at`."""
    async for table in reading.contacts():
        yield table
    state = dlt.current.source_state()
    state["contact_fields"] = reading.fields.known()
    state["began_at"] = reading.snapshot.began_at if reading.snapshot else None
    state.pop("first_load", None)


class HighWaterMark(MapItem):
    """Moves dlt's cursor back from the greatest `updated_at` read to the mark taken before reading, less the overlap.

    A contact edited after its page was read would otherwise be lost behind a greater time from a later page.
    """

    placement_affinity: ClassVar[float] = 1.2  # behind dlt's own incremental step, which has 1

    def __init__(self, reading: Reading) -> None:
        super().__init__(self._move_back)
        self._reading = reading
        self._lag = reading.options.lag
        self._before = reading.saved.cursor

    def bind(self, pipe: SupportsPipe) -> "HighWaterMark":
        """Remembers where dlt keeps the cursor."""
        self._state = resource_state(pipe.name)
        return self

    def _move_back(self, table: pa.Table) -> pa.Table:
        """The cursor never moves backwards from where the last run left it."""
        cursor: dict[str, Any] = self._state.setdefault("incremental", {}).setdefault("updated_at", {})
        mark, read_to = self._reading.mark, cursor.get("last_value") or self._before  # a first load left it elsewhere
        if self._reading.contacts_missing:  # the next run has to read all of it again
            cursor["last_value"] = self._before if self._reading.saved.first_load is None else None
        elif mark is not None and read_to is not None:
            moved_back = min(read_to, mark - self._lag)
            cursor["last_value"] = moved_back if self._before is None else max(self._before, moved_back)
        return table
