"""The exports of all datasets of Intercom's reports in one run."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ..api import Intercom, Refused, has
from ..catalog import REPORTING_DATASETS, Nested, Resource
from ..lists import LastRead, ListReader, Record, columns_of
from ..readings import RunInputs
from ..search import Tally
from ..support import Put
from ..tables import ListRead, Privacy, Status
from .datasets import MOST_JOBS, ROWS, VALUES, DatasetExport, LoadedDatasets, store_name
from .jobs import Attribute, Dataset, drop_others
from .run import ExportRun, advanced

ATTRIBUTES: Nested = REPORTING_DATASETS.nested[0]
NO_CLIENT_ID = "the setting client_id is empty"
NO_CLIENT_ID_NOTE = (
    f"{ROWS.table} is left out: Intercom shows the state of such an export only to calls that name the client id of "
    "the app. Copy that id from the Developer Hub into SOURCES__INTERCOM__CLIENT_ID, or into client_id in "
    ".dlt/config.toml."
)


class ReportingRun:
    """Exports the datasets that are due, each by a job.

    Args:
        last: the newest reading of the resource.
        tally: counts rows.
        put: receives rows to load.
    """

    def __init__(
        self, client: Intercom, inputs: RunInputs, resource: Resource, last: LastRead, tally: Tally, put: Put
    ) -> None:
        self._client = client
        self._inputs, self._options = inputs, inputs.options
        self._resource = resource
        self._last = last
        self._tally = tally
        self._put = put
        self._started_at = inputs.options.clock()

    async def read(self) -> ListRead:
        """Goes on with each dataset from the step that the runs before have left."""
        if problem := self._missing():
            return self._noted("not_offered", problem)
        reader = ListReader(self._client, REPORTING_DATASETS, Privacy())
        try:
            listed = await reader.whole()
        except Refused as refused:
            return self._noted("refused", refused.answer, calls=1)
        until = await asyncio.to_thread(LoadedDatasets(self._inputs.tables).until)
        runs = {one.id: self._run(one, until) for one in map(self._dataset, listed.records.values()) if one.attributes}
        if listed.problem is None:
            drop_others(self._folder, f"{ROWS.table}-", {store_name(one) for one in runs})
        await advanced(list(runs.values()), MOST_JOBS, self._options.limits.export_wait * 60)
        return self._result(runs, listed.problem, until, listed.calls)

    @property
    def _folder(self) -> Path:
        if self._inputs.folder is None:
            raise ValueError("there is no folder to keep an export in")
        return self._inputs.folder

    def _missing(self) -> str | None:
        """What an export needs and the run does not have; null if there is all."""
        if not has(self._options.version.name, self._resource.since):
            return f"it came with version {self._resource.since} of Intercom's API"
        if not self._options.client_id:
            return NO_CLIENT_ID
        return "there is no folder to keep an export in" if self._inputs.folder is None else None

    def _dataset(self, record: Record) -> Dataset:
        """A dataset with the attributes that are not excluded, and always with the one that holds the time."""
        rows = record.rows(ATTRIBUTES).rows
        names = list(columns_of(ATTRIBUTES, REPORTING_DATASETS))
        listed = [dict(zip(names, row.values, strict=True)) for row in rows]
        all_of_them = [Attribute(one["attribute_id"], one["short_id"], one["name"]) for one in listed]
        default = dict(zip(columns_of(REPORTING_DATASETS, REPORTING_DATASETS), record.row.values, strict=True))
        named = default["default_time_attribute_id"]
        dated_by = next((one.id for one in all_of_them if named in (one.id, one.short_id)), None)
        excluded = self._inputs.fields.privacy.excluded
        chosen = [one for one in all_of_them if one.id == dated_by or f"{ROWS.table}.{VALUES}.{one.id}" not in excluded]
        return Dataset(record.id, tuple(chosen), dated_by)

    def _run(self, dataset: Dataset, until: Mapping[str, int]) -> ExportRun:
        is_doubted = f"{dataset.id}: it lacks" in (self._last.problem or "")
        given = (self._client, self._inputs, self._resource, until.get(dataset.id), self._put)
        return ExportRun(DatasetExport(*given, dataset=dataset, is_doubted=is_doubted), self._folder, self._tally)

    def _result(
        self, runs: Mapping[str, ExportRun], problem: str | None, until: Mapping[str, int], calls: int
    ) -> ListRead:
        steps = {one: run.step for one, run in runs.items()}
        problems = [f"the list of datasets: {problem}"] if problem else []
        problems += [f"{one}: {step.problem}" for one, step in steps.items() if step.problem]
        status = "incomplete" if problem else status_of([step.status for step in steps.values()])
        ends = [step.loaded_until or until.get(one) for one, step in steps.items()]
        exports = [run.export for run in runs.values()]
        return replace(
            self._noted(status, "; ".join(problems) or None),
            calls=calls + sum(run.calls for run in runs.values()),
            fetched=sum(one.fetched for one in exports),
            changed=sum(one.changed for one in exports),
            deleted=sum(one.deleted for one in exports),
            cursor=None if None in ends else min((one for one in ends if one is not None), default=None),
        )

    def _noted(self, status: Status, problem: str | None, calls: int = 0) -> ListRead:
        now = self._options.clock()
        return ListRead(self._resource.table, "changes", status, problem, self._started_at, now, calls=calls)


def status_of(datasets: Collection[Status]) -> Status:
    """The status of all. It is refused if some are and none is complete; the problem names each."""
    if "incomplete" in datasets:
        return "incomplete"
    if "refused" in datasets and "complete" not in datasets:
        return "refused"
    return "partial" if {"partial", "refused"} & {*datasets} else "complete"


def reporting_notes(read: ListRead) -> Iterator[str]:
    """What a person should know about the exports of reports, beside what is said of all lists."""
    if read.problem == NO_CLIENT_ID:
        yield NO_CLIENT_ID_NOTE
    if read.status == "refused":
        yield f"{ROWS.table}: check also the setting client_id. Intercom shows exports only to the app that made them."
