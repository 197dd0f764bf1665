"""Counts of a budget, in memory and in Redis: the same rules, whoever counts."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest

from tradewind.kernel.budget_counts import Need, OwnCounts, Told
from tradewind.kernel.resilience import Dependencies
from tradewind.kernel.shared_counts import STRANGERS, SharedCounts
from tradewind.kernel.venue_limits import Window

MINUTE = Window(60, 100)
KEYS = itertools.count()


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.time = 1_000_020.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
async def connect(redis_server):
    """Makes the counts of one process after the other, over one Redis."""
    made = []

    def begin(instance="one", address=None):
        made.append(SharedCounts(address or redis_server.url, instance, Dependencies()))
        return made[-1]

    yield begin
    for counts in made:
        await counts.close()


@pytest.fixture(params=["memory", "redis"])
def counts(request):
    if request.param == "memory":
        return OwnCounts(Clock())
    return request.getfixturevalue("connect")()


def need(cost, **changes):
    return Need((MINUTE,), cost, **changes)


async def test_what_finds_no_room_waits_and_is_not_counted(counts):
    first = await counts.take("k", need(60))
    assert (first.wait, first.used) == (0, (60,))
    refused = await counts.take("k", need(50))
    assert 0 < refused.wait <= 120
    assert refused.used[0] == pytest.approx(60, rel=0.1)
    assert (await counts.take("k", need(30))).wait == 0
    assert (await counts.take("other", need(100))).wait == 0


async def test_a_need_may_use_its_share_and_a_vital_one_everything_and_more(counts):
    assert (await counts.take("k", need(70, share=0.7))).wait == 0
    assert (await counts.take("k", need(1, share=0.7))).wait > 0
    assert (await counts.take("k", need(10, share=0.8))).wait == 0
    vital = await counts.take("k", need(50, vital=True))
    assert (vital.wait, vital.used[0]) == (0, pytest.approx(130, rel=0.1))


async def test_every_window_has_to_have_room(counts):
    both = Need((Window(60, 2), Window(86_400, 3)), 1)
    waits = [(await counts.take("k", both)).wait for _ in range(3)]
    assert waits[:2] == [0, 0]
    assert waits[2] > 0


async def test_what_the_exchange_has_counted_is_counted_and_never_less(counts):
    await counts.take("k", need(10))
    await counts.correct("k", (MINUTE,), Told((95.0,)))
    assert (await counts.take("k", need(10))).wait > 0
    await counts.correct("k", (MINUTE,), Told((5.0,)))
    assert (await counts.take("k", need(10))).wait > 0


async def test_a_named_pause_stops_everybody_and_a_guessed_one_not_what_is_vital(counts):
    await counts.correct("k", (MINUTE,), Told(pause=30.0, guessed=True))
    assert (await counts.take("k", need(1))).pause == pytest.approx(30, abs=2)
    assert (await counts.take("k", need(1, vital=True))).wait == 0
    await counts.correct("k", (MINUTE,), Told(pause=40.0))
    stopped = await counts.take("k", need(1, vital=True))
    assert stopped.wait == stopped.pause == pytest.approx(40, abs=2)


def test_in_no_stretch_of_a_window_is_more_taken_than_its_limit_but_for_the_even_spread():
    """Waiting as long as told finds room at once when nobody else takes; the sum of a full minute keeps the limit."""
    chance, clock = random.Random(7), Clock()
    counts, taken = OwnCounts(clock), []
    for _ in range(600):
        wanted = need(chance.choice([1, 5, 20]), share=chance.choice([0.7, 1.0]))
        result = counts.count("k", wanted)
        if result.wait:
            clock.time += result.wait + 1e-6
            assert counts.count("k", wanted).wait == 0
        taken.append((clock.time, wanted.cost))
        clock.time += chance.random() * 2
    for begin in {time // 60 for time, _ in taken}:
        assert sum(cost for time, cost in taken if time // 60 == begin) <= MINUTE.limit


async def test_processes_with_one_redis_have_one_budget(connect):
    """Beside each other: not one more than the limit gets through, and nothing is left over."""

    async def take_all(counts):
        return [await counts.take("k", need(1)) for _ in range(40)]

    results = await asyncio.gather(*(take_all(connect(str(number))) for number in range(5)))
    assert sum(result.wait == 0 for taken in results for result in taken) == 100


async def test_a_pause_that_one_process_was_told_holds_for_the_others(connect):
    await connect("one").correct("k", (MINUTE,), Told(pause=30.0))
    assert (await connect("two").take("k", need(1, vital=True))).pause == pytest.approx(30, abs=2)


async def test_without_redis_a_process_keeps_to_its_part_and_what_is_vital_goes_out(connect, redis_server):
    one, two = connect("one"), connect("two")
    for counts in (one, two):
        assert (await counts.take("k", need(10))).wait == 0
    await connect("three").correct("k", (MINUTE,), Told(pause=0.001))
    await one.take("k", need(1))
    redis_server.kill()
    # Three processes: a third of a hundred, of which eleven are used.
    assert (await one.take("k", need(22))).wait == 0
    assert (await one.take("k", need(5))).wait > 0
    assert (await one.take("k", need(500, vital=True))).wait == 0


async def test_a_pause_is_remembered_when_redis_is_gone(connect, redis_server):
    one, two = connect("one"), connect("two")
    await one.correct("k", (MINUTE,), Told(pause=60.0))
    await two.take("k", need(1))
    redis_server.kill()
    for counts in (one, two):
        assert (await counts.take("k", need(1))).pause > 50


async def test_a_redis_that_was_never_there_leaves_a_small_part(connect):
    counts = connect(address="redis://127.0.0.1:1")
    assert (await counts.take("k", need(100 / STRANGERS))).wait == 0
    assert (await counts.take("k", need(1))).wait > 0
