"""Items that a task of its own produces.

dlt resumes an asynchronous generator in a new task for each item, so what belongs to a task (a task group, a timeout)
must not live across a `yield`. One producer task owns all of that and feeds a bounded queue.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

ITEMS_IN_QUEUE = 4

Item = TypeVar("Item")


async def produced(
    produce: Callable[["asyncio.Queue[Item | None]"], Awaitable[None]], most: int = ITEMS_IN_QUEUE
) -> AsyncGenerator[Item, None]:
    """The items that `produce` puts into its queue. An error in `produce` is raised here, after its last item.

    Args:
        most: how many items the queue holds; then `produce` waits.
    """
    queue: asyncio.Queue[Item | None] = asyncio.Queue(most)

    async def run() -> None:
        try:
            await produce(queue)
        finally:
            if not (task.cancelling() and queue.full()):  # cancelled: the queue has no reader any more
                await queue.put(None)

    task = asyncio.create_task(run())
    try:
        while (item := await queue.get()) is not None:
            yield item
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
