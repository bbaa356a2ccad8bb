"""Reports: datasets with attributes of their own, and the jobs that export their rows, five at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Literal

from ..people import Json
from .jobs import Job, Jobs

NAMES = ("conversation", "call", "ticket", "conversation_rating", "conversation_tag", "sla_status", "teammate_status")
CONVERSATION = "conversation"
"""Up to version 2.15 its rows of conversations without a reply are not exported."""
BRAND = "Brand"
"""The id of two attributes, which only their qualified ids distinguish."""
Header = Literal["qualified_id", "id", "name"]


@dataclass
class Reporting(Jobs):
    """The rows of all datasets, and the jobs that export them.

    Attributes:
        client_id: that of the app. The state of a job is shown only to calls that name it.
        records: the rows of each dataset by number. Each has its values by qualified id.
        called: by which of their names the first line of a file calls attributes.
        is_dated_in_seconds: times in files are epoch seconds, and not ISO 8601.
    """

    most: ClassVar[int] = 5
    completed: ClassVar[str] = "complete"
    no_rows: ClassVar[str] = "complete"

    client_id: str = "sandbox-client"
    records: dict[str, dict[int, Json]] = field(default_factory=dict)
    called: Header = "id"
    is_dated_in_seconds: bool = False

    def report(self, dataset: str, number: int, at: int, **values: object) -> None:
        """Something happens; a row of that number is replaced. `values`: those of attributes by short id."""
        known: Json = {
            f"{dataset}_id": str(number),
            f"{dataset}_started_at": at,
            "state": "closed" if number % 3 else "open",
            "user_id": f"{number:024x}",
            "email": f"reporter{number}@example.com",
            "reply_count": str(number % 7) if number % 7 else "",
        }
        values = {**known, **values}
        row = {one["qualified_id"]: values.get(one["id"], "") for one in attributes(dataset)}
        self.records.setdefault(dataset, {})[number] = row | {f"people.{BRAND}": "A", f"{dataset}.{BRAND}": "B"}

    def remove(self, dataset: str, number: int) -> None:
        """Something that happened is deleted."""
        del self.records[dataset][number]

    def known(self, dataset: str, *, replied: bool = False) -> Iterator[tuple[int, Json]]:
        """The rows of a dataset as they are exported, with their times. `replied`: no conversation without a reply."""
        for row in self.records.get(dataset, {}).values():
            if not (replied and dataset == CONVERSATION and not row[f"{dataset}.reply_count"]):
                texts = {name: self._text(name, value) for name, value in row.items()}
                yield int(row[f"{dataset}.{dataset}_started_at"]), texts

    def rows(self, job: Job) -> list[Json]:
        """The rows of the dataset in the period, with the attributes that were asked for."""
        found = [row for at, row in self.known(job.dataset, replied=job.replied) if job.after <= at <= job.before]
        return [self._shown(job, row) for row in found]

    def header(self, job: Job) -> Sequence[str]:
        """The attributes that were asked for, in that order."""
        by_id = {one: attribute for attribute in attributes(job.dataset) for one in ids_of(attribute)}
        return [by_id[one][self.called] for one in job.attributes]

    def _shown(self, job: Job, row: Json) -> Json:
        known = {one: attribute["qualified_id"] for attribute in attributes(job.dataset) for one in ids_of(attribute)}
        return {one: row[known[one]] for one in job.attributes}

    def _text(self, name: str, value: object) -> str:
        if not name.endswith("_started_at") or self.is_dated_in_seconds or not isinstance(value, int):
            return str(value)
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ids_of(attribute: Json) -> tuple[str, str]:
    """The ids by which an attribute can be asked for."""
    return attribute["id"], attribute["qualified_id"]


def dataset(name: str) -> Json:
    """A dataset as it is listed."""
    return {
        "id": name,
        "name": name.replace("_", " ").capitalize(),
        "description": f"One row for each {name.replace('_', ' ')}.",
        "default_time_attribute_id": f"{name}_started_at",
        "attributes": attributes(name),
    }


def attributes(name: str) -> list[Json]:
    """The attributes of a dataset. Two of them share their short id and their name."""
    own = (f"{name}_id", f"{name}_started_at", "state", "reply_count", BRAND)
    described = [(name, one) for one in own] + [("people", one) for one in ("user_id", "email", BRAND)]
    return [
        {"id": one, "qualified_id": f"{kind}.{one}", "name": one.replace("_", " ").capitalize()}
        for kind, one in described
    ]


def shown_dataset(record: Json, *, has_qualified_ids: bool) -> Json:
    """A dataset as a version shows it. Without qualified ids, each short id comes once."""
    if has_qualified_ids:
        return record
    once = {one["id"]: one for one in record["attributes"]}
    short = [{key: value for key, value in one.items() if key != "qualified_id"} for one in once.values()]
    return {**record, "attributes": short}
