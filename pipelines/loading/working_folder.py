"""dlt's working folder: a cache of what the warehouse holds, and the pending packages.

dlt trusts a newer working folder more than the warehouse. A warehouse that was restored from a backup would then lack,
for good, what was loaded after the backup. So a state that is not the warehouse's newest is dropped, and restored from
the warehouse. So is a folder with a file that cannot be read: dlt renames files without syncing them to the disk.
"""

import gzip
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import dlt
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from ..destinations import RAW, Warehouse, statement
from ..folder import pending_folders, plain_path
from .load import LOADED_STATE, client_of, note_loaded_state, state_hash
from .loads import delete_loads, drop_pending
from .recovery import repair_packages, set_aside

VERSION = re.compile(r"\d+\.\d+\.\d+\s*")
NEWEST_STATE = """
select states.version_hash
from {raw}._dlt_pipeline_state as states
join {raw}._dlt_loads as loads on loads.load_id = states._dlt_load_id
where states.pipeline_name = ? and loads.status = 0
order by loads.load_id desc
limit 1
"""
DELETE_STATES = "delete from {raw}._dlt_pipeline_state where pipeline_name = ?"
UNREADABLE = (
    "A file in dlt's working folder could not be read, so the folder was made again from the warehouse. What an "
    "interrupted run had left to load is read again."
)
FOREIGN_PACKAGES = (
    "What an interrupted run had left to load belongs to another state of the warehouse than it has now, so it was "
    "dropped. It is read again."
)
OTHER_STATE = (
    "The warehouse is not the one that the last run left, so the cursor was restored from the warehouse. What was "
    "loaded after that is read again."
)


def is_usable(folder: Path) -> bool:
    """Whether dlt can work with a pipeline's working folder and its packages. Repairs what a kill has left in these."""
    if not _is_readable(folder):
        return False
    repair_packages(folder)
    return all(map(_can_be_loaded, pending_folders(folder)))


def _is_readable(folder: Path) -> bool:
    try:
        for file in (*folder.glob("*.json"), *folder.glob("schemas/*.json")):
            msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        versions = [file.read_text(encoding="utf-8") for file in folder.glob("*/.version")]
        return all(map(VERSION.fullmatch, versions))
    except (msgspec.MsgspecError, ValueError, OSError, RecursionError):
        return False


def _can_be_loaded(package: Path) -> bool:
    try:
        for file in package.rglob("*"):
            if file.suffix == ".json":
                msgspec.json.decode(file.read_bytes())
            if file.suffix == ".parquet":
                pq.read_metadata(file)
            if file.suffix == ".gz":
                _read_through(file)
    except (msgspec.MsgspecError, ValueError, OSError, EOFError, pa.ArrowException):
        return False
    return True


def _read_through(file: Path) -> None:
    with gzip.open(file) as lines:
        while lines.read(1 << 20):
            pass


def restored(warehouse: Warehouse, workspace: str) -> dlt.Pipeline:
    """The pipeline in a new working folder. Rows of pending packages that had arrived are deleted first."""
    folder = warehouse.working_folder(workspace)
    with tempfile.TemporaryDirectory(dir=plain_path(warehouse.folder), prefix="restoring-") as scratch:
        pipeline = warehouse.pipeline(workspace, Path(scratch))
        pipeline.sync_destination()
        with pipeline.sql_client() as client:
            delete_loads(client, warehouse.dialect, [package.name for package in pending_folders(folder)])
    if folder.exists():
        shutil.rmtree(set_aside(folder))
    pipeline = warehouse.pipeline(workspace)
    pipeline.sync_destination()
    return pipeline


def delete_states(pipeline: dlt.Pipeline, warehouse: Warehouse) -> None:
    """Deletes the states of a pipeline from the warehouse, so that it starts from nothing."""
    with pipeline.sql_client() as client, suppress(DatabaseUndefinedRelation):
        query = statement(warehouse.dialect, DELETE_STATES, raw=RAW)
        client.execute_sql(query, pipeline.pipeline_name)


def newest_state(pipeline: dlt.Pipeline, warehouse: Warehouse) -> str | None:
    """The version hash of the newest state that the warehouse holds; null if it holds none."""
    with client_of(pipeline) as client:
        try:
            query = statement(warehouse.dialect, NEWEST_STATE, raw=RAW)
            rows = client.execute_sql(query, pipeline.pipeline_name)
        except DatabaseUndefinedRelation:
            return None
    return str(rows[0][0]) if rows else None


def agreed(
    pipeline: dlt.Pipeline, warehouse: Warehouse, check_not_lost: Callable[[], None]
) -> tuple[dlt.Pipeline, list[str]]:
    """The pipeline with the warehouse's state, and in sentences what had to be dropped for that.

    `check_not_lost` is called before anything is dropped.
    """
    notes, newest = list[str](), newest_state(pipeline, warehouse)
    if pipeline.has_pending_data and _is_before_pending(newest, pipeline):
        return pipeline, notes
    check_not_lost()
    if not pipeline.has_pending_data and _is_newest(newest, pipeline):
        note_loaded_state(pipeline)
        return pipeline, notes
    if pipeline.has_pending_data:
        notes.append(FOREIGN_PACKAGES)
        drop_pending(pipeline, warehouse.dialect)
        pipeline = warehouse.pipeline(pipeline.pipeline_name)
    pipeline.sync_destination()
    if newest_state(pipeline, warehouse) != state_hash(pipeline):
        notes.append(OTHER_STATE)
        pipeline = restored(warehouse, pipeline.pipeline_name)
    note_loaded_state(pipeline)
    return pipeline, notes


def _is_newest(newest: str | None, pipeline: dlt.Pipeline) -> bool:
    """Whether the folder has the warehouse's state and all of its schemas: dlt would restore nothing."""
    schemas = Path(pipeline.working_dir) / "schemas"
    has_schemas = all((schemas / f"{name}.schema.json").exists() for name in pipeline.schema_names)
    return newest is not None and newest == state_hash(pipeline) and has_schemas


def _is_before_pending(newest: str | None, pipeline: dlt.Pipeline) -> bool:
    """Whether the warehouse is as it was when the pending packages were read, or they have arrived since then."""
    local: dict[str, Any] = pipeline.state.get("_local") or {}  # type: ignore[assignment]  # dlt types its own keys
    return newest in (local.get(LOADED_STATE, newest), pipeline.state.get("_version_hash"))
