"""What a run would read and what that would cost, by a few calls. Nothing is written."""

from dataclasses import dataclass
from math import ceil

from ..api import Intercom, page_calls
from ..memberships import BYTES_A_CONTACT, Memory, Plan, RunOptions, SavedState, plan, take_snapshot
from ..search import count, everyone, knows_segments, updated_after
from ..tables import PlannedList

CALLS_BESIDE = 6
"""Token, high-water mark, list of segments, list of attributes, whether search knows segments, activity feed."""
CALLS_A_CURSOR_READ = 2
"""The members that changed, and a lookup by id; more calls where more than 150 changed in one segment."""


@dataclass(frozen=True)
class Preview:
    """A run's plan and its cost.

    Args:
        contacts: how many it would read.
        asked: of how many it would read the segments one by one.
        excluded: how many segments are excluded.
        notes: what is wrong with the configuration, in sentences.
        lists: the lists of the catalogue that it would read.
        is_of_lists: it reads those alone.
        calls_per_second: at best, by the quota; null where that is unknown.
    """

    contacts: int
    plan: Plan
    asked: int = 0
    excluded: int = 0
    notes: tuple[str, ...] = ()
    lists: tuple[PlannedList, ...] = ()
    is_of_lists: bool = False
    calls_per_second: float | None = None

    @property
    def calls(self) -> int:
        """The most calls, without drift: contacts that the overlap reads again may be unchanged."""
        reads = CALLS_A_CURSOR_READ * len(self.plan.rest) if self.contacts else 0
        edited = sum(planned.sweep_calls for planned in self.plan.sweeps if planned.why == "edited")
        lookups = edited + self.asked  # all members of an edited segment may have to be looked up by id
        listed = sum(one.calls or 0 for one in self.lists)
        beside = 1 if self.is_of_lists else CALLS_BESIDE
        return beside + page_calls(self.contacts) + self.plan.sweep_calls + reads + lookups + listed

    @property
    def seconds(self) -> int | None:
        """The least time that the calls take."""
        return self.seconds_of(self.calls)

    def seconds_of(self, calls: int | None) -> int | None:
        """The least time that these calls take; null where they or the quota are unknown."""
        return None if calls is None or self.calls_per_second is None else ceil(calls / self.calls_per_second)

    @property
    def megabytes(self) -> float:
        """Received data, unpacked: search always sends whole contacts."""
        members = sum(planned.members for planned in self.plan.sweeps)
        listed = sum(one.megabytes for one in self.lists)
        return round((self.contacts + members) * BYTES_A_CONTACT / 1e6 + listed, 1)


async def preview(client: Intercom, options: RunOptions, *, saved: SavedState, memory: Memory) -> Preview:
    """The plan of a run that would start now."""
    async with client:
        snapshot = await take_snapshot(client, options.selection)
        is_whole = options.full or saved.cursor is None
        since = (
            everyone() if saved.cursor is None else updated_after(saved.cursor, options.version, options.app.timezone)
        )
        contacts = snapshot.contacts if is_whole else await count(client, since)
        segments, notes = options.selection.of(snapshot.segments), tuple(options.selection.notes(snapshot.segments))
        excluded = len(snapshot.segments) - len(segments)
        if not await knows_segments(client, [segment.id for segment in segments]):
            asked = (
                snapshot.contacts if is_whole else min(snapshot.contacts, max(contacts, options.limits.sweep_budget))
            )
            return Preview(contacts, Plan((), ()), asked, excluded, notes)
    todo = plan(segments, memory.segments(), now=options.clock(), limits=options.limits, full=is_whole)
    return Preview(contacts, todo, excluded=excluded, notes=notes)
