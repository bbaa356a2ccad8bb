"""An event loop whose clock jumps to the next timer."""

import asyncio
import selectors
from typing import Any

SHORTEST_SLEEP_SECONDS = 1e-6
"""Clocks are read as finely as this: less, added to a float, may not move it."""


class Instantly(selectors.DefaultSelector):
    """Waits for nothing: the time that would pass is only counted."""

    def __init__(self, began_at: float) -> None:
        super().__init__()
        self.passed = began_at

    def select(self, timeout: float | None = None) -> Any:
        self.passed += max(timeout, SHORTEST_SLEEP_SECONDS) if timeout else 0
        return super().select(0)


class SimulatedTime(asyncio.SelectorEventLoop):
    """An event loop in which sleeping takes no time."""

    def __init__(self, began_at: float = 1000.0) -> None:
        self._passing = Instantly(began_at)
        super().__init__(self._passing)

    def time(self) -> float:
        return self._passing.passed
