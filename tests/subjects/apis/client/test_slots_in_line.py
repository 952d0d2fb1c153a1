"""The queue: never above its limit, never idle while somebody waits, in order of priority."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofbook_subjects.apis.client import Limits
from proofbook_subjects.apis.client.errors import QueueFullError
from proofbook_subjects.apis.client.slots import Slots


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_lower_priorities_come_first_and_then_who_came_first() -> None:
    async def main() -> list[str]:
        slots, order = Slots(Limits(max_concurrency=1)), list[str]()
        await slots.take(slots.enter())

        async def wait(name: str, priority: int) -> None:
            await slots.take(slots.enter(priority))
            order.append(name)
            slots.give_back()

        names = [("a", 5), ("b", 0), ("c", 5), ("d", -1), ("e", 0)]
        tasks = [asyncio.create_task(wait(*each)) for each in names]
        await settle()
        slots.give_back()
        await asyncio.gather(*tasks)
        return order

    assert asyncio.run(main()) == ["d", "b", "e", "a", "c"]


def test_one_too_many_is_refused_at_once() -> None:
    async def main() -> None:
        slots = Slots(Limits(max_concurrency=1, max_queued=1))
        await slots.take(slots.enter())
        waiting = asyncio.create_task(slots.take(slots.enter()))
        await settle()
        with pytest.raises(QueueFullError, match="max_queued=1"):
            slots.enter()
        slots.give_back()
        await waiting
        assert (slots.in_use, slots.waiting) == (1, 0)

    asyncio.run(main())


def test_a_slot_that_comes_in_the_moment_of_a_cancellation_is_not_lost() -> None:
    async def main() -> None:
        slots = Slots(Limits(max_concurrency=1))
        await slots.take(slots.enter())
        waiting = asyncio.create_task(slots.take(slots.enter()))
        await settle()
        slots.give_back()  # the turn is given, the task has not run yet
        waiting.cancel()
        await settle()
        assert (slots.in_use, slots.waiting) == (0, 0)
        await asyncio.wait_for(slots.take(slots.enter()), 5)

    asyncio.run(main())


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**32), st.integers(1, 60))
def test_the_limit_holds_and_no_slot_is_idle_whatever_is_cancelled(
    limit: int, seed: int, number: int
) -> None:
    async def main() -> None:
        slots, dice, active = Slots(Limits(max_concurrency=limit)), random.Random(seed), 0

        async def work(steps: int, priority: int) -> None:
            nonlocal active
            await slots.take(slots.enter(priority))
            active += 1
            try:
                for _ in range(steps):
                    assert active <= limit
                    await asyncio.sleep(0)
            finally:
                active -= 1
                slots.give_back()

        tasks = [
            asyncio.create_task(work(dice.randrange(6), dice.randrange(3))) for _ in range(number)
        ]
        while not all(task.done() for task in tasks):
            if dice.random() < 0.3:
                dice.choice(tasks).cancel()
            await asyncio.sleep(0)
            assert slots.in_use == limit or slots.waiting == 0
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (slots.in_use, slots.waiting, active) == (0, 0, 0)
        failures = [t.exception() for t in tasks if not t.cancelled()]
        assert failures == [None] * len(failures)

    asyncio.run(main())
