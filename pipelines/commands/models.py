"""`models`: rebuilds the marts from the raw tables, without a call to Intercom."""

from datetime import timedelta

from sources.intercom.api import Usage

from ..destinations import Warehouse
from ..folder import LockRequest
from ..models import Build, published_marts
from ..runs import Say, bound_workspace, build_models, recorded, utc_now


def rebuild(warehouse: Warehouse, workspace: str, select: list[str] | None, *, wait: timedelta, say: Say) -> Build:
    """Builds and publishes in a run of its own, which is journaled however it ends. Asks Intercom nothing.

    Raises:
        WarehouseError: the marts and the published copy are as they were.
    """
    journaled = recorded(warehouse, workspace, "models", clock=utc_now, usage=Usage())
    with journaled as run, warehouse.held(LockRequest("models", workspace, wait=wait, say=say)):
        pipeline = warehouse.pipeline(workspace)
        run.workspace_id = bound_workspace(pipeline)
        built = build_models(pipeline, select)
        warehouse.publish(published_marts(), say)
        return built
