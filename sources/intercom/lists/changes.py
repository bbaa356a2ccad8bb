"""What is written of a list that was read: rows that are new or differ, and rows that a complete list no longer has."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ..api import each
from ..catalog import Nested, Resource, Table
from .loaded import LoadedLists, LoadedRow
from .reader import ReadRecords
from .rows import Key, Row, table_of

MOST_LOOKUPS = 150
"""Records that a run looks up because their list no longer has them. The next runs look up the others."""
LEAST_COLLAPSE = 5
COLLAPSED = " at once. They count as deleted if the next run misses them too"

Exists = Callable[[str], Awaitable[bool | None]]


@dataclass
class TableChanges:
    """Rows to write, and keys of rows to mark as deleted."""

    written: list[Row] = field(default_factory=list)
    deleted: list[Key] = field(default_factory=list)


def changes_of(
    table: Table, resource: Resource, read: ReadRecords, loaded: Mapping[Key, LoadedRow], gone: Collection[Key]
) -> TableChanges:
    """The changes of one table. `gone`: keys of the records that are known to be deleted.

    A nested row goes with its record, and when a whole list of its record lacks it, unless the table keeps such rows.
    """
    found = [(record.row.key, record.rows(table)) for record in read.records.values()]
    rows = {row.key: row for _, nested in found for row in nested.rows}
    written = [row for key, row in rows.items() if loaded.get(key) != LoadedRow(row.content_hash, is_deleted=False)]
    present = [key for key, row in loaded.items() if not row.is_deleted]
    if table is resource:
        return TableChanges(written, [key for key in present if key in gone])
    keeps = isinstance(table, Nested) and table.keeps
    owners = frozenset(gone) | {key for key, nested in found if nested.is_whole and not keeps}
    depth = len(resource.parent_columns) + 1
    return TableChanges(written, [key for key in present if key not in rows and key[:depth] in owners])


async def changed_tables(
    table: Table, resource: Resource, changes: TableChanges, loaded: LoadedLists, noted: Mapping[str, Any]
) -> tuple[pa.Table, ...]:
    """The changes as rows to load. `noted`: columns that all of them share."""
    deleted = await asyncio.to_thread(loaded.whole_rows, table, resource, changes.deleted)
    return tuple(
        table_of(table, resource, rows, {**noted, "is_deleted": is_deleted})
        for rows, is_deleted in ((changes.written, False), (deleted, True))
        if rows
    )


def missing(resource: Resource, read: ReadRecords, loaded: Mapping[Key, LoadedRow], *, is_whole: bool) -> list[Key]:
    """Loaded records that a complete reading lacks; of a child those of parents that were read."""
    present = [key for key, row in loaded.items() if not row.is_deleted and key not in read.records]
    if resource.parent:
        return [key for key in present if key[0] in read.parents]
    return present if is_whole else []


def collapse(lost: int, loaded: int, *, can_be_empty: bool) -> str | None:
    """Why missing records are more likely a fault than a real loss; null if they are few."""
    is_large = lost >= LEAST_COLLAPSE and lost * 2 > loaded
    if not (is_large or (lost == loaded and not can_be_empty)):
        return None
    return f"it lacks {lost:,} of {loaded:,}{COLLAPSED}"


async def looked_up(keys: Collection[Key], exists: Exists, most: int = MOST_LOOKUPS) -> tuple[set[Key], int]:
    """Which of these records Intercom says are not there, and how many it says are, or does not say."""
    by_id = {str(key[-1]): key for key in sorted(keys)[:most]}
    answers = await each(by_id, exists)
    gone = {by_id[one] for one, answer in answers.items() if answer is False}
    return gone, len(keys) - len(gone)
