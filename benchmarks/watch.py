"""How busy the sandbox is: it shares the cores with those that it serves."""

import time

from .rows import Row
from .served import Served


class Watch:
    """Begins when it is made, before what is measured; a row ends it, after that."""

    def __init__(self, workspace: Served) -> None:
        self._workspace = workspace
        self._cpu_seconds = workspace.told().cpu_seconds
        self._began = time.monotonic()

    def row(self, scenario: str, *, of: str = "sandbox") -> Row:
        """The CPU of the sandbox's process so far by the time so far: at 1 it keeps a core to itself."""
        seconds = time.monotonic() - self._began
        cpu_seconds = self._workspace.told().cpu_seconds - self._cpu_seconds
        seen = f"{cpu_seconds:.1f} s / {seconds:.1f} s"
        return Row(scenario, f"{of}, CPU / wall", cpu_seconds / seconds, seen=seen)
