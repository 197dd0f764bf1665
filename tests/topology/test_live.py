"""A bot on the candles of an exchange trades as a replay of the same candles does.

The exchange is the simulated one at another speed than the wall's, reached as a real one is: ccxt over HTTP and
WebSocket.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import pytest
from tests.topology.moving_market import PAIRS, Market, decided

from tradewind.contracts.messages import FeedStateChanged


@pytest.fixture
async def market(tmp_path):
    made = Market(tmp_path)
    await made.open()
    yield made
    await made.close()


async def told(bot, state):
    """Until the feed has told of this state for every pair."""
    pairs = set()
    async with asyncio.timeout(240):
        while pairs != set(PAIRS):
            messages = await bot.feed.take(1000)
            pairs |= {one.pair for one in messages if isinstance(one, FeedStateChanged) and one.state == state}


async def came_to(bot, since, last):
    """What the bot had done by the tick `last`."""
    trades = [asdict(trade) for trade in await bot.ask("portfolio", "trades")]
    equity = await bot.ask("portfolio", "equity")
    return {
        "trades": [trade for trade in trades if trade["close_time"] <= last],
        "equity": [point for point in equity if since <= point[0] <= last],
    }


async def replayed(embedded, market, tmp_path, last):
    async with embedded(sample=market.replay(), directory=tmp_path / "replay") as bot:
        await bot.wait()
        return await came_to(bot, market.begin, last)


async def test_a_live_run_trades_as_a_replay_of_its_candles(embedded, market, tmp_path):
    """Also when the exchange goes away in the middle, and when the bot does: nothing is missed, nothing twice."""
    options = {"sample": market.live(), "directory": tmp_path / "live", "until_end": False}

    async with embedded(**options) as bot:
        market.go()
        await decided(bot, 45)
        await market.close()
        await told(bot, "Disconnected")
        disturbed = await bot.ask("market-data", "progress")
        await market.open()
        market.go()
        last = await decided(bot, 45)
        await told(bot, "Resynced")
        first = await came_to(bot, market.begin, last)

    assert set(disturbed["trouble"]) == set(PAIRS)
    replay = await replayed(embedded, market, tmp_path, last)
    assert len(first["trades"]) > 5
    assert first == replay

    async with embedded(**options) as bot:
        last = await decided(bot, 45)
        resumed = await came_to(bot, market.begin, last)

    replay = await replayed(embedded, market, tmp_path / "again", last)
    assert len(resumed["trades"]) > len(first["trades"])
    assert resumed == replay
