"""What a receiver gets about a run, and why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ExitCode
from ..folder import Run

if TYPE_CHECKING:
    from ..alerts import Alert

MOST_ALERTS = 20
"""Alerts in the text; the body has all."""
PLACEHOLDER = re.compile(r"\{(\w+)\}")
SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""What Slack asks for: without it, a segment named <!channel> would call all of a channel."""


@dataclass(frozen=True)
class Notice:
    """A run that has ended.

    Args:
        problem: the error message; null if there was none. It holds no secret and no personal data.
    """

    run: Run
    exit_code: ExitCode
    problem: str | None
    alerts: tuple[Alert, ...]

    @property
    def outcome(self) -> str:
        return self.exit_code.name.lower()

    @property
    def reasons(self) -> list[str]:
        """Why it may be sent."""
        failure = ["failure"] if self.exit_code != ExitCode.DONE else []
        return ["run", *failure, *(["alert"] if self.alerts else [])]

    @property
    def text(self) -> str:
        """For people. Its first line says how the run ended."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        counted = f", {len(self.alerts):,} alert{'s' * (len(self.alerts) > 1)}" if self.alerts else ""
        end = f"{self.outcome} (exit code {int(self.exit_code)}){counted}"
        yield f"intercom-warehouse: {self.run.command} of workspace {self.run.pipeline_name} ended: {end}"
        if self.problem:
            yield self.problem
        yield from (alert.text for alert in self.alerts[:MOST_ALERTS])
        if len(self.alerts) > MOST_ALERTS:
            yield f"and {len(self.alerts) - MOST_ALERTS:,} more"

    def body(self, template: str = "") -> bytes:
        """JSON: all that is known, or a template with its placeholders filled."""
        body = _filled(json.loads(template), self.parts) if template else self._all
        return json.dumps(body).encode()

    @property
    def parts(self) -> Mapping[str, str]:
        """What the placeholders of a template stand for."""
        return {
            "text": self.text,
            "slack_text": self.text.translate(SLACK),
            "command": self.run.command,
            "workspace": self.run.pipeline_name,
            "run_id": self.run.run_id,
            "outcome": self.outcome,
            "exit_code": str(int(self.exit_code)),
            "alerts": str(len(self.alerts)),
        }

    @property
    def _all(self) -> dict[str, Any]:
        run = self.run
        return {
            "text": self.text,
            "reasons": self.reasons,
            "command": run.command,
            "workspace": run.pipeline_name,
            "workspace_id": run.workspace_id,
            "run_id": run.run_id or None,
            "outcome": self.outcome,
            "exit_code": int(self.exit_code),
            "problem": self.problem,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "seconds": _seconds(run),
            "api_calls": run.api_calls,
            "contacts_read": run.contacts_read,
            "memberships_changed": run.memberships_changed,
            "alerts": [asdict(alert) for alert in self.alerts],
        }


def _filled(value: Any, parts: Mapping[str, str]) -> Any:
    """Replaces placeholders in texts only, so that no part can change what is JSON around it."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda found: parts.get(found[1], found[0]), value)
    if isinstance(value, list):
        return [_filled(one, parts) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, parts) for key, one in value.items()}
    return value


def _seconds(run: Run) -> float:
    ended_at = datetime.fromisoformat(run.ended_at or run.started_at)
    return (ended_at - datetime.fromisoformat(run.started_at)).total_seconds()
