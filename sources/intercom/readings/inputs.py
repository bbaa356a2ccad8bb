"""What a run is given besides Intercom: its options, and what earlier runs left in the state and in the raw tables."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from ..api import Intercom, SetupError, Usage
from ..memberships import RunOptions, SavedState
from ..tables import Fields, attribute_changes
from .loaded import LoadedTables

MEMBERSHIP_TABLES = frozenset(("membership_changes", "segment_scans", "contact_removals"))
ALL_TABLES = MEMBERSHIP_TABLES | {"segments", "contacts", "contact_activities"}

MOST_CLOCK_DIFFERENCE = timedelta(minutes=5)


@dataclass(frozen=True)
class RunInputs:
    """What one run reads with. `selected`: the raw tables that it fills.

    `folder`: where files may be kept until a later run; null where there is none.
    """

    options: RunOptions
    saved: SavedState
    tables: LoadedTables
    fields: Fields
    selected: frozenset[str] = ALL_TABLES
    folder: Path | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the run reads all contacts."""
        return self.options.full or self.saved.cursor is None

    @property
    def reads_memberships(self) -> bool:
        """Whether the run scans segments."""
        return not self.selected.isdisjoint(MEMBERSHIP_TABLES)

    @property
    def read_again_from(self) -> int | None:
        """The `updated_at` from which the next run has to read again, because of odd fields; null where it has not."""
        return self.fields.read_again_from(self.saved.odd_fields)

    def attribute_changes(self) -> pa.Table:
        """What changed in the tracked attributes of the contacts read so far."""
        observed, cursor = self.fields.take_values(), self.saved.cursor
        return attribute_changes(
            observed,
            self.tables.attribute_values(observed["contact_id"].unique().to_pylist()),
            stamp=self.options.stamp,
            observed_at=self.options.began_at,
            observed_after=None if cursor is None else datetime.fromtimestamp(cursor, UTC),
        )


Prepare = Callable[[Intercom], Awaitable[RunInputs]]
"""Makes a run's inputs, with the first calls to Intercom where they need any."""


def check_workspace(workspace_id: str, bound: str | None, pipeline_name: str) -> None:
    """Stops a run that would mix two workspaces in one pipeline: `bound` is the one that the pipeline has loaded.

    Raises:
        SetupError: the token belongs to another workspace.
    """
    if bound not in (None, workspace_id):
        raise SetupError(
            f"The pipeline {pipeline_name} loads workspace {bound}, but the token belongs to {workspace_id}. Nothing "
            "was written. Use the other workspace's token, or give this workspace a pipeline name of its own: "
            "--workspace NAME."
        )


def check_clock(now: datetime, tables: LoadedTables) -> None:
    """Stops a run whose observations would be older than those already logged.

    Raises:
        SetupError: the clock is behind the log.
    """
    newest = tables.newest_observation()
    if newest is not None and now <= newest:
        raise SetupError(
            f"This host's clock says {now:%Y-%m-%d %H:%M:%S} UTC, but the warehouse was last written at "
            f"{newest.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC. Nothing was written. If the clock is wrong, set it right "
            "and run again. If it is right, an earlier run had a wrong one: intercom-warehouse repair --after "
            f"{now:%Y-%m-%dT%H:%M:%SZ} removes what that run observed."
        )


def check_host_clock(now: datetime, usage: Usage) -> None:
    """Stops a run whose clock is not Intercom's: all that it observes would be dated wrongly, for good.

    Args:
        now: this host's time at Intercom's first answer.
        usage: of the client that received that answer. One without a date proves nothing.

    Raises:
        SetupError: the clocks differ by more than five minutes.
    """
    if usage.answered_at is None:
        return
    theirs = datetime.fromtimestamp(usage.answered_at, UTC)
    if abs(now - theirs) > MOST_CLOCK_DIFFERENCE:
        raise SetupError(
            f"This host's clock says {now:%Y-%m-%d %H:%M:%S} UTC, but Intercom's says {theirs:%Y-%m-%d %H:%M:%S} UTC. "
            "Nothing was written, since all that a run observes is dated by this clock. Set it right and run again."
        )
