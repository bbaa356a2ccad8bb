"""A list of a workspace beside contacts and segments: where it is, how it is paged, and what is in it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from ..people import Json

Paging = Literal["whole", "numbers", "totals", "cursor", "urls", "scroll"]
"""How pages follow each other.

`whole`: there is one. `numbers`: `pages` has a page and their number. `totals`: the answer itself has them. `cursor`:
`pages.next` is an object. `urls`: it is a URL. `scroll`: each answer has the parameter of the next call.
"""


@dataclass(kw_only=True)
class Collection:
    """Records by id; those of a child by the id of their parent first.

    Attributes:
        path: with `{id}` for the parent's id.
        rows: the field of an answer that holds the records.
        per_page, most: records a page, by default and at most.
        since: the first version that has the list.
        lookup: the path of a single record, with `{id}`; empty where there is none.
        absent: the code of the error that says that there is no such record.
        parents: the list whose records the list is asked for; of custom objects themselves, which have types.
        is_newest_first: sorted by `updated_at`.
        is_dated: asked for the records created between two times, and sorted by that, the newest first.
        is_refused: the token may not read it.
        short: how many records the next answers hold at most, one number an answer.
    """

    name: str
    path: str
    rows: str = "data"
    paging: Paging = "whole"
    per_page: int = 20
    most: int = 150
    since: str = "2.7"
    lookup: str = ""
    absent: str = "not_found"
    parents: str = ""
    is_newest_first: bool = False
    is_dated: bool = False
    is_refused: bool = False
    short: list[int] = field(default_factory=list)
    records: dict[str, dict[str, Json]] = field(default_factory=dict)

    def put(self, record: Json, parent: str = "") -> None:
        """Adds a record, or replaces it."""
        self.records.setdefault(parent, {})[str(record["id"])] = record

    def remove(self, record_id: str, parent: str = "") -> None:
        """Deletes a record."""
        del self.records[parent][record_id]

    def of(self, parent: str = "") -> dict[str, Json]:
        """The records of a parent, by id."""
        return self.records.get(parent, {})

    def all(self) -> Iterable[tuple[str, Json]]:
        """Each record with its parent's id."""
        return ((parent, record) for parent, records in self.records.items() for record in records.values())

    def listed(self, parent: str = "") -> list[Json]:
        """The records as the next answer lists them."""
        listed = list(self.of(parent).values())
        if self.is_newest_first:
            listed.sort(key=lambda record: record["updated_at"], reverse=True)
        return listed[: self.short.pop(0)] if self.short else listed

    def created_between(self, after: int, before: int) -> list[Json]:
        """The records that were created between two times, the newest first."""
        found = [one for one in self.of().values() if after <= one["created_at"] <= before]
        found.sort(key=lambda one: (one["created_at"], one["id"]), reverse=True)
        return found[: self.short.pop(0)] if self.short else found


def statistics_of(article: Json) -> Json:
    """What Intercom counts of an article: only in the article itself, and not in the list."""
    seen = int(article["id"]) * 3
    shares = {"happy_reaction_percentage": 50, "neutral_reaction_percentage": 25, "sad_reaction_percentage": 25}
    return {"type": "statistics", "views": seen, "conversations": seen // 5, "reactions": seen // 9, **shares}
