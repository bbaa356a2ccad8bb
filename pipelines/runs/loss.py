"""Whether a data folder was used before, while its warehouse holds nothing: then it was lost, and not new.

A new start would end all history without a word, and overwrite the last copy of it.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

import dlt

from sources.intercom.readings import LoadedTables
from sources.intercom.resources import saved_state

from ..destinations import DESTINATIONS, MARTS, Warehouse
from ..errors import ExitCode, Misconfigured, NothingToRead
from ..folder import Run, read_journal, state_in
from ..loading import client_of, delete_states

DEFAULT_DESTINATION = next(iter(DESTINATIONS))
"""That of journal lines which name none: releases that wrote them had one other, which keeps its own state."""
NEW_START = "To start again without it, run intercom-warehouse sync --accept-loss: all history would start then."


def check_database_is_there(warehouse: Warehouse, workspace: str) -> None:
    """To be called before the database is opened, which creates a missing one.

    Raises:
        Misconfigured: it is missing, and was there before.
    """
    if warehouse.exists:
        return
    for sign in _signs(warehouse, workspace):
        raise Misconfigured(
            f"The warehouse {warehouse.place} is missing, but {sign}. Nothing was written. {warehouse.way_back} "
            f"{NEW_START}"
        )


def check_not_lost(warehouse: Warehouse, pipeline: dlt.Pipeline, workspace_id: str, *, accept: bool) -> None:
    """To be called while no package is pending.

    Args:
        accept: start again instead.

    Raises:
        Misconfigured: the warehouse holds no row of the workspace, but did before.
    """
    if not LoadedTables(partial(client_of, pipeline), workspace_id).is_empty():
        return
    if accept:
        delete_states(pipeline, warehouse)
        return
    for sign in _signs(warehouse, pipeline.pipeline_name, workspace_id):
        raise Misconfigured(
            f"The warehouse {warehouse.place} holds nothing of this workspace, but {sign}. Nothing was written. "
            f"{warehouse.way_back} {NEW_START}"
        )


def _signs(warehouse: Warehouse, workspace: str, workspace_id: str | None = None) -> Iterator[str]:
    """What says that the workspace was loaded before, in clauses. Without an id, any workspace counts."""
    if run := _last_load(warehouse, workspace, workspace_id):
        at = datetime.fromisoformat(run.ended_at or run.started_at)
        yield f"a sync loaded into it on {at:%Y-%m-%d}"
    if saved_state(state_in(warehouse.working_folder(workspace))).cursor is not None:
        yield "dlt's working folder has a cursor of it"
    if spells := _published_spells(warehouse, workspace_id):
        yield f"{warehouse.address} has {spells:,} memberships"


def _last_load(warehouse: Warehouse, workspace: str, workspace_id: str | None) -> Run | None:
    """The last sync in the journal that loaded something into a database of this kind."""
    loads = [
        run
        for run in read_journal(warehouse.journal)
        if run.pipeline_name == workspace
        and workspace_id in (None, run.workspace_id)
        and f"{run.command} ".startswith("sync ")
        and run.exit_code in (ExitCode.DONE, ExitCode.INCOMPLETE, ExitCode.MODELS_FAILED)
        and run.contacts_read
        and run.removed_by is None
        and (run.destination or DEFAULT_DESTINATION) == warehouse.key
    ]
    return loads[-1] if loads else None


def _published_spells(warehouse: Warehouse, workspace_id: str | None) -> int:
    query = f"select workspace_id, count(*) from {MARTS}.segment_memberships group by workspace_id"  # noqa: S608
    try:
        with warehouse.reading() as ask:
            return sum(count for loaded, count in ask(query) if workspace_id in (None, loaded))
    except NothingToRead:
        return 0
