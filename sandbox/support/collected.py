"""The conversations and tickets of a workspace, and how they are found."""

from collections.abc import Mapping
from random import Random

from ..people import Contact, Json
from .search import BadQuery, Day, found

FIRST_CONVERSATION, FIRST_PART = 1_000, 2_000_000
SORTED = ("created_at", "updated_at")
MOST_FOUND = 40
"""Queries whose answers are kept until something happens."""


class Records:
    """All conversations and tickets of a workspace, by id, oldest first.

    Attributes:
        parts: of each conversation, and of each ticket, oldest first. None is ever removed but with its record.
        deleted: when each deleted conversation was deleted.
        day: the days by which search compares times; null where it compares seconds.
        heaviest: the most records on a page that search can answer; larger pages fail.
        is_sorted: whether search sorts as it is asked. If not, its order has no meaning.
        short: how many records the next pages of a search hold at most, one number a page.
        hidden: ids of records that search does not find, though they are there.
        silent: ids of conversations that have changed without an update.
        is_refused: the token may not read conversations and tickets.
    """

    def __init__(self, *, seed: int, contacts: Mapping[str, Contact]) -> None:
        self.conversations: dict[str, Json] = {}
        self.tickets: dict[str, Json] = {}
        self.parts: dict[str, list[Json]] = {}
        self.deleted: dict[str, int] = {}
        self.day: Day | None = None
        self.heaviest = 150
        self.is_sorted = True
        self.is_refused = False
        self.short: list[int] = []
        self.hidden, self.silent = set[str](), set[str]()
        self._contacts = contacts
        self._random = Random(f"{seed} support")
        self._numbers = {"conversation": FIRST_CONVERSATION, "part": FIRST_PART, "ticket": 0}
        self._found: dict[str, list[Json]] = {}

    def search(self, kind: str, query: Json, field: str, *, descending: bool) -> list[Json]:
        """The conversations or tickets that match, in order."""
        key = f"{kind} {query} {field} {descending} {self.is_sorted} {self.day} {self.hidden}"
        if key not in self._found:
            records = found((self.conversations if kind == "conversation" else self.tickets).values(), query, self.day)
            records = [one for one in records if one["id"] not in self.hidden]
            records.sort(key=lambda one: self.place(one, field), reverse=descending)
            self._found = {**dict(list(self._found.items())[-MOST_FOUND:]), key: records}
        return self._found[key]

    def place(self, record: Json, field: str) -> tuple[int, int]:
        """Where a record comes in a search that is sorted by a time."""
        if field not in SORTED:
            raise BadQuery(f"{field} is not a valid sort field")
        key = str(record["id"])
        return (record[field], int(key)) if self.is_sorted else (int(key[::-1]), int(key))

    def any_contact(self) -> str:
        """A random contact."""
        return self._random.choice(list(self._contacts))

    def _next(self, kind: str) -> int:
        self._numbers[kind] += 1
        return self._numbers[kind]

    def _change(self, record: Json, at: int, *, silently: bool = False, **fields: object) -> None:
        record |= {**fields, "updated_at": record["updated_at"] if silently else at}
        self.silent |= {record["id"]} if silently else set()
        self._found.clear()
