"""Jobs that export which messages were sent: one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from ..people import Json
from .jobs import Job, Jobs

COLUMNS = (
    *("user_id", "user_external_id", "company_id", "email", "name", "ruleset_id", "content_id", "content_type"),
    *("content_title", "ruleset_version_id", "receipt_id", "received_at", "series_id", "series_title", "node_id"),
    *("first_reply", "first_completion", "first_series_completion", "first_series_disengagement"),
    *("first_series_exit", "first_goal_success", "first_open", "first_click", "first_dismisall"),
    *("first_unsubscribe", "first_hard_bounce"),
)


@dataclass
class Exports(Jobs):
    """The receipts of a workspace, and the jobs that export them."""

    most: ClassVar[int] = 1
    completed: ClassVar[str] = "completed"
    no_rows: ClassVar[str] = "no_data"

    receipts: dict[str, Json] = field(default_factory=dict)

    def send(self, number: int, contact_id: str, at: int, **fields: object) -> None:
        """A contact gets a message; one of that number is replaced."""
        known: Json = {
            "user_id": contact_id,
            "user_external_id": f"external-{number}" if number % 3 else "",
            "company_id": "-1",
            "email": f"{contact_id}@example.com",
            "name": f"Reader, {number}",
            "ruleset_id": str(number % 5),
            "content_id": str(number % 10),
            "content_type": "email",
            "content_title": f'Title "{number % 10}"',
            "ruleset_version_id": "1",
            "receipt_id": str(number),
            "received_at": at,
            "series_id": "-1",
        }
        self.receipts[str(number)] = dict.fromkeys(COLUMNS, "") | known | fields

    def rows(self, job: Job) -> list[Json]:
        """The receipts of messages that were sent in the period."""
        return [one for one in self.receipts.values() if job.after <= one["received_at"] <= job.before]

    def header(self, job: Job) -> Sequence[str]:
        """The same columns for all jobs."""
        return COLUMNS
