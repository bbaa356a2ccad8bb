"""Loads an extracted package, and reads the source's state."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase

from sources.intercom.resources import intercom_empty_tables
from sources.intercom.tables import BESIDE_CONTACTS, KnownFields

from ..destinations import FORMAT, RAW, RELEASE, dialect_of, note_release, relations
from .part_store import PartStore, drop_unreadable_parts
from .recovery import drop_old_notes

LOADED_STATE = "loaded_state"
"""The version hash of the warehouse's newest state, when it was last compared."""
NOTED_RELEASE = "noted_release"
"""The release and format that were last noted in the warehouse."""
RELEASE_AND_FORMAT = f"{RELEASE} {FORMAT}"


def part_store_of(pipeline: dlt.Pipeline) -> PartStore:
    """The parts of a first load that are read and not loaded."""
    folder = Path(pipeline.working_dir) / "first_load"
    drop_unreadable_parts(folder)
    return PartStore(folder)


def load_package(pipeline: dlt.Pipeline) -> None:
    """Loads the extracted package, and the pipeline's state with it."""
    pipeline.normalize()
    if _local_notes(pipeline).get(NOTED_RELEASE) != RELEASE_AND_FORMAT:
        with pipeline.sql_client() as client:
            note_release(client, dialect_of(pipeline))
        pipeline.set_local_state_val(NOTED_RELEASE, RELEASE_AND_FORMAT)
    pipeline.load()
    note_loaded_state(pipeline)
    drop_old_notes(Path(pipeline.working_dir))


@lru_cache(maxsize=1)  # dlt keeps the last pipeline, too
def client_of(pipeline: dlt.Pipeline) -> SqlClientBase[Any]:
    """The pipeline's client of the warehouse, made once: dlt reads its schema and configuration for that.

    It has one connection, so no block that opens it may be within another one.
    """
    return pipeline.sql_client()


@contextmanager
def with_all_tables(pipeline: dlt.Pipeline) -> Iterator[SqlClientBase[Any]]:
    """A client of the warehouse. Creates raw tables that no earlier release has loaded, after pending packages."""
    with client_of(pipeline) as client:
        present = relations(client.execute_sql, dialect_of(pipeline), RAW)
        absent = BESIDE_CONTACTS.keys() - present.keys()
        if not (absent and present):
            yield client
            return
    if not pipeline.default_schema_name:
        pipeline.sync_destination()
    pipeline.extract(intercom_empty_tables(absent))
    load_package(pipeline)
    with client_of(pipeline) as client:
        yield client


def absent_tables(pipeline: dlt.Pipeline) -> list[str]:
    """Raw tables beside `contacts` that the pipeline's schema does not have."""
    known = set(pipeline.default_schema.tables) if pipeline.default_schema_name else set[str]()
    return [name for name in BESIDE_CONTACTS if name not in known]


def note_loaded_state(pipeline: dlt.Pipeline) -> None:
    """Notes, in the local part of dlt's state, that the pipeline's state is the warehouse's."""
    if _local_notes(pipeline).get(LOADED_STATE, "") != state_hash(pipeline):
        pipeline.set_local_state_val(LOADED_STATE, state_hash(pipeline))


def _local_notes(pipeline: dlt.Pipeline) -> dict[str, Any]:
    """The local part of dlt's state, which is not loaded."""
    notes: dict[str, Any] = pipeline.state.get("_local") or {}  # type: ignore[assignment]  # dlt types its own keys
    return notes


def state_hash(pipeline: dlt.Pipeline) -> str | None:
    """Null for a state that no run has changed: dlt loads none of those."""
    return pipeline.state.get("_version_hash") if source_state(pipeline) else None


def source_state(pipeline: dlt.Pipeline) -> dict[str, Any]:
    """The source's part of the pipeline's state."""
    sources: dict[str, Any] = pipeline.state.get("sources") or {}
    state: dict[str, Any] = sources.get("intercom", {})
    return state


def known_fields(pipeline: dlt.Pipeline) -> KnownFields | None:
    """The fields that contacts had in earlier runs, null before the first."""
    fields: KnownFields | None = source_state(pipeline).get("contact_fields")
    return fields
