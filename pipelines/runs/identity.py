"""Checks that a run writes to the warehouse it is meant for."""

from datetime import UTC, datetime

import dlt

from sources.intercom.api import App

from ..destinations import Warehouse
from ..errors import Misconfigured
from ..loading import RawMemory, part_store_of, source_state
from ..settings import DEMO_WORKSPACE, IntercomSettings


def check_identity(app: App, settings: IntercomSettings, pipeline: dlt.Pipeline) -> None:
    """Stops a run that would write another workspace's rows.

    Raises:
        Misconfigured: the token's region or workspace is another than configured.
    """
    check_region(app, settings)
    bound = bound_workspace(pipeline)
    if bound not in (None, app.id_code):
        raise Misconfigured(
            f"The pipeline {pipeline.pipeline_name} loads workspace {bound}, but the token belongs to {app.id_code}. "
            "Nothing was written. Use the other workspace's token, or sync this one under a name of its own: "
            "--workspace NAME."
        )


def check_region(app: App, settings: IntercomSettings) -> None:
    """Stops where the token's workspace lives in another region than configured. Raises Misconfigured."""
    if app.region.lower() != settings.region:
        raise Misconfigured(
            f"The token's workspace lives in Intercom's region {app.region.lower()}, but {settings.region} is "
            f"configured. Nothing was written. Set SOURCES__INTERCOM__REGION to {app.region.lower()}."
        )


def bound_workspace(pipeline: dlt.Pipeline) -> str | None:
    """The workspace that a pipeline's name belongs to since its first sync."""
    kept = [part.stage.workspace_id for part in part_store_of(pipeline).parts]
    workspace_id: str | None = source_state(pipeline).get("workspace_id") or next(iter(kept), None)
    return workspace_id


def check_purpose(warehouse: Warehouse, workspace: str) -> None:
    """Keeps made-up data and a real workspace's apart.

    Raises:
        Misconfigured: a real workspace would be loaded into the demo's warehouse.
    """
    if warehouse.is_demo and workspace != DEMO_WORKSPACE:
        raise Misconfigured(
            f"{warehouse.folder} holds the demo's made-up data. Delete that folder, or set WAREHOUSE__DATA_DIR to "
            "another, then sync again."
        )


def check_clock(now: datetime, memory: RawMemory) -> None:
    """Stops a run whose observations would lie before those already logged.

    Raises:
        Misconfigured: the clock is behind the log.
    """
    newest = memory.newest_observation()
    if newest is not None and now <= newest:
        raise Misconfigured(
            f"This host's clock says {now:%Y-%m-%d %H:%M:%S} UTC, but the warehouse was last written at "
            f"{newest.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC. Nothing was written: set the clock right and run again."
        )
