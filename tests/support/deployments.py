"""A sandbox workspace and the warehouse that is synced from it, in one process."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx

from pipelines.commands import Outcome, Sync
from pipelines.destinations import Warehouse
from pipelines.settings import sandbox_settings
from sandbox.api import create_app, in_process
from sandbox.people import DAY_SECONDS
from sandbox.segments import All, Attribute, Rule
from sandbox.segments.rules import Everyone, OlderThan, Tagged, Within
from sandbox.world import Workspace
from sources.intercom.api import Retries
from sources.intercom.settings import IntercomSettings

AT_ONCE = Retries(attempts=3, wait_initial=0, wait_max=0, wait_jitter=0)
NO_QUOTA = 1_000_000
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def standing_still() -> float:
    return 0.0


@dataclass
class Deployment:
    """A data folder and the workspace that is synced into it."""

    folder: Path
    workspace: Workspace
    name: str = "intercom"
    resources: tuple[str, ...] = ()
    settings: IntercomSettings = field(init=False)

    def __post_init__(self) -> None:
        self.warehouse = Warehouse(self.folder)
        self.settings = sandbox_settings("sandbox-token")
        self.settings.resources = list(self.resources)
        self.transport: httpx.AsyncBaseTransport = in_process(create_app(self.workspace, limit=NO_QUOTA))

    def job(self, **options: Any) -> Sync:
        defaults: dict[str, Any] = {"clock": self.workspace.now, "transport": self.transport, "retries": AT_ONCE}
        return Sync(self.warehouse, self.name, settings=self.settings, **(defaults | options))

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


def lively_workspace(**options: Any) -> Workspace:
    """300 contacts in 10 segments, unless the options say otherwise."""
    defaults: dict[str, Any] = {"contacts": 300, "segments": 10, "start": START, "monotonic": standing_still}
    return Workspace(**(defaults | options))


SETTLED_SEGMENTS: dict[str, Rule] = {
    "Everyone": Everyone(),
    "Paying": Attribute("custom_attributes.plan", "IN", ("pro", "team", "enterprise")),
    "Trial": Attribute("custom_attributes.plan", "=", "trial"),
    "Crowd": Tagged("crowd"),
    "Nobody yet": Tagged("nobody yet"),
    "Renewed": Within("custom_attributes.renewed_at", 30),
    "Ageing": All((OlderThan("custom_attributes.aged_at", 30), Within("custom_attributes.aged_at", 60))),
}


@dataclass
class Settled(Deployment):
    """A workspace whose every member is known, and a warehouse that one run has made equal to it.

    Its segments are those of SETTLED_SEGMENTS: 60 of its 300 contacts are in Crowd, and only time moves members of the
    last two. The run was two hours ago, and no contact was updated in the hour before it but one.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settings.sweep_budget = 0
        self.segments = {name: self.workspace.make_segment(name, rule) for name, rule in SETTLED_SEGMENTS.items()}
        self.people = sorted(self.workspace.contacts)
        self.crowd = self.people[:60]
        for contact_id in self.crowd:
            self.workspace.tag(contact_id, "crowd")
        self._date("renewed_at", {60: 0, 61: 0, 62: 30 - 3.5 / 24})
        self._date("aged_at", {63: 45, 64: 45, 65: 30 - 5.5 / 24, 66: 60 - 5.5 / 24})
        self.workspace.advance(hours=1)
        self.workspace.update(self.people[-1], name="The Newest")

    def _date(self, attribute: str, days_ago: dict[int, float]) -> None:
        now = int(self.workspace.now().timestamp())
        for person, days in days_ago.items():
            dated = {attribute: now - int(days * DAY_SECONDS)}
            self.workspace.update(self.people[person], custom_attributes=dated)

    def settle_down(self) -> None:
        """The first two hours of it."""
        self.workspace.advance(seconds=1, hours=2)

    def called(self, segment_id: str) -> str:
        """The name of a segment of SETTLED_SEGMENTS; of another segment its id."""
        return {key: name for name, key in self.segments.items()}.get(segment_id, segment_id)

    def changes(self) -> set[tuple[str, str, bool, str]]:
        """What the newest run logged: segment, contact, whether it is a member, and how that was seen."""
        rows = self.query(
            "select segment_id, contact_id, is_member, seen_by from intercom_raw.membership_changes where run_id = ?",
            self._newest_run(),
        )
        assert len(rows) == len(set(rows))
        return {(self.called(segment_id), *rest) for segment_id, *rest in rows}

    def scans(self) -> dict[str, tuple[str, str]]:
        """How the newest run scanned each segment, and the status of that scan."""
        rows = self.query(
            "select segment_id, how, status from intercom_raw.segment_scans where run_id = ?", self._newest_run()
        )
        return {self.called(segment_id): (how, status) for segment_id, how, status in rows}

    def _newest_run(self) -> str:
        ((run_id,),) = self.query("select max_by(run_id, observed_at) from intercom_raw.segment_scans")
        return str(run_id)


def settled_workspace() -> Workspace:
    return Workspace(contacts=300, segments=0, start=START, monotonic=standing_still)
