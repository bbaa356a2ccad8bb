"""What happens when a run has ended, for those who watch runs."""

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..commands.status import StatusQuery
from ..destinations import Warehouse
from ..errors import ExitCode, WarehouseError
from ..folder import Run, in_one_step, newest_run
from ..messages import Event
from .metrics import metrics_of

LOGGER = logging.getLogger("intercom_warehouse")
MODE = 0o777


@dataclass(frozen=True)
class WatchedRun:
    """A run whose end is reported, also if it ended before it came into the journal.

    Args:
        openmetrics_file: gets the metrics; null for none.
    """

    command: str
    workspace: str
    started_at: datetime
    openmetrics_file: Path | None

    def end(self, warehouse: Warehouse, exit_code: ExitCode, now: datetime) -> None:
        """Reports the end. A failure to do so is a warning: the run has ended as it has."""
        if self.openmetrics_file:
            self._write_metrics(self.openmetrics_file, warehouse, exit_code, now)

    def _write_metrics(self, file: Path, warehouse: Warehouse, exit_code: ExitCode, now: datetime) -> None:
        try:
            ended = None if newest_run() else self._unrecorded(exit_code, now)
            _, metrics = metrics_of(StatusQuery(warehouse, now, ended=ended))
            write_metrics(file, str(metrics))
        except (OSError, WarehouseError) as error:
            reason = str(error) if isinstance(error, WarehouseError) else error.strerror
            LOGGER.warning(Event(f"The metrics could not be written to {file}: {reason}", "metrics_failed"))

    def _unrecorded(self, exit_code: ExitCode, now: datetime) -> Run:
        """A run that ended before it was given an id."""
        run = Run("", self.workspace, self.command, self.started_at.isoformat())
        run.end(now, exit_code)
        return run


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
