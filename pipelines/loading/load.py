"""Loads an extracted package, and reads the source's state."""

from pathlib import Path
from typing import Any

import dlt

from sources.intercom.tables import KnownFields

from ..destinations import dialect_of, note_release
from .part_store import PartStore, drop_unreadable_parts
from .recovery import drop_old_notes


def part_store_of(pipeline: dlt.Pipeline) -> PartStore:
    """The parts of a first load that are read and not loaded."""
    folder = Path(pipeline.working_dir) / "first_load"
    drop_unreadable_parts(folder)
    return PartStore(folder)


def load_package(pipeline: dlt.Pipeline) -> None:
    """Loads the extracted package, and the pipeline's state with it."""
    pipeline.normalize()
    with pipeline.sql_client() as client:
        note_release(client, dialect_of(pipeline))
    pipeline.load()
    drop_old_notes(Path(pipeline.working_dir))


def source_state(pipeline: dlt.Pipeline) -> dict[str, Any]:
    """The source's part of the pipeline's state."""
    sources: dict[str, Any] = pipeline.state.get("sources") or {}
    state: dict[str, Any] = sources.get("intercom", {})
    return state


def known_fields(pipeline: dlt.Pipeline) -> KnownFields | None:
    """The fields that contacts had in earlier runs, null before the first."""
    fields: KnownFields | None = source_state(pipeline).get("contact_fields")
    return fields
