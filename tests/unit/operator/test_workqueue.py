"""The queue of bots: nothing lost, nothing twice at the same time, and no storm after a failure."""

from __future__ import annotations

import asyncio
import random

import pytest

from tradewind_operator.kinds import backtest_key, is_backtest
from tradewind_operator.workqueue import LONGEST_PAUSE, WorkQueue


@pytest.fixture
async def queue():
    made = WorkQueue(random.Random(1))
    yield made
    made.close()


async def work_through(queue, work=None):
    """Let one worker do all that waits; the keys in their order."""
    done, idle = [], asyncio.Event()

    async def look(key):
        done.append(key)
        if work is not None:
            work(key)
        asyncio.get_running_loop().call_soon(lambda: len(queue) or queue.busy or idle.set())

    worker = asyncio.create_task(queue.run(look))
    await idle.wait()
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    return done


async def test_a_key_is_in_it_once_and_urgent_ones_come_first(queue):
    queue.add("idle", urgent=False)
    queue.add("risen", urgent=False)
    queue.add("first")
    queue.add("first")
    queue.add("risen")
    assert len(queue) == 3
    assert await work_through(queue) == ["first", "risen", "idle"]


async def test_a_bot_goes_before_all_backtests_that_came_before_it():
    """Each of those is several requests; a bot that is deleted has orders to withdraw."""
    queue = WorkQueue(random.Random(1), patient=is_backtest)
    for number in range(3):
        queue.add(backtest_key("trading", str(number)), changed=True)
    queue.add("trading/bot")
    queue.add(backtest_key("trading", "0"))
    done = await work_through(queue)
    queue.close()
    assert done == ["trading/bot", *(backtest_key("trading", str(number)) for number in range(3))]


async def test_what_comes_while_a_bot_is_looked_at_brings_it_back_once(queue):
    first = iter((True, False))

    def look(key):
        if next(first):
            queue.add(key)
            queue.add(key, urgent=False)

    queue.add("bot")
    assert await work_through(queue, look) == ["bot", "bot"]


async def test_events_of_children_do_not_end_the_pause_after_a_failure(queue):
    """Each would count as one more failure, and make a storm of requests of a storm of pods."""
    assert queue.failed("bot", at_least=30.0) == 30.0
    for _ in range(100):
        queue.add("bot")
    assert len(queue) == 0
    assert queue.failed("bot") < 2, "the second failure, and not the hundredth"


async def test_events_while_it_fails_do_not_either(queue):
    def look(key):
        queue.add(key)
        queue.failed(key)

    queue.add("bot")
    assert await work_through(queue, look) == ["bot"]


async def test_a_change_of_the_bot_ends_the_pause(queue):
    """Whoever mends a spec does not wait for a minute."""
    for _ in range(9):
        queue.failed("bot")
    queue.add("bot", changed=True)
    assert await work_through(queue) == ["bot"]
    assert queue.failed("bot") <= 0.5


async def test_pauses_grow_up_to_a_bound_and_a_success_forgets_them(queue):
    pauses = [queue.failed("bot") for _ in range(20)]
    assert pauses[0] <= 0.5 < pauses[3] < max(pauses) <= LONGEST_PAUSE
    queue.succeeded("bot")
    assert queue.failed("bot") <= 0.5


async def test_the_end_of_a_pause_brings_the_bot_back(queue):
    queue.failed("bot")
    assert await asyncio.wait_for(work_through(queue), 5) == ["bot"]


async def test_of_two_appointments_the_earlier_one_stays(queue):
    queue.add_after("bot", 60)
    queue.add_after("bot", 0)
    queue.add_after("bot", 60)
    assert await asyncio.wait_for(work_through(queue), 5) == ["bot"]


async def test_nothing_is_kept_of_a_bot_that_is_forgotten(queue):
    queue.failed("bot")
    queue.forget("bot")
    assert not queue._failures
    assert not queue._later
    assert not queue._pausing
