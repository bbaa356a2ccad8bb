"""Asynchronous work beside a block of synchronous code."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any, Self


class Background:
    """Runs a coroutine in a thread with its own event loop, while a block runs.

    The end of the block waits for the coroutine and raises its error. A block that fails cancels it.

    Args:
        ended: called in that thread when the coroutine ends or fails.
    """

    def __init__(self, work: Coroutine[Any, Any, None], ended: Callable[[], None]) -> None:
        self._work = work
        self._ended = ended
        self._thread = Thread(target=self._run)
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self._task = self._loop.create_task(self._work)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._task:
            with suppress(RuntimeError):  # the work has ended by itself, and its loop with it
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._wait())
        except BaseException as error:  # noqa: BLE001 (it is raised where the block ends)
            self._error = error
        finally:
            self._ended()

    async def _wait(self) -> None:
        if self._task:
            await self._task
