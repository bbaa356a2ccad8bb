"""Events as JSON lines on standard error, for programs that collect logs.

Every line is one object, also those of libraries: `time`, `level`, `event`, `message`, `run_id`, `workspace` and the
event's metrics. docs/monitoring.md lists the events. Their names do not change.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from sources.intercom.wire import visible, without_secrets

from ..folder import newest_run
from .terminal import event_of, stderr

LIBRARIES = ("dlt", "py.warnings")
"""Loggers with a handler of their own, or that would get one."""


class JsonLinesHandler(logging.StreamHandler[TextIO]):
    """Writes each record as one line. It has no formatter, since dlt replaces that of its logger's handlers."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_json_object(record), default=str)


def write_json_lines(logger: logging.Logger) -> None:
    """Makes all that is written to standard error JSON: the events of this logger and the records of all libraries."""
    handler = JsonLinesHandler(sys.stderr)
    logger.handlers = [handler]
    logging.basicConfig(handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [handler], False
    stderr.quiet = True


def _json_object(record: logging.LogRecord) -> dict[str, Any]:
    event, run = event_of(record), newest_run()
    return {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": event.name,
        "message": _plain(event),
        **({"run_id": run.run_id, "workspace": run.pipeline_name} if run else {}),
        **{name: _plain(value) if isinstance(value, str) else value for name, value in event.metrics.items()},
    }


def _plain(text: str) -> str:
    """A text of one line, or of several, such as a traceback."""
    return "\n".join(visible(line) for line in without_secrets(text).split("\n"))
