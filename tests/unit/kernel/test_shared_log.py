"""A log has one writer at a time, whoever says first that it is there."""

from __future__ import annotations

import asyncio

import pytest

from tradewind.domain.errors import TemporaryError
from tradewind.kernel.shared_log import BEGINNING, SharedLog

LEASE = 0.5


@pytest.fixture
async def join(redis_server):
    """Makes the logs of a group as one process sees them."""
    made = []

    def begin(name, group="a/exchange"):
        made.append(SharedLog(redis_server.url, group, name, LEASE))
        return made[-1]

    yield begin
    for log in made:
        await log.close()


async def test_who_was_there_first_writes_and_the_next_one_when_it_says_nothing_any_more(join):
    one, two = join("one"), join("two")
    assert await one.lead(["x", "y"]) == {"x", "y"}
    assert await two.lead(["x", "z"]) == {"z"}
    assert not await two.append("x", b"no")
    assert await one.append("x", b"yes")
    assert (await two.read({"x": BEGINNING}, 0.1))["x"][1] == [b"yes"]
    async with asyncio.timeout(60):
        while "x" not in await two.lead(["x"]):  # noqa: ASYNC110 - a lease runs out by itself
            await asyncio.sleep(LEASE / 10)
    assert not await one.append("x", b"too late")


async def test_the_writer_that_says_so_stays_it(join):
    one, two = join("one"), join("two")
    for _ in range(8):
        assert await one.lead(["x"]) == {"x"}
        assert await two.lead(["x"]) == frozenset()
        await asyncio.sleep(LEASE / 5)
    await two.resign(["x"])
    assert await two.lead(["x"]) == frozenset()
    await one.resign(["x"])
    assert await two.lead(["x"]) == {"x"}


async def test_a_reader_gets_each_entry_once_and_in_order(join):
    one, two = join("one"), join("two")
    for number in range(5):
        await one.append("x", b"%d" % number)
    place, entries = (await two.read({"x": BEGINNING, "y": BEGINNING}, 0.1))["x"]
    assert entries == [b"0", b"1", b"2", b"3", b"4"]
    assert await two.read({"x": place}, 0.05) == {}
    waiting = asyncio.create_task(two.read({"x": place}, LEASE))
    await one.append("x", b"5")
    assert (await waiting)["x"][1] == [b"5"]


async def test_groups_know_nothing_of_each_other(join):
    one, other = join("one"), join("two", group="b/exchange")
    assert await one.lead(["x"]) == await other.lead(["x"]) == {"x"}
    await one.append("x", b"1")
    assert await other.read({"x": BEGINNING}, 0.05) == {}


async def test_a_log_that_was_emptied_under_a_clock_that_is_behind_is_read_from_its_beginning(join):
    one = join("one")
    await one.append("x", b"1")
    assert await one.begun_anew({"x": "99999999999999-0", "y": "1-0"}) == ["x"]
    assert await one.begun_anew({"x": "1-0"}) == []


async def test_a_redis_that_does_not_answer_is_a_trouble_that_passes(join, redis_server):
    one = join("one")
    redis_server.kill()
    for question in (one.lead(["x"]), one.append("x", b""), one.read({"x": BEGINNING}, 0.1), one.resign(["x"])):
        with pytest.raises(TemporaryError, match="Redis"):
            await question
    redis_server.start()
    assert await one.lead(["x"]) == {"x"}
