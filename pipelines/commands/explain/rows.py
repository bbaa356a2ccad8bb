"""Asks the published tables about one workspace. Texts of a user are literals, and never part of a template."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from ...destinations import RAW, Ask

Row = TypeVar("Row", bound=msgspec.Struct)
HAS_LOG = (
    "select count(*) from information_schema.tables where table_schema = {raw} "
    "and table_name in ('membership_changes', 'segment_scans', 'contact_removals', 'contact_activities')"
)
LOG_TABLES = 4


def literal(text: str) -> str:
    """The text as SQL. A brace ends its part of the text, so that `statement` finds no part of a template in it.

    A character that no encoding can express, as a terminal may pass it, becomes a question mark: no row has it.
    """
    encodable = text.encode(errors="replace").decode()
    return "'" + encodable.replace("'", "''").replace("{", "{' || '") + "'"


def literals(texts: Iterable[str]) -> str:
    """A list for `in (...)`. Without a text it is one that no column holds."""
    return ", ".join(map(literal, texts)) or "''"


@dataclass(frozen=True)
class WorkspaceRows:
    """The rows of one workspace. Queries have `{workspace}` for its id."""

    ask: Ask
    workspace_id: str

    def has_log(self) -> bool:
        """Whether the raw tables are published."""
        ((tables,),) = self.ask(HAS_LOG.format(raw=literal(RAW)))
        return bool(tables == LOG_TABLES)

    def tuples(self, query: str, **parts: str | Collection[str]) -> list[tuple[Any, ...]]:
        """Rows; their times are in UTC. A part of a query is a text, or a list of texts."""
        texts = {name: literal(part) if isinstance(part, str) else literals(part) for name, part in parts.items()}
        filled = query.format(workspace=literal(self.workspace_id), **texts)
        return [tuple(map(_in_utc, row)) for row in self.ask(filled)]

    def records(self, query: str, kind: type[Row], **parts: str | Collection[str]) -> list[Row]:
        """Rows as records; the fields that the query does not have keep their defaults."""
        return [record(kind, row) for row in self.tuples(query, **parts)]

    def by_segment(self, query: str, **parts: str | Collection[str]) -> dict[str, list[tuple[Any, ...]]]:
        """Rows by their first column, which is left out."""
        found = defaultdict[str, list[tuple[Any, ...]]](list)
        for segment_id, *rest in self.tuples(query, **parts):
            found[segment_id].append(tuple(rest))
        return found


def record(kind: type[Row], row: Sequence[Any], **others: Any) -> Row:
    """A record of the columns of a row, in the order of its fields, and of what else is known."""
    return kind(**dict(zip(kind.__struct_fields__, row, strict=False)), **others)


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
