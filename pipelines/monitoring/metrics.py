"""The status of a warehouse as metrics, in the OpenMetrics format.

All metrics are gauges whose text is the same in Prometheus' own, older format, which the node exporter reads.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sources.intercom.wire import named

from ..commands.status import RunSummary, SegmentStatus, Status, StatusQuery, WorkspaceStatus
from ..folder import Run

if TYPE_CHECKING:  # its import takes a tenth of a second, which most commands need not spend
    from prometheus_client.core import GaugeMetricFamily

PREFIX = "intercom_warehouse"
Samples = Iterable[tuple[list[str], float | None]]
"""Label values, and a value. A null value is left out."""


@dataclass(frozen=True)
class Measured:
    """A workspace: its status, its segments that are not deleted, and its runs, oldest first."""

    status: WorkspaceStatus
    segments: list[SegmentStatus]
    runs: list[Run]

    @property
    def quota(self) -> int | None:
        """Of the newest run that learned it: calls in ten seconds."""
        return next((run.quota for run in reversed(self.runs) if run.quota is not None), None)

    def lists_that_are(self, status: str) -> int:
        return sum(found.status == status for found in self.status.lists_worth_a_look)


def metrics_of(query: StatusQuery) -> tuple[Status, "Metrics"]:
    """The status and its metrics, from one reading. Raises as `StatusQuery.answer` does."""
    status, warehouse = query.answer(), query.warehouse
    workspaces = [Measured(one, query.segments_of(one), query.runs_of(one.workspace)) for one in status.workspaces]
    files = (*warehouse.destination.files, warehouse.journal, warehouse.working_folder())
    return status, Metrics(
        workspaces, published_at=status.published_at, is_readable=status.unread is None, files=sizes(files)
    )


class Metrics:
    """A collector of prometheus_client's.

    Args:
        published_at: when readers last got new marts; null where no file says so.
        is_readable: whether readers can open what was published.
        files: sizes in bytes, by name.
    """

    def __init__(
        self,
        workspaces: Iterable[Measured],
        *,
        published_at: datetime | None,
        is_readable: bool,
        files: Mapping[str, int],
    ) -> None:
        self._workspaces = list(workspaces)
        self._published_at, self._is_readable, self._files = published_at, is_readable, files

    def __str__(self) -> str:
        from prometheus_client.openmetrics.exposition import generate_latest

        text: bytes = generate_latest(self)  # type: ignore[no-untyped-call]  # this one function has no types
        return text.decode()

    def collect(self) -> Iterator["GaugeMetricFamily"]:
        yield from self._of_syncs()
        yield from self._of_runs()
        yield from self._of_segments()
        yield from self._of_lists_and_packages()
        yield _gauge(
            "published_timestamp_seconds", "When readers last got new tables.", [], [([], _epoch(self._published_at))]
        )
        yield _gauge("published_readable", "1 if readers can open the tables, else 0.", [], [([], self._is_readable)])
        sizes = (([name], size) for name, size in self._files.items())
        yield _gauge("file_size_bytes", "Size of each file or folder of the warehouse.", ["file"], sizes)

    def _of_syncs(self) -> Iterator["GaugeMetricFamily"]:
        yield self._each(
            "last_success_timestamp_seconds",
            "End of the last sync that published.",
            lambda one: _epoch(one.status.last_good_sync_at),
        )
        yield self._each(
            "last_success_age_seconds",
            "Age of the last sync that published, when this text was written.",
            lambda one: one.status.age_seconds,
        )
        yield self._each("quota_calls", "Calls that Intercom allows in ten seconds.", lambda one: one.quota)

    def _of_runs(self) -> Iterator["GaugeMetricFamily"]:
        """Of the last run of each command that has ended."""
        metrics: Mapping[str, tuple[str, Callable[[RunSummary], float | None]]] = {
            "exit_code": ("Exit code of the last run.", lambda run: run.exit_code),
            "start_timestamp_seconds": ("Start of the last run.", lambda run: run.started_at.timestamp()),
            "duration_seconds": ("Duration of the last run.", lambda run: run.seconds),
            "calls": ("Calls of the last run to Intercom.", lambda run: run.api_calls),
            "contacts_read": ("Contacts that the last run read.", lambda run: run.contacts_read),
            "memberships_changed": ("Joins and leaves of the last run.", lambda run: run.memberships_changed),
        }
        last = [
            (name, one.status.workspace, run) for one in self._workspaces for name, run in _last_by_command(one.runs)
        ]
        for name, (text, value) in metrics.items():
            samples = (([workspace, command], value(run)) for command, workspace, run in last)
            yield _gauge(f"last_run_{name}", text, ["workspace", "command"], samples)

    def _of_segments(self) -> Iterator["GaugeMetricFamily"]:
        yield self._each("segments", "Segments that are not deleted.", lambda one: one.status.segments)
        yield self._each("memberships", "Members of all segments.", lambda one: one.status.members)
        yield self._each(
            "segments_incomplete",
            "Segments whose newest scan is incomplete.",
            lambda one: sum(segment.problem is not None for segment in one.segments),
        )
        yield self._each(
            "segments_drifted",
            "Segments for which Intercom counts other members.",
            lambda one: sum(segment.has_drifted for segment in one.segments),
        )
        yield self._each_segment("segment_members", "Members of the segment.", lambda segment: segment.member_count)
        yield self._each_segment(
            "segment_last_complete_timestamp_seconds",
            "End of the last complete scan of the segment.",
            lambda segment: _epoch(segment.last_complete_scan_at),
        )

    def _of_lists_and_packages(self) -> Iterator["GaugeMetricFamily"]:
        yield self._each("lists_refused", "Lists that Intercom refuses.", lambda one: one.lists_that_are("refused"))
        yield self._each(
            "lists_incomplete",
            "Lists whose newest reading is incomplete.",
            lambda one: one.lists_that_are("incomplete"),
        )
        yield self._each(
            "pending_packages", "Packages that are read and not loaded.", lambda one: one.status.unloaded.packages
        )

    def _each(self, name: str, text: str, value: Callable[[Measured], float | None]) -> "GaugeMetricFamily":
        return _gauge(name, text, ["workspace"], (([one.status.workspace], value(one)) for one in self._workspaces))

    def _each_segment(
        self, name: str, text: str, value: Callable[[SegmentStatus], float | None]
    ) -> "GaugeMetricFamily":
        samples = (
            ([one.status.workspace, segment.segment_id, named(segment.name or segment.segment_id)], value(segment))
            for one in self._workspaces
            for segment in one.segments
        )
        return _gauge(name, text, ["workspace", "segment_id", "segment"], samples)


def sizes(files: Iterable[Path]) -> dict[str, int]:
    """Bytes of each file or folder that exists, by name."""
    return {path.name: sum(map(_size, [path, *path.rglob("*")])) for path in files if path.exists()}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # a run has deleted it since
        return 0


def _gauge(name: str, text: str, labels: list[str], samples: Samples) -> "GaugeMetricFamily":
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=labels)
    for values, value in samples:
        if value is not None:
            family.add_metric(values, value)
    return family


def _epoch(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _last_by_command(runs: Iterable[Run]) -> list[tuple[str, RunSummary]]:
    last = {run.command.partition(" ")[0]: run for run in runs if run.ended_at}
    return [(command, RunSummary.of(run)) for command, run in last.items()]
