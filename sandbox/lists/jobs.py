"""Jobs that export rows as a file: some at a time, and each for a period."""

import csv
import gzip
import io
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ..people import DAY_SECONDS, Json

KEPT_SECONDS, LONGEST_SECONDS = 2 * DAY_SECONDS, 3_600
UNDER_WAY = ("pending", "in_progress")
Packing = Literal["gzip", "zip", "plain"]


@dataclass
class Job:
    """A job, and the period that it exports, in epoch seconds.

    Attributes:
        dataset, attributes: what it exports of reports.
        replied: conversations without a reply are left out.
    """

    id: str
    after: int
    before: int
    dataset: str = ""
    attributes: tuple[str, ...] = ()
    replied: bool = False
    asked: int = 0
    status: str = "pending"
    finished_at: int = 0


@dataclass
class Jobs(ABC):
    """The jobs of one kind.

    Attributes:
        jobs: by id, all that were ever made.
        questions: how often the state of a job is asked for until it is finished.
        ends_as: the status of jobs that finish, where it is another one, one for each.
        packing: how files are sent.
        cut: bytes that the next downloads lack, one number a download.
        is_refused: the token may not export.
        downloads: how often a file was sent.
    """

    jobs: dict[str, Job] = field(default_factory=dict)
    questions: int = 1
    ends_as: list[str] = field(default_factory=list)
    packing: Packing = "gzip"
    cut: list[int] = field(default_factory=list)
    is_refused: bool = False
    downloads: int = 0

    most: ClassVar[int]
    """Jobs that are under way at once."""
    completed: ClassVar[str]
    no_rows: ClassVar[str]
    """The status of a finished job, and of one without rows."""

    @abstractmethod
    def rows(self, job: Job) -> list[Json]:
        """What a job exports."""

    @abstractmethod
    def header(self, job: Job) -> Sequence[str]:
        """The names of the columns, in order."""

    def make(self, after: int, before: int, **asked: object) -> Job | None:
        """A new job; null where as many are under way as may be. Each takes an hour at most."""
        going = [one for one in self.jobs.values() if one.status in UNDER_WAY and one.before > before - LONGEST_SECONDS]
        if len(going) >= self.most:
            return None
        job = Job(f"job{len(self.jobs) + 1}", after, before, **asked)  # type: ignore[arg-type]
        self.jobs[job.id] = job
        return job

    def ask(self, job_id: str, now: int) -> Job | None:
        """The state of a job, which moves on with each question; null for one that is unknown or expired."""
        job = self.jobs.get(job_id)
        if job is None or self._is_expired(job, now):
            return None
        job.asked += 1
        if job.status in UNDER_WAY and job.asked >= self.questions:
            finished = self.completed if self.rows(job) else self.no_rows
            job.status = self.ends_as.pop(0) if self.ends_as else finished
            job.finished_at = now
        return job

    def file(self, job_id: str, now: int) -> bytes | None:
        """What a job has exported; null likewise."""
        job = self.jobs.get(job_id)
        if job is None or job.status != self.completed or self._is_expired(job, now):
            return None
        self.downloads += 1
        packed = self._packed(self._csv(job))
        return packed[: -self.cut.pop(0)] if self.cut else packed

    def _is_expired(self, job: Job, now: int) -> bool:
        return job.status not in UNDER_WAY and now - job.finished_at > KEPT_SECONDS

    def _csv(self, job: Job) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(self.header(job))
        writer.writerows(one.values() for one in self.rows(job))
        return text.getvalue().encode()

    def _packed(self, content: bytes) -> bytes:
        if self.packing == "gzip":
            return gzip.compress(content)
        if self.packing == "plain":
            return content
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
            files.writestr("rows.csv", content)
        return archive.getvalue()
