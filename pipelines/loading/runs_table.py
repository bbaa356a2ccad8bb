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
    """One row per ended run that is not loaded yet. The current run has not ended, so the table lags by one run.

    Each run comes once, also where two journals were joined into one. A run that `repair` removed does not come.
    """
    loaded = tables.runs(pipeline_name)
    new = {run.run_id: run for run in read_journal(path) if run.pipeline_name == pipeline_name and run.ended_at}
    rows = [run for run_id, run in new.items() if run_id not in loaded and run.removed_by is None]
    yield rows_table(RUNS, [asdict(run) | {"workspace_id": workspace_id} | _moments(run) for run in rows])


def _moments(run: Run) -> dict[str, datetime | None]:
    return {
        name: datetime.fromisoformat(value) if value else None
        for name, value in (("started_at", run.started_at), ("ended_at", run.ended_at))
    }
