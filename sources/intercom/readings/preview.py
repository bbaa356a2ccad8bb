"""What a run would read, and what that would cost: asked with a handful of calls, nothing is written."""

from dataclasses import dataclass

from ..api import Intercom, page_calls
from ..memberships import BYTES_A_CONTACT, Memory, Plan, RunOptions, SavedState, plan, take_snapshot
from ..search import count, everyone, knows_segments, updated_after

CALLS_BESIDE = 5
"""Token, high-water mark, segment list, whether search knows segments, activity feed."""
CALLS_A_CURSOR_READ = 2
"""Those who changed, and a question by name; more where more than 150 changed in one segment."""


@dataclass(frozen=True)
class Preview:
    """A run's plan and its cost; `contacts` is how many it would read, `asked` how many it would ask one by one.

    `excluded` segments are left out; `notes` say of the configuration what cannot be meant so.
    """

    contacts: int
    plan: Plan
    asked: int = 0
    excluded: int = 0
    notes: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        """Calls at most, unless segments drifted: contacts read again by the overlap may turn out to be unchanged."""
        reads = CALLS_A_CURSOR_READ * len(self.plan.rest) if self.contacts else 0
        edited = sum(planned.sweep_calls for planned in self.plan.sweeps if planned.why == "edited")
        questions = edited + self.asked  # all members of an edited segment may have to be asked for by name
        return CALLS_BESIDE + page_calls(self.contacts) + self.plan.sweep_calls + reads + questions

    @property
    def megabytes(self) -> float:
        """What comes over, unpacked: search sends whole contacts also where only their ids are of use."""
        members = sum(planned.members for planned in self.plan.sweeps)
        return round((self.contacts + members) * BYTES_A_CONTACT / 1e6, 1)


async def preview(client: Intercom, options: RunOptions, *, saved: SavedState, memory: Memory) -> Preview:
    """The plan of a run that began now."""
    async with client:
        snapshot = await take_snapshot(client)
        is_whole = options.full or saved.cursor is None
        since = everyone() if saved.cursor is None else updated_after(saved.cursor, options.version, options.timezone)
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
