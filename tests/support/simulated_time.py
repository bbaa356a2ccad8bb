"""An event loop whose clock jumps to the next timer."""

import asyncio
import selectors
from typing import Any

from ..sources.api.test_rate_limit import A_MOMENT


class Instantly(selectors.DefaultSelector):
    """Waits for nothing: the time that would pass is only counted."""

    def __init__(self, began_at: float) -> None:
        super().__init__()
        self.passed = began_at

    def select(self, timeout: float | None = None) -> Any:
        self.passed += max(timeout, A_MOMENT) if timeout else 0
        return super().select(0)


class SimulatedTime(asyncio.SelectorEventLoop):
    """An event loop in which sleeping takes no time."""

    def __init__(self, began_at: float = 1000.0) -> None:
        self._passing = Instantly(began_at)
        super().__init__(self._passing)

    def time(self) -> float:
        return self._passing.passed
