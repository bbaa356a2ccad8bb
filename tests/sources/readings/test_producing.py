"""Items that a task produces while others are used."""

import asyncio

import pytest

from sources.intercom.readings import produced


class Broken(Exception):
    pass


def test_what_was_produced_before_an_error_comes_before_it() -> None:
    got = list[int | None]()

    async def produce(queue: "asyncio.Queue[int | None]") -> None:
        for one in (1, 2, 3):
            await queue.put(one)
        raise Broken

    async def use() -> None:
        async for one in produced(produce):
            got.append(one)

    with pytest.raises(Broken):
        asyncio.run(use())

    assert got == [1, 2, 3]


def test_items_are_produced_ahead_of_their_use_as_far_as_the_queue_holds_them() -> None:
    made, ahead = list[int](), list[int]()

    async def produce(queue: "asyncio.Queue[int | None]") -> None:
        for one in range(1, 30):
            made.append(one)
            await queue.put(one)

    async def use() -> None:
        async for one in produced(produce, 5):
            for _ in range(10):
                await asyncio.sleep(0)  # the other task has its turns
            ahead.append(len(made) - (one or 0))

    asyncio.run(use())

    assert max(ahead) == ahead[0] == 5 + 1
