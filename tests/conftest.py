"""A warehouse in a temporary folder, fed by a sandbox in this process: real dlt, real DuckDB, real HTTP objects."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from pipelines.settings import IntercomSettings, sandbox_settings, use_project_config
from pipelines.sync import Outcome, Sync
from pipelines.warehouse import Warehouse
from sandbox import Workspace, create_app, in_process
from sources.intercom.client import Retries

AT_ONCE = Retries(attempts=3, wait_initial=0, wait_max=0, wait_jitter=0)
NO_QUOTA = 1_000_000
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def standing_still() -> float:
    return 0.0


@pytest.fixture(autouse=True, scope="session")
def _project_config() -> None:
    use_project_config()


@dataclass
class House:
    """A data folder and the workspace that is synced into it."""

    folder: Path
    workspace: Workspace
    name: str = "intercom"
    settings: IntercomSettings = field(init=False)

    def __post_init__(self) -> None:
        self.warehouse = Warehouse(self.folder)
        self.settings = sandbox_settings("sandbox-token")
        self.transport: httpx.AsyncBaseTransport = in_process(create_app(self.workspace, limit=NO_QUOTA))

    def job(self, **options: Any) -> Sync:
        defaults: dict[str, Any] = {"clock": self.workspace.now, "transport": self.transport, "retries": AT_ONCE}
        return Sync(self.warehouse, self.settings, self.name, **(defaults | options))

    def sync(self, **options: Any) -> Outcome:
        self.workspace.advance(seconds=1)  # the clock of a workspace stands still but for this
        return self.job(**options).run()

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse.published), read_only=True) as connection:
            return connection.execute(sql, list(values)).fetchall()

    def members(self) -> set[tuple[str, str]]:
        rows = self.query(
            "select segment_id, contact_id from intercom.current_segment_members where workspace_id = ?",
            self.workspace.workspace_id,
        )
        assert len(rows) == len(set(rows))
        return set(rows)

    def ended(self) -> list[tuple[Any, ...]]:
        return self.query(
            "select segment_id, contact_id, leave_reason from intercom.segment_memberships where not is_current"
        )

    def cursor(self) -> int:
        state: Any = self.warehouse.pipeline(self.name).state
        value: int = state["sources"]["intercom"]["resources"]["contacts"]["incremental"]["updated_at"]["last_value"]
        return value


@pytest.fixture
def house(tmp_path: Path) -> House:
    """300 contacts in 10 segments."""
    return House(tmp_path / "data", Workspace(contacts=300, segments=10, start=START, monotonic=standing_still))


@pytest.fixture
def new_house(tmp_path: Path) -> Callable[..., House]:
    """Makes houses; all share one data folder."""

    def make(name: str = "intercom", **options: Any) -> House:
        defaults: dict[str, Any] = {"contacts": 300, "segments": 10, "start": START, "monotonic": standing_still}
        return House(tmp_path / "data", Workspace(**(defaults | options)), name)

    return make
