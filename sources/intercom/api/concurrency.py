"""Many calls at once, and one client for several readers."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from .client import LANES
from .endpoints import Intercom

Answer = TypeVar("Answer")


class SharedClient:
    """One client for concurrent readers: the first connects it, the last one closes it."""

    def __init__(self, connect: Callable[[], Intercom]) -> None:
        self._connect = connect
        self._client: Intercom | None = None
        self._users = 0
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Intercom:
        """The client, open until the last block of a reader ends."""
        async with self._connecting:
            client = self._client = self._client or await self._connect().__aenter__()
            self._users += 1
        return client

    async def __aexit__(self, *_: object) -> None:
        self._users -= 1
        if self._users == 0 and self._client:
            client, self._client = self._client, None
            await client.__aexit__(None, None, None)


def do_nothing() -> None:
    """For callers that follow no progress."""


async def each(
    ids: Iterable[str], question: Callable[[str], Awaitable[Answer]], advance: Callable[[], None] = do_nothing
) -> dict[str, Answer]:
    """The answer for each id. As many calls are under way as a client has lanes, however many ids there are.

    Args:
        advance: called after each answer.
    """
    answers: dict[str, Answer] = {}
    remaining = iter(ids)

    async def worker() -> None:
        for one in remaining:
            answers[one] = await question(one)
            advance()

    async with asyncio.TaskGroup() as group:
        for _ in range(LANES):
            group.create_task(worker())
    return answers


async def gathered(questions: Iterable[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """All answers in order. All start at once; the client's lanes limit them. The first failure cancels the others."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(question) for question in questions]
    return [task.result() for task in tasks]
