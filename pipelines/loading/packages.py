"""Pending load packages: their contents, and the error for one that cannot be loaded.

They are read as files and not through dlt, since a package may be pending because a file in it is corrupt.
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

from ..errors import Cause, WarehouseError, cause_of, cause_of_text, causes
from ..folder import pending_folders
from ..settings import DEFAULT_WORKSPACE

LOGS = (
    "membership_changes",
    "segment_scans",
    "company_membership_changes",
    "company_segment_scans",
    "contact_tag_changes",
    "contact_tag_scans",
)
"""Tables with a `run_id`."""
UNFINISHED = (
    PackageStorage.NEW_JOBS_FOLDER,
    PackageStorage.STARTED_JOBS_FOLDER,
    PackageStorage.FAILED_JOBS_FOLDER,
)
RUN_ID = re.compile(r"\b\d{8}T\d{6}-[0-9a-f]{6}\b")
LAST_ERROR = re.compile(r"^(?:\w+\.)+(?P<kind>\w+): (?P<message>[^:\"'(\d\n]*)", re.MULTILINE)
"""The exception of a traceback and the start of its message, up to a colon or quote: values come behind those."""


class Stuck(WarehouseError):
    """A package cannot be loaded: the database may accept it next time, or the package has to be dropped."""


@dataclass(frozen=True)
class PendingPackage:
    """A package that is not loaded.

    `made_at` is ISO 8601 in UTC. `run_ids`: the runs whose changes and scans it holds. `rows` by table, null where they
    cannot be counted. `failures`: by table, why a job failed.
    """

    load_id: str
    made_at: str
    run_ids: tuple[str, ...]
    rows: dict[str, int | None]
    failures: dict[str, str]


def pending_packages(working_folder: Path) -> list[PendingPackage]:
    """The packages in a pipeline's working folder that are not loaded, the oldest first."""
    return [_package(folder) for folder in pending_folders(working_folder)]


@contextmanager
def stuck_packages_explained() -> Iterator[None]:
    """Raises Stuck in place of dlt's error for a package that it could not load."""
    try:
        yield
    except PipelineStepFailed as error:
        if error.step not in ("normalize", "load"):
            raise
        workspace, folder = error.pipeline.pipeline_name, Path(error.pipeline.working_dir)
        known = next(filter(None, (*map(cause_of, causes(error)), *_kept_causes(folder))), None)
        raise known.explained(folder) if known else Stuck(_explanation(workspace, pending_packages(folder))) from error


def _kept_causes(working_folder: Path) -> Iterator[Cause | None]:
    """What the computer lacked when jobs failed. dlt keeps that as text alone; dropping the package does not help."""
    for package in pending_folders(working_folder):
        for traceback in _tracebacks(package).values():
            yield cause_of_text(_last_error(traceback))


def _explanation(workspace: str, packages: list[PendingPackage]) -> str:
    failures = {table: why for package in packages for table, why in package.failures.items()}
    reasons = f" ({', '.join(f'{table}: {why}' for table, why in sorted(failures.items()))})" if failures else ""
    option = "" if workspace == DEFAULT_WORKSPACE else f" --workspace {workspace}"
    return (
        f"A load package could not be loaded{reasons}. The marts are as they were. Run the command again, with --debug "
        "before its name for the details: it starts with the pending packages. If it fails again, run "
        f"intercom-warehouse abort-pending{option}, which shows what is pending and drops it. The next sync reads it "
        "again."
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
    """Files with rows, except those of dlt's own tables. A merge job has no rows."""
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
    """By table, why the last attempt at an unfinished job failed."""
    return {table: _reason(traceback) for table, traceback in _tracebacks(folder).items()}


def _tracebacks(folder: Path) -> dict[str, str]:
    """By table, the traceback of the last attempt at an unfinished job."""
    reports = sorted((folder / PackageStorage.EXCEPTIONS_FOLDER).glob("*"), key=lambda file: file.stat().st_mtime_ns)
    unfinished = {_job_id(file) for file in _job_files(folder, *UNFINISHED)}
    return {_job_id(file)[0]: file.read_text(errors="replace") for file in reports if _job_id(file) in unfinished}


def _job_id(file: Path) -> tuple[str, str]:
    """Table and number of a job, from the name of its file or of its exception's file."""
    table, number, *_ = file.name.split(".")
    return table, number


def _last_error(traceback: str) -> str:
    """The whole message of a traceback's exception."""
    raised = list(LAST_ERROR.finditer(traceback))
    return traceback[raised[-1].start() :] if raised else ""


def _reason(traceback: str) -> str:
    """The kind of error; a value in its message may be personal."""
    raised = list(LAST_ERROR.finditer(traceback))
    if not raised:
        return "no reason is known"
    kind, message = raised[-1]["kind"], raised[-1]["message"].strip()
    return message if kind.startswith("Database") and message else kind
