"""What the scenarios of one run share."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..measuring import RECORDING, FinishedSync, SandboxLoad, ServedSandbox, loaded_rows, served, sync
from ..report import Row

LARGE_CONTACTS = 200_000
LATENCY = 0.1
"""Seconds, about the time that Intercom takes for a page."""
FEWEST_CONTACTS = 300


@dataclass(frozen=True)
class LargeWorkspace:
    """A large workspace after its first sync, still served. `load` is the sandbox's load during that sync."""

    sandbox: ServedSandbox
    folder: Path
    first_sync: FinishedSync
    rows: int
    load: Row

    @property
    def rows_per_second(self) -> float:
        """Contacts and memberships loaded per second, by the whole process from start to exit."""
        return self.rows / self.first_sync.cost.seconds


class Bench:
    """One run of the benchmarks.

    Args:
        scale: the size of all workspaces, as a part of their full size.
        folder: the folder of all files.
        stack: ends what outlives a scenario.
    """

    def __init__(self, scale: float, folder: Path, stack: ExitStack) -> None:
        self.scale = scale
        self.folder = folder
        self._stack = stack

    def contacts(self, full: int) -> int:
        """The scaled number of contacts of a workspace that has `full` at full size."""
        return max(round(full * self.scale), FEWEST_CONTACTS)

    @cached_property
    def large(self) -> LargeWorkspace:
        """The large workspace, synced at its first use."""
        folder = self.folder / "large"
        contacts = self.contacts(LARGE_CONTACTS)
        sandbox = self._stack.enter_context(
            served(folder.with_suffix(".sandbox"), contacts=contacts, latency=LATENCY, module=RECORDING)
        )
        load = SandboxLoad(sandbox)
        first_sync = sync(sandbox, folder)
        load_row = load.row("throughput")
        return LargeWorkspace(sandbox, folder, first_sync, loaded_rows(folder), load_row)
