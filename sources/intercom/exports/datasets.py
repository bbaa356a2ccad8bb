"""The export of a dataset of Intercom's reports.

Intercom does not say what distinguishes the rows of a dataset, so no row replaces another one. An export has all rows
of its period: it replaces all that was loaded of that period.
"""

import asyncio
import csv
import hashlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any, ClassVar, NamedTuple

import msgspec
from msgspec import Raw

from ..api import ExportJob
from ..catalog import REPORTING_EXPORTS, Table
from ..lists import Row, Unfit, canonical, collapse, read_value, table_of
from ..readings import LoadedTables
from .export import Export
from .jobs import Attribute, Dataset, Job, JobStore
from .rows import SeenKeys, csv_rows, fields_of_row

MOST_JOBS = 5
SLACK_SECONDS = 86_400
"""How far a time in a file may be from the one by which Intercom chooses rows: it may be that of another timezone."""
ROWS = REPORTING_EXPORTS.nested[0]
VALUES, TIME = "attribute_values", "occurred_at"
HASH_BYTES = 12


class LoadedRow(NamedTuple):
    """A loaded row of a dataset."""

    occurred_at: int | None
    is_deleted: bool


class LoadedDatasets:
    """What earlier runs have loaded of datasets. Tables that are not loaded yet are empty."""

    def __init__(self, tables: LoadedTables) -> None:
        self._tables = tables

    def until(self) -> dict[str, int]:
        """The end of the last export of each dataset, in epoch seconds."""
        query = f"select id, exported_until from {{{REPORTING_EXPORTS.table}}} where workspace_id = %s"  # noqa: S608 (our own names)
        return dict(self._tables.ask(query))

    def rows(self, dataset_id: str, since: int) -> dict[str, LoadedRow]:
        """The rows since a time, and those without one, by their id."""
        query = (
            f"select row_id, {TIME}, is_deleted from {{{ROWS.table}}} where workspace_id = %s and dataset_id = %s "  # noqa: S608 (our own names)
            f"and ({TIME} is null or {TIME} >= {since})"
        )
        return {row_id: LoadedRow(*rest) for row_id, *rest in self._tables.ask(query, dataset_id)}


