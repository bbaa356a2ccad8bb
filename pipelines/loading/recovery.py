"""Repairs what a killed run left behind, so that the next run can load it.

dlt resumes a package where it stopped. A kill at four points leaves one that no run can finish (seen with dlt 1.31):

- The package is extracted, but the new pipeline does not know its schema: dlt counts it as pending and never loads it.
- It is normalized, but its extracted folder still exists: dlt normalizes it again, and fails on the existing result.
- A job has filled its staging table, but is not marked done: dlt empties staging tables once a package, so it fills
  the table twice. A merge from doubled rows fails or, into an empty table, loads them twice.
- All is loaded and marked so, but the package is not put away: dlt refuses to mark it a second time.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from dlt.common.storages.load_package import PackageStorage, ParsedLoadJobFileName

from ..folder import extracted, is_loaded, normalized, subfolders

NEW, STARTED, COMPLETED = (
    PackageStorage.NEW_JOBS_FOLDER,
    PackageStorage.STARTED_JOBS_FOLDER,
    PackageStorage.COMPLETED_JOBS_FOLDER,
)
KEPT_NOTES = 20
"""Loaded packages whose notes by dlt are kept, 70 kB each: enough to inspect recent loads."""


def set_aside(working_folder: Path) -> Path:
    """Moves a pipeline's working folder aside in one step; returns its new place. Create the pipeline again."""
    aside = _aside(working_folder)
    shutil.rmtree(aside, ignore_errors=True)
    return working_folder.rename(aside)


def repair_packages(working_folder: Path) -> None:
    """Repairs the packages in a pipeline's working folder. A kill at any point is safe: run it again."""
    shutil.rmtree(_aside(working_folder), ignore_errors=True)  # an abort was killed before all of it was deleted
    if not _knows_a_schema(working_folder):
        for package in extracted(working_folder):
            shutil.rmtree(package)
    for package in normalized(working_folder):
        shutil.rmtree(working_folder / "normalize" / "extracted" / package.name, ignore_errors=True)
        if is_loaded(package):
            shutil.rmtree(package)
        elif any(_jobs(package, STARTED, COMPLETED)):
            _begin_again(package)


def drop_old_notes(working_folder: Path) -> None:
    """Deletes dlt's notes of loaded packages except the newest ones: dlt keeps them forever."""
    loaded = subfolders(working_folder / "load" / "loaded")  # named by time, in ten digits until the year 2286
    for package in loaded[:-KEPT_NOTES]:
        shutil.rmtree(package)


def _aside(working_folder: Path) -> Path:
    return working_folder.with_name(f"{working_folder.name}.aborted")


def _knows_a_schema(working_folder: Path) -> bool:
    state = working_folder / "state.json"
    return state.exists() and bool(json.loads(state.read_text()).get("schema_names"))


def _begin_again(package: Path) -> None:
    """Queues all jobs of a package again. Each row is loaded once, since every staged table is merged.

    An open schema update makes dlt empty the staging tables; it finds nothing to update.
    """
    (package / PackageStorage.SCHEMA_UPDATES_FILE_NAME).write_text("{}")
    for transition in _jobs(package, PackageStorage.PENDING_TRANSITIONS_FOLDER):
        transition.unlink()
    for job in _jobs(package, NEW, STARTED, COMPLETED):
        name = ParsedLoadJobFileName.parse(job.name)
        if name.file_format == "sql":  # a merge: dlt creates it again when its table is staged
            job.unlink()
        elif not name.table_name.startswith("_dlt"):  # those are not staged, and once is enough
            job.replace(package / NEW / job.name)


def _jobs(package: Path, *states: str) -> Iterator[Path]:
    for state in states:
        if (folder := package / state).is_dir():
            yield from (file for file in sorted(folder.iterdir()) if file.is_file())
