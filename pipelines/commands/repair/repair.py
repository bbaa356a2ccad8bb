"""`repair`: removes from the raw tables what should not be there, and builds the marts without it.

That is what single runs have added, such as a run with a wrong clock, and rows that are there twice. Contacts stay as
they are. dlt's state goes back to before the first removed run, so that the next sync reads again what has changed
since then. The rows go in one transaction; a kill before or after it leaves a warehouse that the next run understands.
"""

import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

import dlt

from ...destinations import MARTS, RAW
from ...errors import ExitCode, Misconfigured, plain_errors
from ...folder import Run, mark_removed, read_journal
from ...loading import KEPT, set_aside
from ...messages import Step
from ...models import Place, rewriting, touching_loads
from ...runs import Job, bound_workspace
from .raw_log import LoadedRun, RawLog


@dataclass(frozen=True)
class RemovedRun:
    """A run that is removed: its line in the journal, and the rows that it has loaded, by table.

    `command`: null where the journal does not know the run. `observed_until`: null for a run that loaded nothing.
    """

    run_id: str
    command: str | None
    observed_until: datetime | None
    rows: dict[str, int]

    @classmethod
    def of(cls, run: tuple[LoadedRun | None, Run | None], log: RawLog) -> Self:
        loaded, journaled = run
        return cls(
            run_id=next(known.run_id for known in run if known),
            command=journaled.command if journaled else None,
            observed_until=loaded.observed_until if loaded else None,
            rows={table: count for table, count in log.rows_of(loaded).items() if table not in KEPT} if loaded else {},
        )


@dataclass(frozen=True)
class Repaired:
    """What was removed, or, with `is_dry_run`, would be.

    `doubled`: rows that repeat a key or a change, by raw table. `schemas`: those that dlt's development mode has made
    beside the raw tables. `warnings`: checks of the new marts that do not hold.
    """

    run_id: str | None
    workspace_id: str
    exit_code: ExitCode
    is_dry_run: bool
    runs: tuple[RemovedRun, ...]
    doubled: dict[str, int]
    schemas: tuple[str, ...]
    warnings: tuple[str, ...]
    seconds: float

    @property
    def is_nothing(self) -> bool:
        return not (self.runs or self.doubled or self.schemas)


