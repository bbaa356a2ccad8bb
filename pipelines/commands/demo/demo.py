"""`demo`: three weeks of a made-up workspace, synced day by day, and what an analyst can ask then."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from sandbox.api import create_app, in_process
from sandbox.world import Workspace

from ...destinations import Warehouse
from ...errors import Misconfigured
from ...settings import DEMO_WORKSPACE, sandbox_settings
from .. import Sync

TOKEN = "demo"  # noqa: S105  # the sandbox lives in this process
QUOTA = 100_000
TrackDays = Callable[[range], Iterable[int]]
CHURN = 0.08
"""Events a day for each contact: enough that those who are active stay about as many."""


def demo(warehouse: Warehouse, *, contacts: int, days: int, track: TrackDays) -> None:
    """Lets a sandbox live for some days until today, and syncs it every day.

    `track` shows the progress of an iteration over the days.
    """
    start_afresh(warehouse)
    start = datetime.now(UTC) - timedelta(days=days - 1, minutes=1)
    workspace = Workspace(contacts=contacts, workspace_id=DEMO_WORKSPACE, token=TOKEN, start=start)
    live_and_sync(workspace, warehouse, track(range(days)))


def start_afresh(warehouse: Warehouse) -> None:
    """Clears the last demo away.

    Raises:
        Misconfigured: the folder belongs to a real workspace's warehouse.
    """
    if warehouse.is_used and not warehouse.data_folder.is_demo:
        raise Misconfigured(
            f"{warehouse.folder} holds a real workspace, which the demo leaves alone. Give the demo a folder of its "
            "own: WAREHOUSE__DATA_DIR=demo-data intercom-warehouse demo."
        )
    warehouse.clear()
    warehouse.data_folder.mark_as_demo()


def live_and_sync(workspace: Workspace, warehouse: Warehouse, days: Iterable[int]) -> None:
    """One sync a day; between two, a day of sign-ups, visits, updates, deletions and edited segments."""
    transport = in_process(create_app(workspace, limit=QUOTA))
    for day in days:
        if day:
            workspace.live(days=1, churn=CHURN)
        settings = sandbox_settings(TOKEN)
        Sync(warehouse, DEMO_WORKSPACE, settings=settings, clock=workspace.now, transport=transport).run()
