"""What earlier runs have loaded of the catalogue's tables."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from dlt.common.utils import chunks

from ..api import has
from ..catalog import Resource, Table
from ..memberships import RunOptions
from ..readings import LoadedTables
from ..tables import MORE_OF, key_of
from .rows import Key, Row, columns_of

KEYS_A_QUERY = 1_000
IS_WHOLE = "and status = 'complete' and how <> 'changes'"


@dataclass(frozen=True)
class LastRead:
    """The newest reading of a list. `whole_at`: when it was last read whole and complete, null for never.

    `fetched` and `calls` are those of the newest reading, `whole_calls` those of the whole one.
    """

    status: str
    problem: str | None
    cursor: int | None
    whole_at: datetime | None
    fetched: int = 0
    calls: int = 0
    whole_calls: int = 0

    def is_due(self, options: RunOptions) -> bool:
        """Whether the list has to be read whole again."""
        return self.whole_at is None or options.began_at - self.whole_at > options.limits.sweep_every

    def is_enough_with_changes(self, resource: Resource, options: RunOptions) -> bool:
        """Whether a run may read only what changed after this reading."""
        if resource.changes_since is None or self.cursor is None or self.status != "complete":
            return False
        return has(options.version.name, resource.changes_since) and not (options.full or self.is_due(options))


@dataclass(frozen=True)
class LoadedRow:
    """The hash of a loaded row, and whether it is marked as deleted."""

    content_hash: str
    is_deleted: bool


class LoadedLists:
    """The catalogue's tables of one workspace. Those that are not loaded yet are empty."""

    def __init__(self, tables: LoadedTables) -> None:
        self._tables = tables

    def last_reads(self) -> dict[str, LastRead]:
        """The newest reading of each list, by table."""
        columns = ("table_name", "status", "problem", "cursor", "fetched", "calls")
        newest = self._tables.ask(_newest_reads(columns))
        whole = self._tables.ask(_newest_reads(("table_name", "observed_at", "calls"), IS_WHOLE))
        whole_reads = {name: (whole_at, calls) for name, whole_at, calls in whole}
        return {
            name: LastRead(status, problem, cursor, whole_at, fetched, calls, whole_calls)
            for name, status, problem, cursor, fetched, calls in newest
            for whole_at, whole_calls in [whole_reads.get(name, (None, 0))]
        }

    def rows(self, table: Table, resource: Resource) -> dict[Key, LoadedRow]:
        """All rows, by key."""
        query, depth = _rows_of(table, resource)
        return {row[:depth]: LoadedRow(*row[depth:]) for row in self._tables.ask(query)}

    def rows_of(self, table: Table, resource: Resource, record_ids: Collection[str]) -> dict[Key, LoadedRow]:
        """The rows of these records, by key."""
        query, depth = _rows_of(table, resource)
        found: dict[Key, LoadedRow] = {}
        for part in chunks(sorted(record_ids), KEYS_A_QUERY):
            among = f"{query} and {key_of(table, resource)[0]} in ({', '.join(['%s'] * len(part))})"
            found |= {row[:depth]: LoadedRow(*row[depth:]) for row in self._tables.ask(among, *part)}
        return found

    def present(self, resource: Resource) -> set[str]:
        """The ids of a list's records that are not marked as deleted."""
        query = f"select id from {{{resource.table}}} where workspace_id = %s and not is_deleted"  # noqa: S608 (our own names)
        return {record_id for (record_id,) in self._tables.ask(query)}

    def contacts_with_more(self, column: str) -> set[str]:
        """Loaded contacts of which a list has to be asked for, by the column that holds its beginning."""
        condition = MORE_OF[column].condition.format(column=f"replace(cast({column} as varchar), ' ', '')")
        query = f"select id from {{contacts}} where workspace_id = %s and {condition}"  # noqa: S608 (our own names)
        return {contact_id for (contact_id,) in self._tables.ask(query)}

    def whole_rows(self, table: Table, resource: Resource, keys: Collection[Key]) -> list[Row]:
        """Rows with these keys, as they were loaded."""
        found, names, wanted = list[Row](), list(columns_of(table, resource)), frozenset(keys)
        key = key_of(table, resource)
        columns = ", ".join([*(_as_loaded(name, table.columns) for name in names), "content_hash"])
        for part in chunks(sorted({one[0] for one in wanted}), KEYS_A_QUERY):
            marks = ", ".join(["%s"] * len(part))
            query = f"select {columns} from {{{table.table}}} where workspace_id = %s and {key[0]} in ({marks})"  # noqa: S608
            rows = (Row(row[: len(key)], row[:-1], row[-1]) for row in self._tables.ask(query, *part))
            found += [row for row in rows if row.key in wanted]
        return found


def _newest_reads(columns: Collection[str], condition: str = "") -> str:
    """The query for the newest of the readings of each list that meet a condition."""
    recency = "row_number() over (partition by table_name order by observed_at desc) as recency"
    ranked = f"select *, {recency} from {{list_reads}} where workspace_id = %s {condition}"  # noqa: S608 (constants)
    return f"select {', '.join(columns)} from ({ranked}) as ranked where recency = 1"  # noqa: S608 (constants)


def _rows_of(table: Table, resource: Resource) -> tuple[str, int]:
    """The query for the keys, hashes and marks of a table, and how many columns the key has."""
    key = key_of(table, resource)
    columns = ", ".join((*key, "content_hash", "is_deleted"))
    return f"select {columns} from {{{table.table}}} where workspace_id = %s", len(key)  # noqa: S608 (our own names)


def _as_loaded(name: str, columns: Mapping[str, object]) -> str:
    """JSON as text: some databases return it parsed."""
    kind = getattr(columns.get(name), "kind", "json" if name == "_extra" else "text")
    return f"cast({name} as varchar)" if kind == "json" else name
