"""The queue of bots: nothing that was added is lost, nobody is worked on twice at once, pauses are bounded."""

from __future__ import annotations

import asyncio
import contextlib
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind_operator.workqueue import FIRST_PAUSE, LONGEST_PAUSE, WorkQueue

KEYS = ("a/one", "a/two", "b/one")

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(KEYS), st.booleans()),
        st.tuples(st.just("finish"), st.integers(0, 3), st.just(False)),
        st.tuples(st.just("turn"), st.integers(1, 3), st.just(False)),
    ),
    max_size=60,
)


async def play(actions, workers):
    """Runs workers that finish when they are told to; what came is looked at afterwards, and never at once twice."""
    queue, begun, running, gates = WorkQueue(random.Random(1)), [], set(), []
    owed = set()

    async def work(key):
        assert key not in running, "two workers at the same bot"
        running.add(key)
        owed.discard(key)
        begun.append(key)
        gate = asyncio.Event()
        gates.append(gate)
        await gate.wait()
        running.discard(key)

    tasks = [asyncio.create_task(queue.run(work)) for _ in range(workers)]
    for action, value, urgent in actions:
        if action == "add":
            owed.add(value)
            queue.add(value, urgent=urgent)
        elif action == "finish" and gates:
            gates.pop(value % len(gates)).set()
        else:
            for _ in range(int(value) if not isinstance(value, str) else 1):
                await asyncio.sleep(0)
        assert queue.busy <= workers
    for _ in range(200):
        if not (owed or running or len(queue)):
            break
        while gates:
            gates.pop().set()
        await asyncio.sleep(0)
    assert owed == set(), "what was added was never looked at"
    assert len(queue) == queue.busy == 0
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@given(ACTIONS, st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_nothing_is_lost_and_nobody_is_worked_on_twice_at_once(actions, workers):
    asyncio.run(play(actions, workers))


async def taken(queue, count):
    found = []
    done = asyncio.Event()

    async def work(key):
        found.append(key)
        if len(found) == count:
            done.set()

    task = asyncio.create_task(queue.run(work))
    async with asyncio.timeout(60):
        await done.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return found


async def test_what_changed_goes_before_a_look_without_a_cause():
    queue = WorkQueue()
    for key, urgent in (("idle", False), ("changed", True), ("promoted", False), ("promoted", True)):
        queue.add(key, urgent=urgent)
    assert await taken(queue, 3) == ["changed", "promoted", "idle"]


async def test_the_earliest_appointment_counts_and_a_closed_queue_keeps_none():
    queue = WorkQueue()
    queue.add_after("bot", 30)
    queue.add_after("bot", 0)
    queue.add_after("bot", 60)
    assert await taken(queue, 1) == ["bot"]
    queue.add_after("bot", 0)
    queue.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(queue) == 0


@given(st.integers(1, 40), st.integers(), st.one_of(st.none(), st.floats(0, 300)))
@settings(max_examples=100, deadline=None)
def test_pauses_grow_to_a_bound_and_honour_what_the_server_asks(failures, seed, at_least):
    async def fail():
        queue = WorkQueue(random.Random(seed))
        pauses = [queue.failed("bot", at_least) for _ in range(failures)]
        queue.succeeded("bot")
        fresh = queue.failed("bot")
        queue.forget("bot")
        queue.close()
        return pauses, fresh

    pauses, fresh = asyncio.run(fail())
    for count, pause in enumerate(pauses):
        whole = min(LONGEST_PAUSE, FIRST_PAUSE * 2**count)
        assert max(whole / 2, at_least or 0) <= pause <= max(whole, at_least or 0)
    assert FIRST_PAUSE / 2 <= fresh <= FIRST_PAUSE
