"""`abort-pending`: drops pending packages, so that the next sync starts after the last loaded run.

Rows of them that had arrived are deleted first, in one transaction. Then one rename removes the pipeline's working
folder: its packages, its state with their cursor, and the parts of a first load. dlt restores state and schema from the
warehouse, as it does on a new host. A kill in between leaves the packages pending. dlt's own `abort_packages` resets
the state in a second step, after the packages are deleted: a kill in between would leave a cursor past lost rows. It
also keeps the failed files, and needs packages that can be read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dlt

from ..destinations import dialect_of
from ..errors import ExitCode, Misconfigured
from ..loading import KEPT, PendingPackage, drop_pending, loaded_rows, part_store_of, pending_packages
from ..runs import Job, bound_workspace

COMMAND = "abort-pending"


@dataclass(frozen=True)
class Waiting:
    """What is pending: packages, and parts of a first load that are in no package yet.

    `arrived`: rows of the packages that are in the warehouse already, by table.
    """

    packages: tuple[PendingPackage, ...]
    shelved_parts: int
    shelved_rows: int
    arrived: dict[str, int]

    @property
    def is_nothing(self) -> bool:
        return not self.packages and not self.shelved_parts


@dataclass(frozen=True)
class Aborted:
    """What was pending, and whether it was dropped. `deleted`: arrived rows that were deleted, by table."""

    run_id: str
    exit_code: ExitCode
    waiting: Waiting
    is_dropped: bool
    deleted: dict[str, int]


@dataclass(kw_only=True)
class Abort(Job):
    """Drops the pending packages of one workspace, without a call to Intercom.

    `confirm` is shown what is pending, and decides whether to drop it.
    """

    confirm: Callable[[Waiting], bool]

    def run(self) -> Aborted:
        """Finds what is pending, confirms, and drops it.

        Raises:
            WarehouseError: all that was pending still is.
        """
        if not self.warehouse.is_used:
            raise Misconfigured(f"There is no warehouse in {self.warehouse.place} yet, so no package is pending.")
        with self._recorded(COMMAND) as (run, pipeline):
            run.workspace_id = bound_workspace(pipeline)
            waiting = waiting_for(pipeline)
            is_dropped = not waiting.is_nothing and self.confirm(waiting)
            deleted = self._drop(pipeline, waiting) if is_dropped else {}
            return Aborted(run.run_id, ExitCode.DONE, waiting, is_dropped, deleted)

    def _drop(self, pipeline: dlt.Pipeline, waiting: Waiting) -> dict[str, int]:
        drop_pending(pipeline, self.warehouse.dialect)
        self.warehouse.pipeline(self.workspace).sync_destination()
        return {table: rows for table, rows in waiting.arrived.items() if table not in KEPT}


def waiting_for(pipeline: dlt.Pipeline) -> Waiting:
    """What is pending in a pipeline."""
    packages = pending_packages(Path(pipeline.working_dir))
    parts = [part for part in part_store_of(pipeline).parts if not part.is_loaded]
    with pipeline.sql_client() as client:
        counted = loaded_rows(client, dialect_of(pipeline), [package.load_id for package in packages])
    return Waiting(tuple(packages), len(parts), sum(part.rows for part in parts), counted)
