"""Exports in one run: the step that each is at, and those that follow as far as Intercom is ready for them."""

import asyncio
from asyncio import sleep
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from ..api import Refused, Unavailable
from ..memberships import RunOptions
from ..search import ROWS_A_TABLE, Tally
from ..tables import Status
from ..wire import plainly
from .export import Export
from .jobs import Job, JobStore
from .rows import DAMAGED

DAY_SECONDS = 86_400
YEARS_AGO = 10 * 365 * DAY_SECONDS
"""Where Intercom does not say when the workspace was created."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 2.0, 60.0
COMPLETED, EMPTY, FAILED = ("completed", "complete"), "no_data", ("failed", "canceled")
AGAIN = "The next run asks for a new one"


class Step(NamedTuple):
    """What became of an export in a run.

    Args:
        problem: why it is not loaded.
        loaded_until: the end of the period that was loaded; null if none was.
        is_waiting: it may go on once Intercom is ready.
    """

    status: Status
    problem: str | None = None
    loaded_until: int | None = None
    is_waiting: bool = False


TURN = Step("partial", "Intercom makes other exports, and as many as it makes at a time. The next run asks again")
"""Of an export that has not had its turn. It may have it in this run."""


class ExportRun:
    """Makes an export, downloads it and loads it; what an earlier run has done is not done again.

    Attributes:
        step: how far it has come. It is to be advanced while that is waiting.
        calls: answered calls.

    Args:
        tally: counts rows.
    """

    def __init__(self, export: Export[Any], folder: Path, tally: Tally) -> None:
        self.export = export
        self.calls = 0
        self._tally = tally
        self._options = export.options
        self._store = JobStore(folder, export.name)
        self._kept = self._store.read()
        job, until = self._kept.job, export.loaded_until
        if job and until is not None and job.before <= until:  # it was loaded by the run before
            job = self._keep(None)
        is_due_now = job is not None or is_due(self._options, until)
        self.step = TURN._replace(is_waiting=True) if is_due_now else Step("complete")

    @property
    def is_asked(self) -> bool:
        """Whether Intercom has made a job of it."""
        return self._kept.job is not None and self._kept.job.id is not None

    async def advance(self) -> None:
        """Goes on from the step that it is at, as far as that is possible now."""
        job = self._kept.job
        try:
            self.step = await (self._ask() if job is None or job.id is None else self._follow(job))
        except Refused as refused:
            self.step = Step("refused", refused.answer)
        except Unavailable as error:
            self.step = Step("incomplete", str(error))

    async def _ask(self) -> Step:
        """Makes a job. The period of a job of which the id is lost is not asked for again, but a longer one."""
        asked = self.export.job(*self._period())
        self._kept = self._store.keep(replace(self._kept, job=asked, asked_until=asked.before))
        self.calls += 1
        try:
            made = await self.export.ask(asked)
        except Refused:
            self._keep(None)
            raise
        if made is None:
            self._keep(None)
            return TURN._replace(is_waiting=True)
        if made.id is None:
            return Step("incomplete", f"Intercom did not name the export that it makes. {AGAIN}")
        return await self._follow(self._keep(replace(asked, id=made.id)) or asked)

    def _period(self) -> tuple[int, int]:
        """From the end of what is loaded, less the overlap, to now; shorter after a job that failed."""
        now, longest, until = int(self._options.began_at.timestamp()), self._kept.longest, self.export.loaded_until
        overlap = self.export.exported.overlap_days * DAY_SECONDS
        overlap = overlap if longest is None else min(overlap, longest // 2)
        created_at = self._options.app.created_at or now - YEARS_AGO
        after = created_at if until is None else max(until - overlap, created_at)
        end = now if longest is None else min(now, after + longest)
        return after, end if end != self._kept.asked_until else end + 1

    async def _follow(self, job: Job) -> Step:
        """Asks for a job's state, and downloads and loads what it has exported."""
        if not job.is_downloaded:
            self.calls += 1
            found = await self.export.state(str(job.id))
            status = None if found is None else found.status
            if status == EMPTY:
                return await self._finish(job)
            if status in FAILED:
                self._kept = replace(self._kept, longest=max((job.before - job.after) // 2, DAY_SECONDS))
                self._keep(None)
                return Step("incomplete", f"Intercom's export has the status {status}. {AGAIN}, of a shorter period")
            if status is not None and status not in COMPLETED:
                problem = f"Intercom's export has the status {plainly(status)}. A later run loads it"
                return Step("partial", problem, is_waiting=True)
            if status is None or not await self._download(job):
                self._keep(None)
                return Step("incomplete", f"Intercom's export {self.export.lost}. {AGAIN}")
        return await self._load(job)

    async def _download(self, job: Job) -> bool:
        self.calls += 1
        is_there = await self.export.download(str(job.id), self._store)
        if is_there:
            self._kept = self._store.finish_download(self._kept, job)
        return is_there

    async def _load(self, job: Job) -> Step:
        """Loads the file in batches, and deletes it: it has what the configuration may exclude or hash.

        A run that is killed before the rows are in the warehouse leaves the job, whose file the next one asks for.
        """
        unreadable = 0
        rows = self.export.rows(job, self._store)
        try:
            while batch := await asyncio.to_thread(list, islice(rows, ROWS_A_TABLE)):
                unreadable += batch.count(None)
                self._tally.add(len(batch))
                await self.export.load(job, [row for row in batch if row is not None])
        except DAMAGED as error:
            self._drop_file(job)
            return Step(
                "incomplete", f"the export's file is damaged ({type(error).__name__}). A later run loads it again"
            )
        finally:
            rows.close()
        if unreadable:
            self._keep(None)
            return Step("incomplete", f"{unreadable:,} rows of the export could not be read. {AGAIN}")
        return await self._finish(job)

    async def _finish(self, job: Job) -> Step:
        problem = await self.export.finish(job)
        if problem:
            self._keep(None)
            return Step("incomplete", problem)
        self._drop_file(job)
        self._kept = self._store.keep(replace(self._kept, longest=None))
        return Step("complete", loaded_until=job.before)

    def _drop_file(self, job: Job) -> None:
        self._keep(replace(job, is_downloaded=False))
        self._store.file.unlink(missing_ok=True)
        self._store.seen.unlink(missing_ok=True)

    def _keep(self, job: Job | None) -> Job | None:
        self._kept = self._store.keep(replace(self._kept, job=job))
        return job


async def advanced(runs: Sequence[ExportRun], most: int, seconds: float) -> None:
    """Takes exports as far as they come in that time. No more than `most` are under way at once."""
    for wait in (*waits(seconds), None):
        await _advance_each(runs, most)
        if wait is None or not any(run.step.is_waiting for run in runs):
            return
        await sleep(wait)


async def _advance_each(runs: Sequence[ExportRun], most: int) -> None:
    """Those that are under way come first. Once Intercom makes no other, none is asked for."""
    is_full = False
    for run in sorted((run for run in runs if run.step.is_waiting), key=lambda run: not run.is_asked):
        under_way = sum(other.is_asked and other.step.is_waiting for other in runs)
        if run.is_asked or (under_way < most and not is_full):
            await run.advance()
            is_full = is_full or (run.step.is_waiting and not run.is_asked)


def is_due(options: RunOptions, loaded_until: int | None) -> bool:
    """Whether what happened lately has to be exported."""
    if options.full or loaded_until is None:
        return True
    return int(options.began_at.timestamp()) - loaded_until > options.limits.sweep_every.total_seconds()


def waits(total: float) -> Iterator[float]:
    """The seconds between the questions for a job's state: longer and longer ones, together as many as may pass."""
    spent, wait = 0.0, FIRST_WAIT_SECONDS
    while spent < total:
        yield min(wait, total - spent)
        spent += wait
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)
