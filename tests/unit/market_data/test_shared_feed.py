"""Bots that share a feed get what each would get alone, and the exchange is listened to once.

The Redis is a real one; a lease lasts a second.
"""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.unit.market_data.scripted_venue import BTC, ETH, Bot, Venue, minutes, real_log, until

from tradewind.domain.errors import ConfigError
from tradewind.market_data.ports import FeedState

LEASE = 1.0


@pytest.fixture
async def world(redis_server):
    """A venue, and bots on it by name; `join(name, since)` starts one."""
    venue, bots = Venue(), {}

    def join(name, since=0, **named):
        bots[name] = Bot(venue, real_log(redis_server, name, LEASE), since, **named).start()
        return bots[name]

    yield venue, join
    for bot in bots.values():
        await bot.stop()


async def led_and_joined(join):
    """A bot that leads, and one that came after it."""
    one = join("one")
    await until(lambda: one.leads)
    return one, join("two")


async def test_two_bots_get_every_candle_once_and_the_exchange_is_listened_to_once(world):
    venue, join = world
    one, two = await led_and_joined(join)
    for minute in range(30):
        venue.close(minute)
        await asyncio.sleep(0.002)
    await until(lambda: len(one.had) == len(two.had) == 30)
    assert one.candles[BTC] == two.candles[BTC] == venue.closed[BTC]
    assert (venue.most_receiving, venue.asked, two.leads) == (1, 0, False)


async def test_when_the_one_that_receives_is_killed_the_other_goes_on(world):
    """Within two leases; what closed meanwhile comes first, and nothing twice."""
    venue, join = world
    one, two = await led_and_joined(join)
    for minute in range(5):
        venue.close(minute)
    await until(lambda: len(two.had) == 5)
    await one.kill()
    assert venue.receiving[BTC] == 0
    killed = time.monotonic()
    for minute in range(5, 9):
        venue.close(minute)
    await until(lambda: len(two.had) == 9)
    assert time.monotonic() - killed < 2 * LEASE
    assert two.had == list(range(9))
    three = join("three")
    venue.close(9)
    await until(lambda: len(two.had) == len(three.had) == 10)
    assert two.candles[BTC] == three.candles[BTC] == venue.closed[BTC]
    assert venue.most_receiving == 1


async def test_one_that_ends_hands_over_at_once(world):
    """A bot that is stopped keeps nobody waiting for a lease."""
    venue, join = world
    one, two = await led_and_joined(join)
    await until(lambda: two.feed._places[two.feed._streams.copy().popitem()[0]] != "0-0")
    one.log._log.lease = 60
    one.log._log._milliseconds = 60_000
    await asyncio.sleep(LEASE / 2)
    await one.stop()
    venue.close(0)
    await until(lambda: two.had == [0], seconds=30)


async def test_a_bot_that_comes_back_gets_what_it_missed_in_order(world):
    """From the log as far as it reaches, else from the exchange, which knows the last candle a moment later."""
    venue, join = world
    for minute in range(9):
        venue.close(minute)
    one = join("one", since=8)
    await until(lambda: one.had == [8])
    venue.lag = 2
    two = join("two", since=3)
    await until(lambda: two.had == list(range(3, 9)))
    assert venue.asked == 3
    assert venue.most_receiving == 1


async def test_what_could_not_be_told_is_told_when_redis_answers_again(world):
    """And not with the next candle, which may be a day later."""
    venue, join = world
    one, two = await led_and_joined(join)
    venue.close(0)
    await until(lambda: two.had == [0])
    one.log.losing = True
    venue.close(1)
    await until(lambda: one.had == [0, 1])
    one.log.losing = False
    await until(lambda: two.had == [0, 1])
    assert (venue.asked, venue.most_receiving) == (0, 1)


async def test_without_redis_each_receives_for_itself_and_shares_again_after(world, redis_server):
    venue, join = world
    one, two = await led_and_joined(join)
    venue.close(0)
    await until(lambda: one.had == two.had == [0])
    redis_server.kill()
    venue.close(1)
    await until(lambda: one.had == [0, 1])
    await until(lambda: two.had == [0, 1])
    assert venue.receiving[BTC] == 2
    redis_server.empty()
    venue.close(2)
    await until(lambda: venue.receiving[BTC] == 1)
    for minute in range(3, 6):
        venue.close(minute)
    await until(lambda: len(one.had) == len(two.had) == 6)
    assert one.had == two.had == list(range(6))


