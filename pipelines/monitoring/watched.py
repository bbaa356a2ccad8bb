"""What happens when a run has ended, for those who watch runs."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..commands.status import StatusQuery
from ..destinations import Warehouse
from ..errors import ExitCode, WarehouseError
from ..folder import Run, in_one_step, newest_run
from ..messages import Event
from .metrics import metrics_of
from .notice import Notice
from .webhook import send

LOGGER = logging.getLogger("intercom_warehouse")
MODE = 0o777


@dataclass(frozen=True)
class WatchedRun:
    """A run whose end is reported, also if it ended before it came into the journal.

    Args:
        openmetrics_file: gets the metrics; null for none.
        urls: of receivers that are notified.
        reasons: when they are.
        template: of what they get; empty for all that is known.
    """

    command: str
    workspace: str
    started_at: datetime
    openmetrics_file: Path | None = None
    urls: Sequence[str] = ()
    reasons: frozenset[str] = frozenset()
    template: str = ""

    def end(self, warehouse: Warehouse | None, exit_code: ExitCode, now: datetime, record: object) -> None:
        """Reports the end. A failure to do so is a warning: the run has ended as it has.

        Args:
            warehouse: null where it cannot be configured.
            record: the result of the command, or its problem.
        """
        run = newest_run() or self._unrecorded(exit_code, now)
        if self.openmetrics_file and warehouse:
            _write(self.openmetrics_file, StatusQuery(warehouse, now, ended=None if run.run_id else run))
        notice = Notice(run, exit_code, getattr(record, "problem", None), getattr(record, "alerts", ()))
        if self.urls and not self.reasons.isdisjoint(notice.reasons):
            _notify(self.urls, notice, self.template)

    def _unrecorded(self, exit_code: ExitCode, now: datetime) -> Run:
        """A run that ended before it was given an id."""
        run = Run("", self.workspace, self.command, self.started_at.isoformat())
        run.end(now, exit_code)
        return run


def _write(file: Path, query: StatusQuery) -> None:
    try:
        _, metrics = metrics_of(query)
        write_metrics(file, str(metrics))
    except Exception as error:  # noqa: BLE001  # a report changes nothing of what it reports
        reason = str(error) if isinstance(error, WarehouseError) else getattr(error, "strerror", type(error).__name__)
        LOGGER.warning(Event(f"The metrics could not be written to {file}: {reason}", "metrics_failed"))


def _notify(urls: Sequence[str], notice: Notice, template: str) -> None:
    for receiver, problem in send(urls, notice.body(template), int(notice.exit_code)):
        if problem:
            LOGGER.warning(Event(f"The notice to {receiver} was not delivered: {problem}.", "notify_failed"))
        else:
            LOGGER.info(Event(f"Notified {receiver}", "notified"))


def write_metrics(file: Path, text: str) -> None:
    """Replaces the file in one step. It keeps its mode; a new file is for its owner only.

    Raises:
        OSError: it cannot be written.
    """
    mode = file.stat().st_mode & MODE if file.exists() else None
    with in_one_step(file) as beside:
        beside.write_text(text, encoding="utf-8")
        if mode is not None:
            beside.chmod(mode)
