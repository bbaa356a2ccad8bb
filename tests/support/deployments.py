"""A sandbox workspace and the warehouse that is synced from it, in one process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import duckdb
import httpx

from pipelines.commands import Outcome, Sync
from pipelines.destinations import Warehouse
from pipelines.models import Build
from pipelines.settings import sandbox_settings
from sandbox.api import create_app, in_process
from sandbox.lists import Reporting
from sandbox.people import DAY_SECONDS
from sandbox.segments import All, Attribute, Rule
from sandbox.segments.rules import Everyone, OlderThan, Tagged, Within
from sandbox.world import Workspace
from sources.intercom.api import Retries
from sources.intercom.settings import IntercomSettings

from .snapshots import copied

AT_ONCE = Retries(attempts=3, wait_initial=0, wait_max=0, wait_jitter=0)
NO_QUOTA = 1_000_000
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def standing_still() -> float:
    return 0.0


KNOWN = """
    select segment_id, contact_id from intercom_raw.membership_changes where workspace_id = ?
    qualify row_number() over (partition by segment_id, contact_id order by observed_at desc) = 1 and is_member
"""


class Load(Sync):
    """A sync that leaves marts and published copy as they are: half of the time of a small one."""

    def _refresh(self, pipeline: dlt.Pipeline) -> Build:
        return Build((), (), 0, {})


@dataclass
class Deployment:
    """A data folder and the workspace that is synced into it.

    Args:
        has_marts: whether a sync builds marts, and queries read the published copy; else they read the database.
        lists_only: whether a sync reads the lists of the settings, and no contacts: three quarters of the time.
    """

    folder: Path
    workspace: Workspace
    name: str = "intercom"
    resources: tuple[str, ...] = ()
    has_marts: bool = True
    lists_only: bool = False
    settings: IntercomSettings = field(init=False)

    def __post_init__(self) -> None:
        self.warehouse = Warehouse(self.folder)
        self.settings = sandbox_settings("sandbox-token")
        self.settings.resources = list(self.resources)
        self.settings.client_id = Reporting.client_id
        self.transport: httpx.AsyncBaseTransport = in_process(create_app(self.workspace, limit=NO_QUOTA))

    def job(self, **options: Any) -> Sync:
        defaults: dict[str, Any] = {"clock": self.workspace.now, "transport": self.transport, "retries": AT_ONCE}
        defaults |= {"only": self.settings.resources} if self.lists_only else {}
        kind = Sync if self.has_marts else Load
        return kind(self.warehouse, self.name, settings=self.settings, **(defaults | options))

    def sync(self, **options: Any) -> Outcome:
        self.workspace.advance(seconds=1)  # the clock of a workspace stands still but for this
        return self.job(**options).run()

    def load(self, **options: Any) -> Outcome:
        """A sync that leaves marts to the next one: half of the time, where no mart is read between the two."""
        self.has_marts = False
        try:
            return self.sync(**options)
        finally:
            self.has_marts = True

    @property
    def readable(self) -> Path:
        return self.warehouse.published if self.has_marts else self.warehouse.file

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.readable), read_only=True) as connection:
            return connection.execute(sql, list(values)).fetchall()

    def members(self) -> set[tuple[str, str]]:
        rows = self.query(
            "select segment_id, contact_id from intercom.current_segment_members where workspace_id = ?",
            self.workspace.workspace_id,
        )
        assert len(rows) == len(set(rows))
        return set(rows)

    def known(self) -> set[tuple[str, str]]:
        """The members by the log, which the marts are built from."""
        return set(self.query(KNOWN, self.workspace.workspace_id))

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


def after_first_run(name: str, deployed: Callable[[Path], Deployment], folder: Path) -> Deployment:
    """A new deployment of that folder, and what its first run leaves, copied. `name` is that of the snapshot."""
    copied(name, lambda original: deployed(original).sync(), folder)
    deployment = deployed(folder)
    deployment.workspace.advance(seconds=1)
    _ = deployment.workspace.lists, deployment.workspace.desk  # made at the time of the run
    return deployment


def after_contacts(folder: Path, *resources: str, version: str = "Preview") -> Deployment:
    """A small workspace after its first run, which read no lists. The next runs read these alone; none builds marts."""
    copied(f"contacts {version}", lambda original: _small(original, version).sync(), folder)
    return _next_run(_small(folder, version), *resources)


def after_lists(folder: Path, *resources: str) -> Deployment:
    """The same after one more run, which read the lists."""
    copied(f"lists {resources}", lambda original: after_contacts(original, *resources).sync(), folder)
    deployment = _next_run(_small(folder, "Preview"), *resources)
    deployment.workspace.advance(seconds=1)
    return deployment


def _small(folder: Path, version: str) -> Deployment:
    deployment = Deployment(folder, lively_workspace(contacts=10, segments=1), has_marts=False)
    deployment.settings.api_version = version
    return deployment


def _next_run(deployment: Deployment, *resources: str) -> Deployment:
    """A second after the first run, when the lists were made."""
    deployment.workspace.advance(seconds=1)
    _ = deployment.workspace.lists, deployment.workspace.desk
    deployment.workspace.advance(seconds=1)  # else a plan would be made at the time of the run
    deployment.settings.resources, deployment.lists_only = list(resources), True
    return deployment


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
