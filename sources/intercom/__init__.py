"""The dlt source for Intercom: what is loaded, under which key and cursor.

Every table carries `workspace_id`, first in its key, so that several workspaces share a warehouse. The resources of one
run share one `Reading`; who is in which segment comes from sweeping segments and from reading who changed (see
`memberships` and `plan`). What a large first load reads is kept on disk at once (see `first_load`).
"""

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
from msgspec import structs

from .backfill import ChunkReading
from .contact_search import ROWS_A_TABLE
from .first_load import Stage, past_of
from .memberships import Scan
from .reading import Reading
from .records import (
    CONTACT_ACTIVITIES,
    CONTACT_ACTIVITIES_KEY,
    CONTACT_REMOVALS,
    CONTACT_REMOVALS_KEY,
    CONTACTS_KEY,
    MEMBERSHIP_CHANGES,
    MEMBERSHIP_CHANGES_KEY,
    NESTED_CONTACT_FIELDS,
    RUNS,
    SEGMENT_SCANS,
    SEGMENT_SCANS_KEY,
    SEGMENTS,
    SEGMENTS_KEY,
    rows_table,
)
from .scanning import Past, Terms, changes_of, scans_of

# Any: dlt's annotations of transformers know only the plain words
UPSERT: Any = {"disposition": "merge", "strategy": "upsert"}
INSERT_ONLY: Any = {"disposition": "merge", "strategy": "insert-only"}
JSON_COLUMNS: TTableSchemaColumns = {name: {"data_type": "json"} for name in (*NESTED_CONTACT_FIELDS, "_extra")}
BESIDE_CONTACTS = {
    "segments": SEGMENTS,
    "membership_changes": MEMBERSHIP_CHANGES,
    "segment_scans": SEGMENT_SCANS,
    "contact_activities": CONTACT_ACTIVITIES,
    "contact_removals": CONTACT_REMOVALS,
    "runs": RUNS,
}
"""All other tables, as models read them."""
NO_FILTER = 2**53
"""A lag in seconds that reaches behind every contact: dlt then filters none."""


@dlt.source(name="intercom", max_table_nesting=0)
def intercom(reading: Reading) -> Iterable[Any]:
    """Segments, contacts, and which contact is in which segment: what changed since the last run.

    Args:
        reading: what is read, and what is remembered from earlier runs.
    """
    cursor = dlt.sources.incremental[int](
        "updated_at",
        range_start="open",
        lag=NO_FILTER if reading.terms.full else None,
        on_cursor_value_missing="include",
    )
    scanned = scans(reading)
    return (
        contacts(reading, updated_at=cursor).add_step(HighWaterMark(reading)),
        segments(reading),
        contact_activities(reading),
        scanned | membership_changes(terms=reading.terms),
        scanned | segment_scans(terms=reading.terms),
        contact_removals(reading),
    )


class Loadable(Protocol):
    """A part of a first load, as it was kept."""

    stage: Stage

    def table(self, name: str) -> pa.Table | None:
        """The rows of one table; null where there are none."""


@dlt.source(name="intercom", max_table_nesting=0)
def intercom_first_load(parts: Iterable[Loadable]) -> Iterable[Any]:
    """Parts of a first load, already read. The first ones bring tables that they leave empty: models read all."""
    empty = {"contact_activities": CONTACT_ACTIVITIES, "contact_removals": CONTACT_REMOVALS, "runs": RUNS}
    if "first_load" in dlt.current.source_state():
        empty = {}
    return (
        *(dlt.resource([schema.empty_table()], name=name) for name, schema in empty.items()),
        kept_contacts(parts),
        kept("segments", parts, SEGMENTS_KEY, INSERT_ONLY),
        kept("membership_changes", parts, MEMBERSHIP_CHANGES_KEY, INSERT_ONLY),
        kept("segment_scans", parts, SEGMENT_SCANS_KEY, UPSERT),
    )


@dlt.source(name="intercom", max_table_nesting=0)
def intercom_backfill(reading: ChunkReading, absent: Iterable[str]) -> Iterable[Any]:
    """A chunk of a backfill, into the same table as a sync's contacts; the sync's cursor stays where it is.

    Args:
        absent: tables that nothing was ever loaded into: they are made, since models read them.
    """
    rowless = (dlt.resource([BESIDE_CONTACTS[name].empty_table()], name=name) for name in absent)
    return (*rowless, chunk_contacts(reading))


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


def past(state: dict[str, Any]) -> Past:
    """What the source's state says of earlier runs."""
    if stage := state.get("first_load"):
        return past_of(Stage(**stage))
    cursor = state.get("resources", {}).get("contacts", {}).get("incremental", {}).get("updated_at", {})
    return Past(
        cursor=cursor.get("last_value"),
        began_at=state.get("began_at"),
        unaccounted=state.get("unaccounted"),
        feed=state.get("feed"),
        asked_until=state.get("asked_until"),
    )


