"""The true memberships of a workspace at every time at which a run could have read them."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import NamedTuple

from sandbox.world import Workspace

Pair = tuple[str, str]
"""A segment's id and a contact's."""


class State(NamedTuple):
    """The memberships from a time until the next state."""

    since: datetime
    pairs: frozenset[Pair]


class Span(NamedTuple):
    """The memberships that existed at some time of a window, and those that existed all the time."""

    ever: frozenset[Pair]
    always: frozenset[Pair]


@dataclass
class Truth:
    """A workspace's states in order, recorded after each event and each move of its clock.

    No run reads while the clock moves, so changes within one move are invisible. Several states may start at the same
    time, because an event does not move the clock.
    """

    workspace: Workspace
    states: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.during = cache(self._during)  # each contact of a segment has the same windows
        self.record()

    def record(self) -> None:
        pairs = frozenset(self.workspace.pairs())
        if not self.states or self.states[-1].pairs != pairs:
            self.states.append(State(self.workspace.now(), pairs))
            self.during.cache_clear()

    def _during(self, begin: datetime | None, end: datetime) -> Span:
        """The window from `begin` (None: the first day) to `end`, with the states that only touch it."""
        ends = [state.since for state in self.states[1:]] + [None]
        seen = [
            state.pairs
            for state, until in zip(self.states, ends, strict=True)
            if state.since <= end and (begin is None or until is None or until >= begin)
        ]
        return Span(frozenset.union(*seen), frozenset.intersection(*seen))