class DatasetExport(Export[Row]):
    """A job for one dataset.

    Args:
        dataset: as Intercom lists it.
        is_doubted: its last export lacked most rows, and did not count.
    """

    most: ClassVar[int] = MOST_JOBS
    lost: ClassVar[str] = (
        "is not known to it: it has expired before it was downloaded, or the setting client_id is not that of the app"
    )

    def __init__(self, *args: Any, dataset: Dataset, is_doubted: bool) -> None:
        super().__init__(*args)
        self.dataset = dataset
        self._is_doubted = is_doubted or self.options.guard.accept
        self._rules = self._inputs.fields.privacy.rules(ROWS.table)
        self._known: Mapping[str, LoadedRow] | None = None
        self._lost = set[str]()
        self._found = 0

    @property
    def name(self) -> str:
        """With a hash, since the id of a dataset may be no name of a file."""
        return store_name(self.dataset.id)

    def job(self, after: int, before: int) -> Job:
        """As `Export.job`."""
        return Job(after, before, dataset=self.dataset)

    async def ask(self, job: Job) -> ExportJob | None:
        """As `Export.ask`."""
        attributes = [one.id for one in self.dataset.attributes]
        period = {"start_time": job.after, "end_time": job.before}
        asked = {"dataset_id": self.dataset.id, "attribute_ids": attributes, **period}
        return await self._client.ask_for_export(self._resource.path, asked)

    def _asked_of_state(self, job_id: str) -> Mapping[str, str]:
        return {**self._asked_of_file(job_id), "client_id": self.options.client_id}

    def _asked_of_file(self, job_id: str) -> Mapping[str, str]:
        """The id of the job is described as a part of the query, too."""
        return {"app_id": self.options.workspace_id, "job_identifier": job_id}

    def rows(self, job: Job, store: JobStore) -> Generator[Row | None, None, None]:
        """As `Export.rows`. Equal rows are numbered."""
        dataset = job.dataset or self.dataset

        def named(header: Sequence[str]) -> list[str]:
            return columns_of(header, dataset.attributes)

        with closing(SeenKeys(store.seen)) as seen:
            for row in csv_rows(store.file, named):
                time, values = self._values(row, dataset)
                digest = digest_of([time, values])
                times = seen.times((digest,))
                yield self._row(digest if times == 1 else f"{digest}-{times}", time, values)

    def _values(self, row: Mapping[str, str], dataset: Dataset) -> tuple[int | None, str | None]:
        """The time and the values of a row, with the rules of privacy applied."""
        fields = fields_of_row(row, ())
        try:
            time = read_value(fields.get(dataset.dated_by or ""), "time")
        except Unfit:
            time = None
        text, rule = canonical(Raw(msgspec.json.encode(fields))), self._rules.get(VALUES)
        return None if TIME in self._rules else time, rule(text) if rule else text

    def _row(self, row_id: str, time: int | None, values: str | None) -> Row:
        return Row((self.dataset.id, row_id), (self.dataset.id, row_id, time, values), digest_of([time, values]))

    async def load(self, job: Job, rows: list[Row]) -> None:
        """As `Export.load`."""
        known = await self._loaded(job)
        new = [row for row in rows if row.key[1] not in known or known[row.key[1]].is_deleted]
        self.fetched += len(rows)
        self.changed += len(new)
        self._found += sum(is_within(row.values[2], self._certain(job)) for row in rows)
        self._lost -= {row.key[1] for row in rows}
        await self._put_rows(ROWS, new)

    async def finish(self, job: Job) -> str | None:
        """Marks the rows of the period that are not in the file as deleted, and notes how far the dataset is loaded."""
        known, period = await self._loaded(job), self._certain(job)
        before = sum(is_within(one.occurred_at, period) for one in known.values() if not one.is_deleted)
        problem = collapse(before - self._found, before, can_be_empty=False) if before > self._found else None
        if problem and not self._is_doubted:
            return problem
        lost = {row_id: known[row_id].occurred_at for row_id in self._lost}
        ended = [self._row(row_id, time, None) for row_id, time in lost.items() if is_within(time, period)]
        self.deleted += len(ended)
        await self._put_rows(ROWS, ended, is_deleted=True)
        key = self.dataset.id
        note = Row((key,), (key, job.after, job.before), digest_of([job.after, job.before]))
        await self._put_rows(REPORTING_EXPORTS, [note])
        return None

    def _certain(self, job: Job) -> tuple[int, int]:
        """Between which times the export certainly has all rows that are loaded."""
        is_newest = self.loaded_until is None or job.before >= self.loaded_until
        return job.after + SLACK_SECONDS, job.before + (SLACK_SECONDS if is_newest else -SLACK_SECONDS)

    async def _loaded(self, job: Job) -> Mapping[str, LoadedRow]:
        """The rows that the job may have again, read once."""
        if self._known is None:
            since = job.after - SLACK_SECONDS
            self._known = await asyncio.to_thread(LoadedDatasets(self._inputs.tables).rows, self.dataset.id, since)
            self._lost = {row_id for row_id, one in self._known.items() if not one.is_deleted}
        return self._known

    async def _put_rows(self, table: Table, rows: list[Row], *, is_deleted: bool = False) -> None:
        noted = {**self.options.stamp, "observed_at": self.options.clock(), "is_deleted": is_deleted}
        tables = (table_of(table, self._resource, rows, noted),) if rows else ()
        await self._put({table.table: tables})


def columns_of(header: Sequence[str], attributes: Sequence[Attribute]) -> list[str]:
    """The attributes of a file's columns. Intercom does not say by which of its names it calls an attribute there.

    Raises:
        csv.Error: no column is one of the attributes, so that it is another file.
    """
    names = [{one.id, one.short_id, one.name} for one in attributes]
    if len(header) == len(names) and all(name in known for name, known in zip(header, names, strict=True)):
        return [one.id for one in attributes]
    ids = {one.id for one in attributes}
    meant = [[one.id for one, known in zip(attributes, names, strict=True) if name in known] for name in header]
    if header and not any(meant):
        raise csv.Error("it has no column of the dataset")
    return [name if name in ids or len(one) != 1 else one[0] for name, one in zip(header, meant, strict=True)]


def is_within(time: int | None, period: tuple[int, int]) -> bool:
    """Whether a time is known, and within a period."""
    return time is not None and period[0] <= time <= period[1]


def digest_of(values: Sequence[object]) -> str:
    """A hash of values."""
    return hashlib.blake2b(msgspec.json.encode(values), digest_size=HASH_BYTES).hexdigest()


def store_name(dataset_id: str) -> str:
    """The name under which the job of a dataset is kept."""
    return f"{ROWS.table}-{digest_of([dataset_id])}"