@dlt.resource(primary_key=CONTACTS_KEY, write_disposition=UPSERT, columns=JSON_COLUMNS)
async def contacts(reading: Reading, updated_at: dlt.sources.incremental[int]) -> AsyncIterator[pa.Table]:
    """One row per contact, as Intercom last sent it; incremental on `updated_at`."""
    async for table in reading.contacts():
        yield table
    state = dlt.current.source_state()
    state["contact_fields"] = reading.fields.known()
    state["began_at"] = reading.opening.began_at if reading.opening else None
    state.pop("first_load", None)


class HighWaterMark(MapItem):
    """Moves dlt's cursor back from the greatest `updated_at` read to the mark taken before reading, less the overlap.

    A contact edited after its page was read would otherwise be lost behind a greater time from a later page.
    """

    placement_affinity: ClassVar[float] = 1.2  # behind dlt's own incremental step, which has 1

    def __init__(self, reading: Reading) -> None:
        super().__init__(self._move_back)
        self._reading = reading
        self._lag = reading.terms.lag
        self._before = reading.past.cursor

    def bind(self, pipe: SupportsPipe) -> "HighWaterMark":
        """Remembers where dlt keeps the cursor."""
        self._state = resource_state(pipe.name)
        return self

    def _move_back(self, table: pa.Table) -> pa.Table:
        """The cursor never moves backwards from where the last run left it."""
        cursor: dict[str, Any] = self._state.setdefault("incremental", {}).setdefault("updated_at", {})
        mark, read_to = self._reading.mark, cursor.get("last_value") or self._before  # a first load left it elsewhere
        if self._reading.contacts_missing:  # the next run has to read all of it again
            cursor["last_value"] = self._before if self._reading.past.first_load is None else None
        elif mark is not None and read_to is not None:
            moved_back = min(read_to, mark - self._lag)
            cursor["last_value"] = moved_back if self._before is None else max(self._before, moved_back)
        return table


@dlt.resource(primary_key=SEGMENTS_KEY, write_disposition=INSERT_ONLY)
async def segments(reading: Reading) -> AsyncIterator[pa.Table]:
    """One row per version of a segment's definition.

    The cursor on `updated_at` is one per segment: with a single one for all, a segment that a short list hid at first
    would be older than the cursor when it appears, and never be written.
    """
    # binds the pipeline's name to this workspace
    dlt.current.source_state()["workspace_id"] = reading.terms.workspace_id
    yield _stamped(reading.terms, SEGMENTS, await reading.new_versions())


@dlt.resource(primary_key=CONTACT_ACTIVITIES_KEY, write_disposition=INSERT_ONLY)
async def contact_activities(reading: Reading) -> AsyncIterator[pa.Table]:
    """One row per event of the activity feed: contacts made, merged, deleted."""
    async for page in reading.activities():
        rows = _stamped(reading.terms, CONTACT_ACTIVITIES, [structs.asdict(activity) for activity in page])
        yield reading.fields.privacy.veiled(rows)
    dlt.current.source_state()["feed"] = reading.feed_cursor


@dlt.resource(selected=False)
async def scans(reading: Reading) -> AsyncIterator[list[Scan]]:
    """What each look at a segment found; the two tables below are made of it."""
    async for batch in reading.scans():
        yield batch


@dlt.transformer(primary_key=MEMBERSHIP_CHANGES_KEY, write_disposition=INSERT_ONLY)
def membership_changes(batch: list[Scan], terms: Terms) -> pa.Table:
    """One row per contact seen to enter or to have left a segment: a log, never rewritten."""
    return changes_of(batch, terms)


@dlt.transformer(primary_key=SEGMENT_SCANS_KEY, write_disposition=UPSERT)
def segment_scans(batch: list[Scan], terms: Terms) -> pa.Table:
    """One row per run and segment: how it was looked at, when, and whether that counts as an observation."""
    return scans_of(batch, terms)


@dlt.resource(primary_key=CONTACT_REMOVALS_KEY, write_disposition=INSERT_ONLY)
async def contact_removals(reading: Reading) -> AsyncIterator[pa.Table]:
    """One row per contact found gone, or found again (`active`): a log, since archiving can be undone."""
    async for rows in reading.contact_removals():
        yield _stamped(reading.terms, CONTACT_REMOVALS, rows)
    if reading.scanning:
        state = dlt.current.source_state()
        state["unaccounted"], state["asked_until"] = reading.scanning.unaccounted, reading.scanning.asked_until


def _stamped(terms: Terms, schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    return rows_table(schema, [row | terms.stamp for row in rows])
