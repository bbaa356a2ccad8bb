"""Load packages that wait to be loaded: what is in them, and what to do about one that cannot be loaded.

They are read as files, not by dlt's own means, since a package may wait just because something in it is spoilt.
"""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.storages.load_package import JOB_EXCEPTION_EXTENSION, PackageStorage, ParsedLoadJobFileName
from dlt.pipeline.exceptions import PipelineStepFailed

from ..errors import WarehouseError
from ..settings import DEFAULT_WORKSPACE

LOGS = ("membership_changes", "segment_scans")
"""Tables whose rows say which run they are of."""
UNFINISHED = (
    PackageStorage.NEW_JOBS_FOLDER,
    PackageStorage.STARTED_JOBS_FOLDER,
    PackageStorage.FAILED_JOBS_FOLDER,
)
RUN_ID = re.compile(r"\b\d{8}T\d{6}-[0-9a-f]{6}\b")
LAST_ERROR = re.compile(r"^(?:\w+\.)+(?P<kind>\w+): (?P<words>[^:\"'(\d\n]*)", re.MULTILINE)
"""What was raised, in a traceback, and the first words of its message: values come behind a colon or in quotes."""


class Stuck(WarehouseError):
    """What was read cannot be loaded: the database may be able to do it next time, or the package has to go."""


@dataclass(frozen=True)
class PendingPackage:
    """A package as it waits: rows by table, null where they cannot be counted, and by table why a job of it failed.

    `made_at` is ISO 8601 in UTC; `run_ids` are the runs whose changes and scans it holds.
    """

    load_id: str
    made_at: str
    run_ids: tuple[str, ...]
    rows: dict[str, int | None]
    failures: dict[str, str]


def pending_packages(working_folder: Path) -> list[PendingPackage]:
    """The packages in a pipeline's working folder that are not loaded, the oldest first."""
    extracted = _folders(working_folder / "normalize" / "extracted")
    normalized = _folders(working_folder / "load" / "normalized")
    loaded = {name for name, folder in normalized.items() if _is_loaded(folder)}
    return [_package(folder) for name, folder in sorted((extracted | normalized).items()) if name not in loaded]


@contextmanager
def stuck_packages_told() -> Iterator[None]:
    """Raises Stuck in place of dlt's words for a package that it could not load."""
    try:
        yield
    except PipelineStepFailed as error:
        if error.step not in ("normalize", "load"):
            raise
        workspace, folder = error.pipeline.pipeline_name, Path(error.pipeline.working_dir)
        raise Stuck(_words(workspace, pending_packages(folder))) from error


def _words(workspace: str, packages: list[PendingPackage]) -> str:
    failures = {table: why for package in packages for table, why in package.failures.items()}
    told = f" ({', '.join(f'{table}: {why}' for table, why in sorted(failures.items()))})" if failures else ""
    named = "" if workspace == DEFAULT_WORKSPACE else f" --workspace {workspace}"
    return (
        f"What was read could not be loaded{told}. The marts are as they were. Run the command again, with --debug "
        "before it for the details: it begins with what waits to be loaded. If it fails once more, `intercom-warehouse "
        f"abort-pending{named}` shows what that is and drops it; the next sync then reads it again."
    )


def _package(folder: Path) -> PendingPackage:
    files = _job_files(folder, *UNFINISHED, PackageStorage.COMPLETED_JOBS_FOLDER)
    jobs = [(ParsedLoadJobFileName.parse(file.name), file) for file in files]
    rows = dict[str, int | None]()
    for job, file in jobs:
        counted, before = _count(job, file), rows.get(job.table_name, 0)
        rows[job.table_name] = None if counted is None or before is None else before + counted
    runs = {run_id for job, file in jobs if job.table_name in LOGS for run_id in _runs(job, file)}
    made_at = datetime.fromtimestamp(float(folder.name), UTC).isoformat(timespec="seconds")
    return PendingPackage(folder.name, made_at, tuple(sorted(runs)), dict(sorted(rows.items())), _failures(folder))


def _job_files(folder: Path, *states: str) -> Iterator[Path]:
    """Files with rows, but for those of dlt's own tables; a merge has none."""
    for state in states:
        for file in sorted((folder / state).glob("*.*.*.*")):
            if not file.name.startswith("_dlt") and not file.name.endswith((".sql", JOB_EXCEPTION_EXTENSION)):
                yield file


def _count(job: ParsedLoadJobFileName, file: Path) -> int | None:
    try:
        if job.file_format == "parquet":
            return int(pq.read_metadata(file).num_rows)
        if job.file_format == "insert_values":
            return sum(line.startswith("(") for line in _lines(file))
    except (OSError, EOFError, pa.ArrowException, UnicodeDecodeError):
        return None
    return None


def _runs(job: ParsedLoadJobFileName, file: Path) -> set[str]:
    try:
        if job.file_format == "parquet":
            return set(pq.read_table(file, columns=["run_id"])["run_id"].to_pylist())
        return {run_id for line in _lines(file) for run_id in RUN_ID.findall(line)}
    except (OSError, EOFError, pa.ArrowException, UnicodeDecodeError):
        return set()


def _lines(file: Path) -> Iterator[str]:
    open_text = gzip.open if file.suffix == ".gz" else open
    with open_text(file, "rt", encoding="utf-8") as lines:
        yield from lines


def _failures(folder: Path) -> dict[str, str]:
    """By table, why the last attempt at what is not loaded failed."""
    told = sorted((folder / PackageStorage.EXCEPTIONS_FOLDER).glob("*"), key=lambda file: file.stat().st_mtime_ns)
    unfinished = {_job_id(file) for file in _job_files(folder, *UNFINISHED)}
    return {_job_id(file)[0]: _reason(file.read_text(errors="replace")) for file in told if _job_id(file) in unfinished}


def _job_id(file: Path) -> tuple[str, str]:
    """Table and number of a job's file, or of what was raised for it."""
    table, number, *_ = file.name.split(".")
    return table, number


def _reason(traceback: str) -> str:
    """What kind of error it was; a value in its message may be somebody's."""
    raised = list(LAST_ERROR.finditer(traceback))
    if not raised:
        return "no reason is known"
    kind, words = raised[-1]["kind"], raised[-1]["words"].strip()
    return words if kind.startswith("Database") and words else kind


def _is_loaded(folder: Path) -> bool:
    return (folder / PackageStorage.PACKAGE_COMPLETED_FILE_NAME).exists()


def _folders(parent: Path) -> dict[str, Path]:
    return {folder.name: folder for folder in parent.iterdir() if folder.is_dir()} if parent.is_dir() else {}
