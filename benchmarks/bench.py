"""What the scenarios of one run share."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.floors import Size
from benchmarks.served import NOTING, Served, served
from benchmarks.syncing import Synced, sync

LARGE_CONTACTS = 200_000
LATENCY = 0.1
"""Seconds, about what Intercom takes for a page."""
FEWEST_CONTACTS = 300


@dataclass(frozen=True)
class Large:
    """A large workspace after its first sync, still served."""

    workspace: Served
    size: Size
    folder: Path
    synced: Synced
    sandbox_cpu_seconds: float | None

    @property
    def rows_per_second(self) -> float:
        """Contacts and memberships, by the whole process from start to exit."""
        return self.size.rows / self.synced.cost.seconds


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
        before = workspace.told()
        done = sync(workspace, place)
        cpu_seconds = _spent(before.cpu_seconds, workspace.told().cpu_seconds)
        return Large(workspace, before.size, place, done, cpu_seconds)


def _spent(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
