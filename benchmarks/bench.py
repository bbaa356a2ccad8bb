"""What the scenarios of one run share."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .rows import Row
from .served import NOTING, Served, served
from .syncing import Synced, rows_in, sync
from .watch import Watch

LARGE_CONTACTS = 200_000
LATENCY = 0.1
"""Seconds, about what Intercom takes for a page."""
FEWEST_CONTACTS = 300


@dataclass(frozen=True)
class Large:
    """A large workspace after its first sync, still served. `sandbox`: how busy that kept it."""

    workspace: Served
    folder: Path
    synced: Synced
    loaded: int
    sandbox: Row

    @property
    def rows_per_second(self) -> float:
        """Contacts and memberships in DuckDB, by the whole process from start to exit."""
        return self.loaded / self.synced.cost.seconds


class Bench:
    """One run.

    Args:
        scale: all workspaces are so many times their full size.
        folder: everything is written below it.
        stack: ends what outlives a scenario.
    """

    def __init__(self, scale: float, folder: Path, stack: ExitStack) -> None:
        self.scale = scale
        self.folder = folder
        self._stack = stack

    def contacts(self, full: int) -> int:
        """How many a workspace gets that has `full` of them at full size."""
        return max(round(full * self.scale), FEWEST_CONTACTS)

    @cached_property
    def large(self) -> Large:
        """The large workspace, synced when it is first asked for."""
        place = self.folder / "large"
        contacts = self.contacts(LARGE_CONTACTS)
        workspace = self._stack.enter_context(
            served(place.with_suffix(".sandbox"), contacts=contacts, latency=LATENCY, by=NOTING)
        )
        watch = Watch(workspace)
        done = sync(workspace, place)
        sandbox = watch.row("throughput")
        return Large(workspace, place, done, rows_in(place), sandbox)
