"""Finds a contact in the raw tables and in dlt's state, and replaces its id there."""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dlt.common.versioned_state import compress_state, decompress_state, json_decode_state, json_encode_state
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.state_sync import generate_pipeline_state_version_hash

from sources.intercom.catalog import CONTACTS, RESOURCES, TABLES
from sources.intercom.tables import CONTACTS_KEY

from ..destinations import RAW, Column, Dialect, columns, statement

IDS = {
    "contacts": ("id",),
    "membership_changes": ("contact_id",),
    "contact_attribute_changes": ("contact_id",),
    "contact_tag_changes": ("contact_id",),
    "contact_removals": ("contact_id", "merged_into_contact_id"),
    "contact_activities": ("contact_id", "merge_source_id", "merge_target_id"),
    "conversation_contacts": ("contact_id",),
    "ticket_contacts": ("contact_id",),
    "calls": ("contact_id",),
    "message_receipts": ("contact_id",),
    **{
        table.table: ("id" if table is one else "contact_id",)
        for one in RESOURCES
        if one.follows == CONTACTS
        for table in one.tables
    },
    **{one.table: ("contact_id",) for one in RESOURCES if one.parent and one.parent.table == CONTACTS},
}
"""Columns that hold nothing but ids of contacts. An id that is in none of them is not a contact's."""
WRITTEN: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "conversations": ("conversation", "id", ("source_author_id", "rating_contact_id")),
    "conversation_parts": ("conversation", "conversation_id", ("author_id",)),
    "conversation_contacts": ("conversation", "conversation_id", ("contact_id",)),
    "tickets": ("ticket", "id", ()),
    "ticket_parts": ("ticket", "ticket_id", ("author_id",)),
    "ticket_contacts": ("ticket", "ticket_id", ("contact_id",)),
}
"""Tables of what contacts write: what a row belongs to, the column of that, and those of the contact who wrote it."""
FORMER = {"conversation_part_reads": "_extra"}
"""Columns that only release 1.0 filled."""
DLT_PREFIX = "_dlt"
NOTES_PREFIX = "_"
"""Of dlt's tables, and of those in which a warehouse keeps notes about itself."""
STATES = "_dlt_pipeline_state"
STAGING = f"{RAW}_staging"


def pseudonym() -> str:
    """A random id in the form of Intercom's: 24 hexadecimal digits."""
    return secrets.token_hex(12)


def is_id(text: str) -> bool:
    """Whether a text has the form of Intercom's ids. Such a text can be replaced within other text safely."""
    return bool(re.fullmatch(r"[0-9a-f]{24}", text))


