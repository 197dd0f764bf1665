"""An exchange whose market moves beside the wall's clock, and ends about now, as an exchange's candles do.

Before a bot begins nothing moves there, so that a replay, which trades from the first candle on, stands where the bot
stands when it begins.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

from tests.topology.recordings import write_candles

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
  mode: {mode}
  exchanges:
    - name: binance
      venue: {venue}
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

    def __init__(self, directory, *, fee="0", balances=None):
        self.directory = directory
        self.fee, self.balances = Decimal(fee), balances or {"USDT": Decimal(1)}
        self.credentials = Credentials.random()
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
                balances=self.balances,
                maker_fee=self.fee,
                taker_fee=self.fee,
                directory=self.directory / "venue",
                credentials=self.credentials,
                port=self._port,
                start_time=self.begin,
                rate_limits=False,
            )
        )
        await self.venue.start()
        self._port = int(self.venue.url.rpartition(":")[2])

    def go(self, speed=SPEED):
        """Let time pass there, so many times as fast as here."""
        self._clock = asyncio.create_task(drive(self.venue.exchange, speed))

    def pause(self):
        """Let time stand still."""
        self._clock.cancel()

    async def close(self):
        """Nobody listens there any more, and its time stands still."""
        if self._clock is not None:
            self._clock.cancel()
            await asyncio.gather(self._clock, return_exceptions=True)
        await self.venue.stop()

    def manifest(self, name, data, endpoint="", mode="Paper", venue="Paper"):
        path = self.directory / f"{name}.yaml"
        instruments = ", ".join(_FILTERS.replace("PAIR", pair) for pair in PAIRS)
        text = _MANIFEST.format(data=data, endpoint=endpoint, mode=mode, venue=venue, instruments=f"[{instruments}]")
        path.write_text(text)
        return path

    def live(self, **changes):
        endpoint = f"endpoint: {{url: '{self.venue.url}', websocketUrl: '{self.venue.websocket_url}'}}"
        return self.manifest("live", "{source: Exchange}", endpoint, **changes)

    def replay(self):
        return self.manifest("replay", f"{{source: Replay, path: {self.directory / 'candles'}}}")


async def decided(bot, ticks):
    """Until the bot has decided on so many more ticks; the time of the last."""
    times, enough = [], asyncio.Event()

    def count(tick):
        times.append(tick)
        if len(times) >= ticks:
            enough.set()

    waiting = [asyncio.create_task(bot.wait(count)), asyncio.create_task(enough.wait())]
    try:
        async with asyncio.timeout(240):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert enough.is_set(), waiting[0].result()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return times[-1]
