"""What reading the exports would cost. No call is made for it."""

from collections.abc import Sequence

from ..api import has
from ..catalog import REPORTING_DATASETS, Resource
from ..lists import NEVER, LoadedLists
from ..readings import RunInputs
from ..tables import PlannedList
from .datasets import LoadedDatasets
from .run import is_due

CALLS = 3
"""At least: one makes the job, one asks for its state, one downloads it."""


def planned_exports(inputs: RunInputs, resources: Sequence[Resource]) -> list[PlannedList]:
    """The exports that a run would ask for, if the ones before are loaded."""
    exported = [one for one in resources if one.exported and has(inputs.options.version.name, one.since)]
    last = LoadedLists(inputs.tables).last_reads() if exported else {}
    return [
        _of_datasets(inputs, one)
        if one.exported and one.exported.by_dataset
        else PlannedList(one.table, CALLS if is_due(inputs.options, last.get(one.table, NEVER).cursor) else 0)
        for one in exported
    ]


def _of_datasets(inputs: RunInputs, resource: Resource) -> PlannedList:
    """One call finds the datasets. Before the first one, only a reading shows how many there are."""
    if not inputs.options.client_id:
        return PlannedList(resource.table, 0)
    until = LoadedDatasets(inputs.tables).until()
    datasets = LoadedLists(inputs.tables).present(REPORTING_DATASETS)
    due = sum(is_due(inputs.options, until.get(one)) for one in datasets)
    return PlannedList(resource.table, 1 + CALLS * due if datasets else None)