@dataclass(frozen=True)
class Mentions:
    """A contact in the raw tables of one workspace. `client` is open."""

    client: SqlClientBase[Any]
    dialect: Dialect
    workspace_id: str
    contact_id: str

    @property
    def is_known(self) -> bool:
        """Whether there is or was such a contact."""
        return is_id(self.contact_id) and any(
            self._count(table, [f"{name} = ?" for name in names]) for table, names in IDS.items()
        )

    def tables(self) -> list[str]:
        """All that may mention a contact."""
        return [*self._columns, STATES] if self._columns else []

    def rows(self) -> dict[str, int]:
        """How many rows mention it, by table, without tables that do not."""
        counts = {
            table: self._count(table, [_mentions(name) for name in types]) for table, types in self._columns.items()
        }
        return {table: count for table, count in counts.items() if count}

    def merged_with(self) -> tuple[str, ...]:
        """Other contacts that it was merged into, or that were merged into it."""
        query = (
            "select contact_id, merged_into_contact_id from {raw}.{table} where workspace_id = ? "
            "and merged_into_contact_id is not null and ? in (contact_id, merged_into_contact_id)"
        )
        pairs = self._select(query, self.workspace_id, self.contact_id, table="contact_removals")
        return tuple(sorted({contact_id for pair in pairs for contact_id in pair} - {self.contact_id}))

    def replace(self, substitute: str, pipeline_name: str) -> None:
        """Clears the contact's row and replaces its id everywhere. To be called in a transaction."""
        self._clear_reports()
        self._clear_contact()
        self._clear_written()
        self._clear_transcripts()
        self._clear_former()
        for table, types in self._columns.items():
            self._rename(table, types, substitute)
        for table in self._staging_tables():
            self._execute("delete from {staging}.{table}", staging=STAGING, table=table)
        self._rename_in_states(substitute, pipeline_name)

    @cached_property
    def _columns(self) -> dict[str, dict[str, str]]:
        """By raw table, the columns that may mention a contact, with their types."""
        found: dict[str, dict[str, str]] = {}
        for column in self._catalog(RAW):
            is_text = column.type in self.dialect.text_types
            if is_text and not column.name.startswith(DLT_PREFIX) and column.name != "workspace_id":
                found.setdefault(column.table, {})[column.name] = column.type
        return found

    def _staging_tables(self) -> list[str]:
        """Tables that loads pass through. They are empty between two loads, unless a load was dropped."""
        return sorted({column.table for column in self._catalog(STAGING)})

    def _catalog(self, schema: str) -> Iterator[Column]:
        """Columns of all tables that hold contacts' data."""
        for column in columns(self.client.execute_sql, self.dialect, schema):
            if not column.table.startswith(NOTES_PREFIX):
                yield column

    def _clear_contact(self) -> None:
        """Clears what the activity feed and the log of attributes say of it, too."""
        all_columns = [column.name for column in self._catalog(RAW) if column.table == "contacts"]
        cleared = [name for name in all_columns if name not in CONTACTS_KEY and not name.startswith(DLT_PREFIX)]
        for table, names, key in (
            ("contacts", cleared, "id"),
            ("contact_attribute_changes", ["value"], "contact_id"),
            ("contact_activities", ["external_id", "failure_reason"], "contact_id"),
            ("contact_notes", ["body", "_extra"], "contact_id"),
            ("calls", TABLES["calls"].personal, "contact_id"),
            ("data_events", TABLES["data_events"].personal, "contact_id"),
            ("message_receipts", TABLES["message_receipts"].personal, "contact_id"),
        ):
            if table in self._columns:
                changes = ", ".join(f'"{name}" = null' for name in names)
                query = f"update {{raw}}.{{table}} set {changes} where workspace_id = ? and {{key}} = ?"  # noqa: S608 (no values)
                self._execute(query, self.workspace_id, self.contact_id, table=table, key=key)

    def _clear_written(self) -> None:
        """Clears what the contact wrote, and all that was written where no other contact ever took part."""
        for table, (kind, owner, authors) in WRITTEN.items():
            if table not in self._columns or f"{kind}_contacts" not in self._columns:
                continue
            changes = ", ".join(f'"{name}" = null' for name in TABLES[table].personal)
            alone = (
                f"{owner} in (select {kind}_id from {{raw}}.{{contacts}} where workspace_id = ? group by {kind}_id "  # noqa: S608 (no values)
                "having min(contact_id) = ? and max(contact_id) = ?)"
            )
            wrote = " or ".join([*(f"{name} = ?" for name in authors), alone])
            self._execute(
                f"update {{raw}}.{{table}} set {changes} where workspace_id = ? and ({wrote})",  # noqa: S608 (no values)
                *(self.workspace_id, *[self.contact_id] * len(authors)),
                *(self.workspace_id, self.contact_id, self.contact_id),
                table=table,
                contacts=f"{kind}_contacts",
            )

    def _clear_transcripts(self) -> None:
        """Clears what was said in calls with the contact."""
        if {"calls", "call_transcripts"} <= self._columns.keys():
            changes = ", ".join(f'"{name}" = null' for name in TABLES["call_transcripts"].personal)
            self._execute(
                f"update {{raw}}.{{table}} set {changes} where workspace_id = ? and id in "  # noqa: S608 (no values)
                "(select id from {raw}.{calls} where workspace_id = ? and contact_id = ?)",
                *(self.workspace_id, self.workspace_id, self.contact_id),
                table="call_transcripts",
                calls="calls",
            )

    def _clear_reports(self) -> None:
        """Clears the rows of reports that name the contact, by its id or by its address. A dataset has any columns."""
        if not {"reporting_rows", "contacts"} <= self._columns.keys():
            return
        known = "select email from {raw}.{table} where workspace_id = ? and id = ? and email <> ''"
        addresses = [
            address for (address,) in self._select(known, self.workspace_id, self.contact_id, table="contacts")
        ]
        for text in (self.contact_id, *addresses):
            self._execute(
                "update {raw}.{table} set attribute_values = null where workspace_id = ? "
                "and position(lower(?) in lower(cast(attribute_values as text))) > 0",
                *(self.workspace_id, text),
                table="reporting_rows",
            )

    def _clear_former(self) -> None:
        for table, name in FORMER.items():
            if name in self._columns.get(table, ()):
                self._execute(f'update {{raw}}.{{table}} set "{name}" = null', table=table)  # noqa: S608 (our own names)

    def _rename(self, table: str, types: dict[str, str], substitute: str) -> None:
        changes = ", ".join(f'"{name}" = {_renamed(name, kind)}' for name, kind in types.items())
        mentions = " or ".join(map(_mentions, types))
        self._execute(
            f"update {{raw}}.{{table}} set {changes} where workspace_id = ? and ({mentions})",  # noqa: S608 (no values)
            *[self.contact_id, substitute] * len(types),
            self.workspace_id,
            *[self.contact_id] * len(types),
            table=table,
        )

    def _rename_in_states(self, substitute: str, pipeline_name: str) -> None:
        """dlt keeps every version of the pipeline's state, compressed. One may hold ids that a run looked up."""
        states = "select _dlt_id, state from {raw}.{table} where pipeline_name = ?"
        for row_id, stored in self._select(states, pipeline_name, table=STATES):
            text = json_encode_state(decompress_state(stored))  # type: ignore[arg-type]
            if self.contact_id not in text:
                continue
            state: Any = json_decode_state(text.replace(self.contact_id, substitute))
            state["_version_hash"] = generate_pipeline_state_version_hash(state)
            self._execute(
                "update {raw}.{table} set state = ?, version_hash = ? where _dlt_id = ?",
                compress_state(state),
                state["_version_hash"],
                row_id,
                table=STATES,
            )

    def _count(self, table: str, conditions: list[str]) -> int:
        """How many rows satisfy any of the conditions, each of which has one parameter: the contact's id."""
        query = f"select count(*) from {{raw}}.{{table}} where workspace_id = ? and ({' or '.join(conditions)})"  # noqa: S608 (no values)
        rows = self._select(query, self.workspace_id, *[self.contact_id] * len(conditions), table=table)
        return rows[0][0] if rows else 0

    def _select(self, query: str, *values: str, **parts: str) -> list[tuple[Any, ...]]:
        """The rows of a query; none where the table is not loaded yet."""
        try:
            return [tuple(row) for row in self._execute(query, *values, **parts) or ()]
        except DatabaseUndefinedRelation:
            return []

    def _execute(self, template: str, *values: str, **parts: str) -> Any:
        return self.client.execute_sql(statement(self.dialect, template, raw=RAW, **parts), *values)


def _mentions(column: str) -> str:
    """A condition with one parameter: the id. The id may stand within other text."""
    return f'position(? in cast("{column}" as text)) > 0'


def _renamed(column: str, kind: str) -> str:
    """The value with another id in it. Two parameters: the old id and the new one."""
    return f'cast(replace(cast("{column}" as text), ?, ?) as {kind})'
