"""What was true of a workspace at every moment at which somebody could have looked."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import NamedTuple

from sandbox.world import Workspace

Pair = tuple[str, str]
"""A segment's id and a contact's."""


class State(NamedTuple):
    """Who was in which segment from a moment on, until the next state."""

    since: datetime
    pairs: frozenset[Pair]


class Span(NamedTuple):
    """What held during a window: some of the time, and all of it."""

    ever: frozenset[Pair]
    always: frozenset[Pair]


@dataclass
class Truth:
    """A workspace's states in order, noted after each event and each move of its clock.

    Nobody reads while the clock moves, so who comes and goes within one move was seen by nobody. Several states may
    begin at one instant: an event does not move the clock.
    """

    workspace: Workspace
    states: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.during = cache(self._during)  # asked for the same windows by each contact of a segment
        self.note()

    def note(self) -> None:
        """Notes what is true now."""
        pairs = frozenset(self.workspace.pairs())
        if not self.states or self.states[-1].pairs != pairs:
            self.states.append(State(self.workspace.now(), pairs))
            self.during.cache_clear()

    def _during(self, begin: datetime | None, end: datetime) -> Span:
        """What held in the window from `begin` (None: the first day) to `end`, states that only touch it included."""
        ends = [state.since for state in self.states[1:]] + [None]
        seen = [
            state.pairs
            for state, until in zip(self.states, ends, strict=True)
            if state.since <= end and (begin is None or until is None or until >= begin)
        ]
        return Span(frozenset.union(*seen), frozenset.intersection(*seen))