@dataclass(kw_only=True)
class Repair(Job):
    """Repairs the raw tables of one workspace, without a call to Intercom.

    Args:
        run_id: remove what this run has loaded.
        after: remove what all runs have loaded that observed anything after this time.
        is_dry_run: only find it.
    """

    run_id: str | None = None
    after: datetime | None = None
    is_dry_run: bool = False

    def run(self) -> Repaired:
        """Repairs.

        Raises:
            WarehouseError: nothing was removed, or the message says how to go on.
        """
        if not self.warehouse.is_used:
            raise Misconfigured(f"There is no warehouse in {self.warehouse.place} yet, so nothing can be repaired.")
        if self.is_dry_run:
            with plain_errors(self.warehouse.explain), self.warehouse.held(self._lock_request("repair --dry-run")):
                return self._find(self._opened_pipeline())
        with self._recorded(self._command) as (run, pipeline):
            found = replace(self._find(pipeline), run_id=run.run_id)
            run.workspace_id = found.workspace_id
            if not found.is_nothing:
                self._remove(pipeline, found)
                found = replace(found, warnings=self._rebuild(), seconds=self._seconds)
            return found

    @property
    def _command(self) -> str:
        options = {"--run": self.run_id, "--after": self.after and self.after.isoformat()}
        return " ".join(["repair", *(f"{name} {value}" for name, value in options.items() if value)])

    def _check_nothing_is_pending(self, pipeline: dlt.Pipeline) -> None:
        if pipeline.has_pending_data:
            raise Misconfigured(
                "An interrupted run has packages to load, which depend on what is loaded now. Nothing was removed. Run "
                "intercom-warehouse sync, which loads them, or abort-pending, which drops them. Then run this command "
                "again."
            )

    def _workspace_id(self, pipeline: dlt.Pipeline) -> str:
        workspace_id = bound_workspace(pipeline) or self._journaled_workspace()
        if workspace_id is None:
            raise Misconfigured(
                f"No workspace was ever synced as {self.workspace}, so nothing of it can be repaired. Name another "
                "one: --workspace NAME."
            )
        return workspace_id

    def _journaled_workspace(self) -> str | None:
        ids = [run.workspace_id for run in self._journal() if run.workspace_id]
        return ids[-1] if ids else None

    def _journal(self) -> list[Run]:
        return [run for run in read_journal(self.warehouse.journal) if run.pipeline_name == self.workspace]

    def _find(self, pipeline: dlt.Pipeline) -> Repaired:
        self._check_nothing_is_pending(pipeline)
        pipeline.sync_destination()
        workspace_id = self._workspace_id(pipeline)
        with pipeline.sql_client() as client:
            log = RawLog(client, self.warehouse.dialect)
            return Repaired(
                run_id=None,
                workspace_id=workspace_id,
                exit_code=ExitCode.DONE,
                is_dry_run=self.is_dry_run,
                runs=tuple(RemovedRun.of(run, log) for run in self._chosen(log, workspace_id)),
                doubled=log.doubled(),
                schemas=tuple(log.other_schemas()),
                warnings=(),
                seconds=self._seconds,
            )

    def _chosen(self, log: RawLog, workspace_id: str) -> list[tuple[LoadedRun | None, Run | None]]:
        """The runs to remove, as they are in the raw tables and in the journal, the oldest first."""
        loaded = {run.run_id: run for run in log.runs(workspace_id)}
        journaled = {run.run_id: run for run in self._journal() if run.removed_by is None}
        both = [(loaded.get(run_id), journaled.get(run_id)) for run_id in sorted(loaded.keys() | journaled.keys())]
        chosen = [one for one in both if self._is_chosen(*one)]
        if self.run_id and not chosen:
            raise Misconfigured(
                f"No run {self.run_id} of workspace {self.workspace} is known. Nothing was removed. intercom-warehouse "
                "status shows the last runs; the file runs.jsonl in the data folder has all of them."
            )
        return chosen

    def _is_chosen(self, loaded: LoadedRun | None, journaled: Run | None) -> bool:
        if self.run_id in {run.run_id for run in (loaded, journaled) if run}:
            return True
        if self.after is None:
            return False
        is_late = journaled is not None and datetime.fromisoformat(journaled.started_at) > self.after
        return is_late or (loaded is not None and loaded.observed_until > self.after)

    def _remove(self, pipeline: dlt.Pipeline, found: Repaired) -> None:
        """The journal comes first: a line that is not marked would be loaded again by the next sync."""
        run_ids = [run.run_id for run in found.runs]
        mark_removed(self.warehouse.journal, run_ids, str(found.run_id))
        with pipeline.sql_client() as client:
            log = RawLog(client, self.warehouse.dialect)
            loaded = [run for run in log.runs(found.workspace_id) if run.run_id in run_ids]
            self.say(Step("Removing rows from the loaded tables", "repair"))
            place = Place(RAW, MARTS, self.warehouse.dialect)
            loads = {load for run in loaded for load in run.load_ids}
            touching = None if found.doubled else touching_loads(place, loads)  # what doubles touch is not searched
            with client.begin_transaction(), rewriting(client, place, touching):
                if loaded:
                    log.remove(loaded, workspace_id=found.workspace_id, pipeline_name=pipeline.pipeline_name)
                log.remove_journal_lines(run_ids, found.workspace_id)
                log.remove_doubled(log.doubled())
                log.recount_scans()
                for schema in found.schemas:
                    log.drop(schema)
        shutil.rmtree(set_aside(Path(pipeline.working_dir)))

    def _rebuild(self) -> tuple[str, ...]:
        pipeline = self.warehouse.pipeline(self.workspace)
        pipeline.sync_destination()
        return tuple(str(fault) for fault in self._refresh(pipeline).faults)
