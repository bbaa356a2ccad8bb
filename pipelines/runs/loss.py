"""Whether a data folder was used before, while its warehouse holds nothing: then it was lost, and not new.

To begin anew would end all history without a word, and publish that over the last copy of it.
"""

from collections.abc import Iterator
from datetime import datetime

import dlt

from sources.intercom.readings import LoadedTables
from sources.intercom.resources import saved_state

from ..destinations import MARTS, Warehouse
from ..errors import ExitCode, Misconfigured, NothingToRead
from ..folder import Run, read_journal
from ..loading import delete_states, state_in

DEFAULT_DESTINATION = "duckdb"
"""That of journal lines which name none: releases that wrote them had one other, which keeps its own state."""
ANEW = "To begin anew without it, run intercom-warehouse sync --accept-loss: all history would start then."


def check_database_is_there(warehouse: Warehouse, workspace: str) -> None:
    """To be called before the database is opened, which creates a missing one.

    Raises:
        Misconfigured: it is missing, and was there before.
    """
    if warehouse.exists:
        return
    for sign in _signs(warehouse, workspace):
        raise Misconfigured(
            f"The warehouse {warehouse.place} is gone, but {sign}. Nothing was written. {warehouse.way_back} {ANEW}"
        )


def check_not_lost(warehouse: Warehouse, pipeline: dlt.Pipeline, workspace_id: str, *, accept: bool) -> None:
    """To be called while no package is pending.

    Args:
        accept: begin anew instead.

    Raises:
        Misconfigured: the warehouse holds no row of the workspace, but did before.
    """
    if not LoadedTables(pipeline.sql_client, workspace_id).is_empty():
        return
    if accept:
        delete_states(pipeline, warehouse)
        return
    for sign in _signs(warehouse, pipeline.pipeline_name):
        raise Misconfigured(
            f"The warehouse {warehouse.place} holds nothing of this workspace, but {sign}. Nothing was written. "
            f"{warehouse.way_back} {ANEW}"
        )


def _signs(warehouse: Warehouse, workspace: str) -> Iterator[str]:
    """What says that the workspace was loaded before, in clauses."""
    if run := _last_load(warehouse, workspace):
        at = datetime.fromisoformat(run.ended_at or run.started_at)
        yield f"a sync loaded into it on {at:%Y-%m-%d}"
    if saved_state(state_in(warehouse.working_folder(workspace))).cursor is not None:
        yield "dlt's working folder has a cursor of it"
    if spells := _published_spells(warehouse):
        yield f"{warehouse.address} has {spells:,} memberships"


def _last_load(warehouse: Warehouse, workspace: str) -> Run | None:
    """The last sync in the journal that loaded something into a database of this kind."""
    loads = [
        run
        for run in read_journal(warehouse.journal)
        if run.pipeline_name == workspace
        and f"{run.command} ".startswith("sync ")
        and run.exit_code in (ExitCode.DONE, ExitCode.INCOMPLETE, ExitCode.MODELS_FAILED)
        and run.contacts_read
        and run.removed_by is None
        and (run.destination or DEFAULT_DESTINATION) == warehouse.key
    ]
    return loads[-1] if loads else None


def _published_spells(warehouse: Warehouse) -> int:
    try:
        with warehouse.reading() as ask:
            return int(ask(f"select count(*) from {MARTS}.segment_memberships")[0][0])  # noqa: S608 (a constant)
    except NothingToRead:
        return 0
