"""`demo`: some weeks of a simulated workspace, synced day by day."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from sandbox.api import create_app, in_process
from sandbox.world import Workspace
from sources.intercom.catalog import DEFAULT

from ...destinations import Warehouse
from ...errors import Misconfigured
from ...settings import DEMO_WORKSPACE, sandbox_settings
from .. import Sync

TOKEN = "demo"  # noqa: S105  # the sandbox lives in this process
QUOTA = 100_000
TrackDays = Callable[[range], Iterable[int]]
CHURN = 0.08
"""Events a day for each contact: enough to keep the number of active contacts stable."""


def demo(warehouse: Warehouse, *, contacts: int, days: int, track: TrackDays) -> None:
    """Simulates the days up to today, and syncs each of them.

    Args:
        track: wraps the days, to show progress.
    """
    clear_last_demo(warehouse)
    start = datetime.now(UTC) - timedelta(days=days - 1, minutes=1)
    workspace = Workspace(contacts=contacts, workspace_id=DEMO_WORKSPACE, token=TOKEN, start=start)
    live_and_sync(workspace, warehouse, track(range(days)), last_day=days - 1)


def clear_last_demo(warehouse: Warehouse) -> None:
    """Deletes the data of the last demo.

    Raises:
        Misconfigured: the folder belongs to a real workspace's warehouse.
    """
    if warehouse.is_used and not warehouse.data_folder.is_demo:
        raise Misconfigured(
            f"{warehouse.folder} holds a real workspace, so the demo does not use it. Use another folder: "
            "WAREHOUSE__DATA_DIR=demo-data intercom-warehouse demo."
        )
    warehouse.clear()
    warehouse.data_folder.mark_as_demo()


def live_and_sync(workspace: Workspace, warehouse: Warehouse, days: Iterable[int], *, last_day: int) -> None:
    """One sync a day. Between two syncs contacts sign up, visit, change or are deleted, and segments are edited.

    The other lists of the workspace do not change, so only the last day reads them.
    """
    transport = in_process(create_app(workspace, limit=QUOTA))
    for day in days:
        if day:
            workspace.live(days=1, churn=CHURN)
        settings = sandbox_settings(TOKEN)
        settings.track_attributes = ["custom_attributes.plan"]
        settings.resources = [DEFAULT] if day == last_day else []
        Sync(warehouse, DEMO_WORKSPACE, settings=settings, clock=workspace.now, transport=transport).run()
