"""The run journal as rows of the raw table `runs`."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import dlt
import pyarrow as pa

from sources.intercom.readings import LoadedTables
from sources.intercom.resources import INSERT_ONLY
from sources.intercom.tables import RUNS, RUNS_KEY, rows_table

from ..folder import Run, read_journal


@dlt.resource(name="runs", primary_key=RUNS_KEY, write_disposition=INSERT_ONLY)
def new_runs(path: Path, workspace_id: str, tables: LoadedTables, pipeline_name: str) -> Iterator[pa.Table]:
    """One row per ended run that is not loaded yet. The current run has not ended, so the table lags by one run."""
    newest = tables.newest_run(pipeline_name)
    unloaded = [run for run in read_journal(path) if run.pipeline_name == pipeline_name and _is_after(run, newest)]
    yield rows_table(RUNS, [asdict(run) | {"workspace_id": workspace_id} | _moments(run) for run in unloaded])


def _is_after(run: Run, newest: datetime | None) -> bool:
    return newest is None or (run.ended_at is not None and datetime.fromisoformat(run.ended_at) > newest)


def _moments(run: Run) -> dict[str, datetime | None]:
    return {
        name: datetime.fromisoformat(value) if value else None
        for name, value in (("started_at", run.started_at), ("ended_at", run.ended_at))
    }
