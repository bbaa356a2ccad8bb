"""Where a contact is named in the loaded tables and in dlt's state, and how another id takes its place there."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dlt.common.versioned_state import compress_state, decompress_state, json_decode_state, json_encode_state
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.state_sync import generate_pipeline_state_version_hash

from sources.intercom.tables import CONTACTS_KEY

from ..destinations import TABLE as RELEASES

IDS = {
    "contacts": ("id",),
    "membership_changes": ("contact_id",),
    "contact_removals": ("contact_id", "merged_into_contact_id"),
    "contact_activities": ("contact_id", "merge_source_id", "merge_target_id"),
}
"""Columns that hold nothing but ids of contacts: whoever is in none of them is no contact."""
TEXT_TYPES = ("VARCHAR", "character varying", "text", "JSON", "json", "jsonb")
"""All types that can hold an id, as DuckDB and PostgreSQL call them."""
DLTS = "_dlt"
STATES = "_dlt_pipeline_state"


def pseudonym() -> str:
    """An id that nobody has, in the shape of Intercom's: 24 hexadecimal digits."""
    return secrets.token_hex(12)


def is_id(text: str) -> bool:
    """Whether it looks like an id of Intercom's: such text is found among other words without a mistake."""
    return bool(re.fullmatch(r"[0-9a-f]{24}", text))


@dataclass(frozen=True)
class Column:
    """A column that may name a contact, alone or among other words."""

    name: str
    kind: str

    @property
    def names_it(self) -> str:
        """A condition with one parameter: the id."""
        return f"position(%s in cast({self.name} as text)) > 0"

    @property
    def renamed(self) -> str:
        """The value with another id in it; two parameters: the old one and the new."""
        return f"cast(replace(cast({self.name} as text), %s, %s) as {self.kind})"


@dataclass(frozen=True)
class Mentions:
    """A contact in the loaded tables of one workspace. `client` is open and in no transaction."""

    client: SqlClientBase[Any]
    raw: str
    workspace_id: str
    contact_id: str

    @property
    def is_known(self) -> bool:
        """Whether there is or was such a contact."""
        return is_id(self.contact_id) and any(
            self._count(table, [f"{name} = %s" for name in names]) for table, names in IDS.items()
        )

    def tables(self) -> list[str]:
        """All that may name a contact."""
        return [*self._columns, STATES] if self._columns else []

    def rows(self) -> dict[str, int]:
        """How many rows name it, by table; those that do."""
        counts = {
            table: self._count(table, [column.names_it for column in columns])
            for table, columns in self._columns.items()
        }
        return {table: count for table, count in counts.items() if count}

    def merged_with(self) -> tuple[str, ...]:
        """Other contacts that it was merged into, or that were merged into it."""
        query = (
            f"select contact_id, merged_into_contact_id from {self._table('contact_removals')} "  # noqa: S608
            "where workspace_id = %s and merged_into_contact_id is not null "
            "and %s in (contact_id, merged_into_contact_id)"
        )
        pairs = self._select(query, self.workspace_id, self.contact_id)
        return tuple(sorted({contact_id for pair in pairs for contact_id in pair} - {self.contact_id}))

    def replace(self, substitute: str, pipeline_name: str) -> None:
        """Empties the contact's row and puts another id in the place of its own, everywhere at once."""
        with self.client.begin_transaction():
            self._empty_contact()
            for table, columns in self._columns.items():
                self._rename(table, columns, substitute)
            for table in self._staging:
                self.client.execute_sql(f"delete from {table}")  # noqa: S608 (our own names)
            self._rename_in_states(substitute, pipeline_name)

    @cached_property
    def _columns(self) -> dict[str, list[Column]]:
        """Of each loaded table, those that may name a contact."""
        columns: dict[str, list[Column]] = {}
        for table, name, kind in self._catalog(self.raw):
            if kind in TEXT_TYPES and not name.startswith(DLTS) and name != "workspace_id":
                columns.setdefault(table, []).append(Column(self._quoted(name), kind))
        return columns

    @property
    def _staging(self) -> Iterator[str]:
        """Tables through which loads pass; nothing is in them between two loads, unless one was dropped."""
        schema = f"{self.raw}_staging"
        for table in sorted({table for table, *_ in self._catalog(schema)}):
            yield f"{self._quoted(schema)}.{self._quoted(table)}"

    def _catalog(self, schema: str) -> list[tuple[str, str, str]]:
        """Tables, their columns and types; without dlt's own tables, and the one that tells which releases loaded."""
        found = self._select(
            "select table_name, column_name, data_type from information_schema.columns "
            "where table_catalog = current_database() and table_schema = %s order by table_name, ordinal_position",
            schema,
        )
        return [row for row in found if not row[0].startswith(DLTS) and row[0] != RELEASES]

    def _empty_contact(self) -> None:
        """Also takes the external id, which Intercom's feed repeats."""
        kept = [name for table, name, _ in self._catalog(self.raw) if table == "contacts" and name not in CONTACTS_KEY]
        emptied = ", ".join(f"{self._quoted(name)} = null" for name in kept if not name.startswith(DLTS))
        for table, changes, column in (
            ("contacts", emptied, "id"),
            ("contact_activities", "external_id = null, failure_reason = null", "contact_id"),
        ):
            if table in self._columns:
                self.client.execute_sql(
                    f"update {self._table(table)} set {changes} where workspace_id = %s and {column} = %s",  # noqa: S608
                    self.workspace_id,
                    self.contact_id,
                )

    def _rename(self, table: str, columns: list[Column], substitute: str) -> None:
        changes = ", ".join(f"{column.name} = {column.renamed}" for column in columns)
        named = " or ".join(column.names_it for column in columns)
        self.client.execute_sql(
            f"update {self._table(table)} set {changes} where workspace_id = %s and ({named})",  # noqa: S608
            *[self.contact_id, substitute] * len(columns),
            self.workspace_id,
            *[self.contact_id] * len(columns),
        )

    def _rename_in_states(self, substitute: str, pipeline_name: str) -> None:
        """dlt keeps every version of the pipeline's state, compressed; one may tell whom a run asked about last."""
        states = f"select _dlt_id, state from {self._table(STATES)} where pipeline_name = %s"  # noqa: S608
        for row_id, stored in self._select(states, pipeline_name):
            text = json_encode_state(decompress_state(stored))  # type: ignore[arg-type]
            if self.contact_id not in text:
                continue
            state: Any = json_decode_state(text.replace(self.contact_id, substitute))
            state["_version_hash"] = generate_pipeline_state_version_hash(state)
            self.client.execute_sql(
                f"update {self._table(STATES)} set state = %s, version_hash = %s where _dlt_id = %s",  # noqa: S608
                compress_state(state),
                state["_version_hash"],
                row_id,
            )

    def _count(self, table: str, conditions: list[str]) -> int:
        """How many rows fulfil any of the conditions, whose one parameter is the id."""
        rows = self._select(
            f"select count(*) from {self._table(table)} where workspace_id = %s and ({' or '.join(conditions)})",  # noqa: S608
            self.workspace_id,
            *[self.contact_id] * len(conditions),
        )
        return rows[0][0] if rows else 0

    def _select(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """A table that was not loaded yet has no rows."""
        try:
            return [tuple(row) for row in self.client.execute_sql(query, *values) or ()]
        except DatabaseUndefinedRelation:
            return []

    def _table(self, name: str) -> str:
        return f"{self._quoted(self.raw)}.{self._quoted(name)}"

    def _quoted(self, name: str) -> str:
        return self.client.capabilities.escape_identifier(name)
