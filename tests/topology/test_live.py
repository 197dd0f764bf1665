"""A bot on the candles of an exchange trades as a replay of the same candles does.

The exchange is the simulated one at another speed than the wall's, reached as a real one is: ccxt over HTTP and
WebSocket. Its candles end about now, as those of an exchange do. Before the bot begins nothing moves there, so that a
replay, which trades from the first candle on, stands where the bot stands when it begins.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from decimal import Decimal

import pytest
from tests.topology.recordings import write_candles

from tradewind.contracts.messages import FeedStateChanged
from tradewind.domain.candle import Candle
from tradewind.domain.instrument import Instrument
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import MINUTE
from tradewind.market_data.adapters.synthetic import synthetic_series
from tradewind.sim_exchange.standalone import Standalone, StandaloneOptions
from tradewind.sim_exchange.wire.driver import drive
from tradewind.sim_exchange.wire.signature import Credentials

PAIRS = {"BTC/USDT": 60_000.0, "ETH/USDT": 2_500.0}
STILL, MOVING = 600, 400
SPEED = 600.0

_MANIFEST = """
apiVersion: tradewind.dev/v1alpha1
kind: TradingBot
metadata: {{name: live}}
spec:
  mode: Paper
  exchanges:
    - name: binance
      venue: Paper
      {endpoint}
      instruments: {instruments}
  pairs: {{include: [BTC/USDT, ETH/USDT]}}
  timeframe: 1m
  strategies:
    - {{name: breakout, kind: DonchianBreakout, timeframes: [1m, 5m], parameters: {{entryPeriod: 6, exitPeriod: 3}}}}
    - {{name: trend, kind: EmaCross, timeframes: [1m], parameters: {{fast: 4, slow: 12}}}}
  decision: {{consensus: Weighted, minConfidence: "0.3"}}
  risk: {{maxOpenPositions: 2, maxDrawdown: "0.9", maxDailyLoss: "0.9", stopLoss: "0.01",
          takeProfit: {{distance: "0.02"}}, trailingStop: {{distance: "0.005", activation: "0.002"}}}}
  capital: {{currency: USDT, startingBalance: "10000"}}
  data: {data}
"""
_FILTERS = '{pair: PAIR, priceTick: "0.01", amountStep: "0.0001", minimumAmount: "0.0001", minimumNotional: "5"}'


def candles_of(number, price, first):
    """Candles that stand still, then move."""
    made = synthetic_series("X/Y", "1m", seed=number, candles=MOVING, start_price=price, volatility=0.002).candles()
    values = [(price, price, price, price, 10.0)] * STILL
    values += [tuple(round(value, 2) for value in candle[1:]) for candle in made]
    return [Candle(first + index * MINUTE, *one) for index, one in enumerate(values)]


class Market:
    """The venue, at the end of the time in which nothing moves, and manifests of bots on it and on its candles."""

    def __init__(self, directory):
        self.directory = directory
        self.begin = time.time_ns() // 1_000_000 // MINUTE * MINUTE - (MOVING + 5) * MINUTE
        self.series = {}
        for number, (pair, price) in enumerate(PAIRS.items()):
            candles = candles_of(number, price, self.begin - STILL * MINUTE)
            write_candles(directory / "candles" / f"{pair.replace('/', '-')}-1m.csv", candles)
            self.series[pair] = CandleSeries.of(pair, "1m", candles)
        self.venue = self._clock = None
        self._port = 0

    async def open(self):
        """Have the venue listen, always at the same address; its time stands still."""
        filters = Decimal("0.01"), Decimal("0.0001"), Decimal("0.0001"), Decimal(5)
        self.venue = Standalone(
            StandaloneOptions(
                instruments={pair: Instrument(pair, *pair.split("/"), *filters) for pair in PAIRS},
                series=self.series,
                balances={"USDT": Decimal(1)},
                maker_fee=Decimal(0),
                taker_fee=Decimal(0),
                directory=self.directory / "venue",
                credentials=Credentials.random(),
                port=self._port,
                start_time=self.begin,
                rate_limits=False,
            )
        )
        await self.venue.start()
        self._port = int(self.venue.url.rpartition(":")[2])

    def go(self):
        """Let time pass there."""
        self._clock = asyncio.create_task(drive(self.venue.exchange, SPEED))

    async def close(self):
        """Nobody listens there any more, and its time stands still."""
        if self._clock is not None:
            self._clock.cancel()
            await asyncio.gather(self._clock, return_exceptions=True)
        await self.venue.stop()

    def manifest(self, name, data, endpoint=""):
        path = self.directory / f"{name}.yaml"
        instruments = ", ".join(_FILTERS.replace("PAIR", pair) for pair in PAIRS)
        path.write_text(_MANIFEST.format(data=data, endpoint=endpoint, instruments=f"[{instruments}]"))
        return path

    def live(self):
        endpoint = f"endpoint: {{url: '{self.venue.url}', websocketUrl: '{self.venue.websocket_url}'}}"
        return self.manifest("live", "{source: Exchange}", endpoint)

    def replay(self):
        return self.manifest("replay", f"{{source: Replay, path: {self.directory / 'candles'}}}")


@pytest.fixture
async def market(tmp_path):
    made = Market(tmp_path)
    await made.open()
    yield made
    await made.close()


async def told(bot, state):
    """Until the feed has told of this state for every pair."""
    pairs = set()
    async with asyncio.timeout(90):
        while pairs != set(PAIRS):
            messages = await bot.feed.take(1000)
            pairs |= {one.pair for one in messages if isinstance(one, FeedStateChanged) and one.state == state}


async def decided(bot, ticks):
    """Until the bot has decided on so many more ticks; the time of the last."""
    times, enough = [], asyncio.Event()

    def count(tick):
        times.append(tick)
        if len(times) >= ticks:
            enough.set()

    waiting = [asyncio.create_task(bot.wait(count)), asyncio.create_task(enough.wait())]
    try:
        async with asyncio.timeout(90):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert enough.is_set(), waiting[0].result()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return times[-1]


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