async def test_one_that_was_stopped_and_goes_on_doubles_nothing(world):
    """It believes for a moment that it still receives for all; only the entries of who holds the lease are taken."""
    venue, join = world
    one, two = await led_and_joined(join)
    venue.close(0)
    await until(lambda: two.had == [0])
    one.log.dead = True
    await until(lambda: two.leads)
    venue.close(1)
    await until(lambda: one.had == two.had == [0, 1])
    one.log.dead = False
    venue.close(2)
    await until(lambda: not one.leads)
    venue.close(3)
    await until(lambda: len(one.had) == len(two.had) == 4)
    assert one.had == two.had == list(range(4))
    assert venue.receiving[BTC] == 1


async def test_how_the_stream_stands_is_told_to_all(world):
    """A bot whose candles come from another process must know as well that they do not come."""
    venue, join = world
    one, two = await led_and_joined(join)
    states = lambda bot: [change.state for change in bot.changes]  # noqa: E731
    await until(lambda: states(two) == [FeedState.CONNECTED])
    venue.away = True
    venue.tell()
    await until(lambda: states(one) == states(two) == [FeedState.CONNECTED, FeedState.DISCONNECTED])
    assert two.changes[-1].reason == "gone"
    venue.away = False
    venue.close(0)
    await until(lambda: states(one)[-1] is states(two)[-1] is FeedState.CONNECTED and two.had == [0])
    assert len({change.time for change in two.changes}) == len(two.changes)
    assert two.feed.health().streams[BTC].state is FeedState.CONNECTED
    assert two.feed.health().streams[BTC].last_candle == venue.closed[BTC][0].open_time
    assert one.feed.health().streams[BTC].state is FeedState.SILENT  # what its own feed says


async def test_an_exchange_that_does_not_answer_keeps_a_reader_waiting_and_it_says_so(world):
    """Candles that are missing before others are never left out because a question failed."""
    venue, join = world
    for minute in range(5):
        venue.close(minute)
    one = join("one", since=4)
    await until(lambda: one.had == [4])
    venue.away = True
    two = join("two")
    await until(lambda: any(change.state is FeedState.DISCONNECTED for change in two.changes))
    assert two.had == []
    venue.away = False
    await until(lambda: two.had == list(range(5)))


async def test_each_stream_has_a_leader_of_its_own(world):
    """Two bots of different pairs; what both want is received once, whoever it is."""
    venue, join = world
    one = join("one")
    await until(lambda: one.leads)
    two = join("two", keys=(BTC, ETH))
    await until(lambda: venue.receiving[ETH] == 1)
    venue.close(0)
    venue.close(0, ETH)
    await until(lambda: two.had == one.had == [0] and minutes(two.candles[ETH]) == [0])
    assert venue.receiving == {BTC: 1, ETH: 1}


async def test_what_ends_a_stream_for_good_ends_the_feed_and_not_that_of_others(world):
    venue, join = world
    one, two = await led_and_joined(join)
    venue.close(0)
    await until(lambda: two.had == [0])
    one.own.failure = ConfigError("pair", "BTC/USDT", "another", "choose it")
    venue.tell()
    with pytest.raises(ConfigError):
        await asyncio.wait_for(asyncio.shield(one.running), 5)
    assert one.changes[-1].state is FeedState.ENDED
    one.running = None
    venue.close(1)
    await until(lambda: two.had == [0, 1])
    assert FeedState.ENDED not in [change.state for change in two.changes]


async def test_questions_go_to_the_bot_s_own_feed(world):
    _, join = world
    feed = join("one").feed
    assert await feed.instruments() == {"BTC/USDT": "instrument"}
    assert await feed.quote("A/B") == "quote of A/B"
    assert await feed.order_book("A/B", 5) == "5 levels of A/B"
    assert await feed.trades("A/B", 7) == ["7 trades of A/B"]
    assert len((await feed.history("BTC/USDT", "1m", 0, 2**50)).series) == 0


async def test_an_entry_of_a_newer_version_is_left_out_and_asked_for(world, redis_server):
    venue, join = world
    one, two = await led_and_joined(join)
    venue.close(0)
    await until(lambda: two.had == [0])
    await one.log.append("BTC/USDT:candles-1m", b"\xc1")
    venue.close(1)
    await until(lambda: two.had == [0, 1])
