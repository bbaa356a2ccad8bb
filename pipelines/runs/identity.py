"""Checks that a run writes to the warehouse it is meant for."""

import dlt

from sources.intercom.api import App
from sources.intercom.readings import check_workspace
from sources.intercom.settings import IntercomSettings

from ..destinations import Warehouse
from ..errors import Misconfigured
from ..loading import part_store_of, source_state
from ..settings import DEMO_WORKSPACE


def check_identity(app: App, settings: IntercomSettings, pipeline: dlt.Pipeline) -> None:
    """Stops a run that would write another workspace's rows.

    Raises:
        SetupError: the token's region or workspace is another one than configured.
    """
    settings.check_region(app)
    check_workspace(app.id_code, bound_workspace(pipeline), pipeline.pipeline_name)


def bound_workspace(pipeline: dlt.Pipeline) -> str | None:
    """The workspace that the pipeline has loaded since its first sync; null before."""
    kept = [part.stage.workspace_id for part in part_store_of(pipeline).parts]
    workspace_id: str | None = source_state(pipeline).get("workspace_id") or next(iter(kept), None)
    return workspace_id


def check_purpose(warehouse: Warehouse, workspace: str) -> None:
    """Keeps the demo's data and a real workspace apart.

    Raises:
        Misconfigured: a real workspace would be loaded into the demo's warehouse.
    """
    if warehouse.data_folder.is_demo and workspace != DEMO_WORKSPACE:
        raise Misconfigured(
            f"{warehouse.folder} holds the demo's made-up data. Delete that folder, or set WAREHOUSE__DATA_DIR to "
            "another, then sync again."
        )
