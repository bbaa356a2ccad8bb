"""Makes what a killed run left behind fit to be loaded by the next one.

dlt goes on with a package where it stopped, but four moments leave one that no run can finish (seen with dlt 1.31):

- It is extracted, yet the pipeline, new as it is, does not know its schema: dlt takes it for nothing and for pending.
- It is normalized, yet still there as extracted: dlt normalizes it again and finds the first result in its way.
- A job has filled its staging table, yet is not marked done: dlt, which empties staging tables once a package, fills
  the table twice, and a merge from doubled rows fails or, into an empty table, loads them doubled.
- All is loaded and marked so, yet not put away: dlt refuses to mark it a second time.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from dlt.common.storages.load_package import PackageStorage, ParsedLoadJobFileName

NEW, STARTED, COMPLETED = (
    PackageStorage.NEW_JOBS_FOLDER,
    PackageStorage.STARTED_JOBS_FOLDER,
    PackageStorage.COMPLETED_JOBS_FOLDER,
)


KEPT_NOTES = 20
"""Loaded packages that dlt's notes are kept of, 70 kB each: enough to look at what was loaded lately."""


def set_aside(working_folder: Path) -> Path:
    """Takes a pipeline's working folder away, all at once; where it is now. The pipeline has to be made anew."""
    aside = _aside(working_folder)
    shutil.rmtree(aside, ignore_errors=True)
    return working_folder.rename(aside)


def repair_packages(working_folder: Path) -> None:
    """Mends the packages in a pipeline's working folder; may itself be killed anywhere and run again."""
    shutil.rmtree(_aside(working_folder), ignore_errors=True)  # an abort was killed before all of it was deleted
    if not _knows_a_schema(working_folder):
        for package in _folders(working_folder / "normalize" / "extracted"):
            shutil.rmtree(package)
    for package in _folders(working_folder / "load" / "normalized"):
        shutil.rmtree(working_folder / "normalize" / "extracted" / package.name, ignore_errors=True)
        if (package / PackageStorage.PACKAGE_COMPLETED_FILE_NAME).exists():
            shutil.rmtree(package)
        elif any(_jobs(package, STARTED, COMPLETED)):
            _begin_again(package)


def packages(working_folder: Path) -> set[str]:
    """The packages in a pipeline's working folder that are not loaded, or not wholly."""
    waiting = (working_folder / "normalize" / "extracted", working_folder / "load" / "normalized")
    return {package.name for folder in waiting for package in _folders(folder)}


def clear_away(working_folder: Path) -> None:
    """Deletes what dlt notes of packages that are loaded, but for the newest: it would keep all of it for ever."""
    loaded = _folders(working_folder / "load" / "loaded")  # named for the time; ten digits until the year 2286
    for package in loaded[:-KEPT_NOTES]:
        shutil.rmtree(package)


def _aside(working_folder: Path) -> Path:
    return working_folder.with_name(f"{working_folder.name}.aborted")


def _knows_a_schema(working_folder: Path) -> bool:
    state = working_folder / "state.json"
    return state.exists() and bool(json.loads(state.read_text()).get("schema_names"))


def _begin_again(package: Path) -> None:
    """Queues all jobs of a package again, which loads each row once: whatever fills a table by way of staging merges.

    That the schema has still to be updated is what makes dlt empty the staging tables; it finds nothing to update.
    """
    (package / PackageStorage.SCHEMA_UPDATES_FILE_NAME).write_text("{}")
    for transition in _jobs(package, PackageStorage.PENDING_TRANSITIONS_FOLDER):
        transition.unlink()
    for job in _jobs(package, NEW, STARTED, COMPLETED):
        name = ParsedLoadJobFileName.parse(job.name)
        if name.file_format == "sql":  # a merge: dlt orders it anew when its table is staged
            job.unlink()
        elif not name.table_name.startswith("_dlt"):  # those are not staged, and once is enough
            job.replace(package / NEW / job.name)


def _jobs(package: Path, *states: str) -> Iterator[Path]:
    for state in states:
        if (folder := package / state).is_dir():
            yield from (file for file in sorted(folder.iterdir()) if file.is_file())


def _folders(parent: Path) -> list[Path]:
    return sorted(folder for folder in parent.iterdir() if folder.is_dir()) if parent.is_dir() else []
