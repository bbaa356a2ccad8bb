"""What earlier runs have loaded of calls and their transcripts, and of events of contacts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ..catalog import CALL_TRANSCRIPTS, CALLS, Resource
from ..readings import LoadedTables
from ..support import SETTLED_SECONDS

COMPLETED = "completed"
UNFINISHED_SECONDS = 7 * 86_400
"""How long a transcript may take. Intercom does not say whether a call changes once it has one."""


class LoadedCalls:
    """The tables of one workspace. Those that are not loaded yet are empty."""

    def __init__(self, tables: LoadedTables) -> None:
        self._tables = tables

    def due(self, now: int) -> dict[str, str | None]:
        """The calls that changed since their transcript was read, or have none yet, with their conversations.

        Args:
            now: epoch seconds.
        """
        calls = self._tables.ask(
            f"select id, conversation_id, observed_at, coalesce(created_at, 0) from {{{CALLS.table}}} "  # noqa: S608
            "where workspace_id = %s and not is_deleted and conversation_id is not null"
        )
        read = self._read()
        return {
            call_id: conversation
            for call_id, conversation, observed_at, created_at in calls
            if call_id not in read
            or read[call_id][0] < observed_at
            or (read[call_id][1] != COMPLETED and created_at > now - UNFINISHED_SECONDS)
        }

    def _read(self) -> Mapping[str, tuple[datetime, str | None]]:
        """When each transcript was read, and its status."""
        query = f"select id, observed_at, transcript_status from {{{CALL_TRANSCRIPTS.table}}} where workspace_id = %s"  # noqa: S608
        return {call_id: (observed_at, status) for call_id, observed_at, status in self._tables.ask(query)}


@dataclass(frozen=True)
class ActiveContact:
    """A contact of which events are asked for. All times are epoch seconds.

    Args:
        active_at: when it was last updated or seen.
        newest_at: when its newest event happened, of those that are loaded; 0 for none.
    """

    active_at: int
    newest_at: int = 0


@dataclass(frozen=True)
class _Lookup:
    active_at: int
    newest_at: int
    observed_at: float

    def is_outdated(self, active_at: int) -> bool:
        """Whether the contact was active since, or shortly before: clocks may differ."""
        return self.active_at < active_at or self.observed_at < active_at + SETTLED_SECONDS


class LoadedContacts:
    """The contacts of one workspace, and the lookups of their events. Tables that are not loaded yet are empty."""

    def __init__(self, tables: LoadedTables) -> None:
        self._tables = tables

    def due(self, lookups: Resource, seen: Mapping[str, int], since: int, *, is_full: bool) -> dict[str, ActiveContact]:
        """The contacts that were active since their last lookup, or have none.

        Args:
            seen: contacts that the run has read and not loaded yet, and when each was last updated.
            since: contacts that were not active since then are left out.
            is_full: all others are due.
        """
        found, known = dict(self._active()), dict(self._lookups(lookups))
        found |= {one: max(at, found.get(one, 0)) for one, at in seen.items()}
        return {
            contact_id: ActiveContact(active_at, known[contact_id].newest_at if contact_id in known else 0)
            for contact_id, active_at in found.items()
            if active_at >= since and (is_full or contact_id not in known or known[contact_id].is_outdated(active_at))
        }

    def _active(self) -> Iterator[tuple[str, int]]:
        """Contacts that are not removed, and not forgotten, and when each was last updated or seen."""
        query = (
            "select id, updated_at, coalesce(last_seen_at, 0) from {contacts} "
            "where workspace_id = %s and updated_at is not null"
        )
        removed = self._tables.removed()
        rows = self._tables.ask(query)
        yield from ((key, max(updated_at, seen_at)) for key, updated_at, seen_at in rows if key not in removed)

    def _lookups(self, lookups: Resource) -> Iterator[tuple[str, _Lookup]]:
        newest = "coalesce(newest_at, 0)" if "newest_at" in lookups.columns else "0"
        query = f"select id, coalesce(active_at, 0), {newest}, observed_at from {{{lookups.table}}} "  # noqa: S608
        for key, active_at, newest_at, observed_at in self._tables.ask(f"{query} where workspace_id = %s"):
            yield key, _Lookup(active_at, newest_at, observed_at.astimezone(UTC).timestamp())
