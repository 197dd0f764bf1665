"""Trades of the market between candles, by a stated and seeded model, because candles do not record them.

Each candle with volume has thirteen trades, the first a millisecond after its open, the last a millisecond before
its close, the others evenly between, each at the tick nearest to the candle's path; their sizes are drawn from the
seed, the symbol and the candle's time and add up to its volume. A candle whose volume is less than thirteen amount
steps has one trade, at its close; one without volume none. Ids count from 0 through all candles, so they do not
depend on what is asked first. The account's own trades are not among them.
"""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from functools import lru_cache
from random import Random

import numpy as np

from tradewind.domain.candle_path import price_at
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import MarketCandle
from tradewind.domain.money import ZERO
from tradewind.domain.series import CandleSeries
from tradewind.sim_exchange.models import PublicTrade

_TRADES = 13
_SCALE = 1_000_000


class MarketTrades:
    """The trades of one symbol."""

    def __init__(self, instrument: Instrument, series: CandleSeries, duration: int, seed: str) -> None:
        self._instrument, self._series, self._duration, self._seed = instrument, series, duration, seed
        self._symbol = f"{instrument.base}{instrument.quote}"
        enough = float(instrument.amount_step) * _TRADES
        counts = np.where(series.volume >= enough, _TRADES, np.where(series.volume > 0, 1, 0))
        self._first: list[int] = [0, *np.cumsum(counts).tolist()]
        self.of_candle = lru_cache(maxsize=64)(self._of_candle)

    def first_id(self, index: int) -> int:
        """The id of the first trade of the candle at `index`, or of a later one when it has none."""
        return self._first[index]

    def _of_candle(self, index: int) -> tuple[PublicTrade, ...]:
        first, count = self._first[index], self._first[index + 1] - self._first[index]
        candle = self._series.candle(index)
        market = MarketCandle.of(candle)
        if count < _TRADES:
            return tuple(
                self._trade(first, market.close, market.volume, candle.open_time + self._duration - 1, taker_buys=True)
                for _ in range(count)
            )
        random = Random(f"{self._seed}:{candle.open_time}")  # noqa: S311 - a model, not a secret
        sizes = self._sizes(market.volume, random)
        trades = []
        for number, size in enumerate(sizes):
            elapsed = number * self._duration // (_TRADES - 1)
            price = self._instrument.price(price_at(market, elapsed, self._duration))
            time = candle.open_time + min(max(elapsed, 1), self._duration - 1)
            trades.append(self._trade(first + number, price, size, time, taker_buys=random.random() < 0.5))
        return tuple(trades)

    def _sizes(self, volume: Decimal, random: Random) -> list[Decimal]:
        """Thirteen sizes of at least a step each, the last with all that rounding left."""
        step = self._instrument.amount_step
        weights = [random.randrange(1, _SCALE) for _ in range(_TRADES)]
        spare, whole = volume - step * _TRADES, sum(weights)
        sizes = [step + self._instrument.amount(spare * weight / whole) for weight in weights[:-1]]
        return [*sizes, volume - sum(sizes, ZERO)]

    def _trade(self, trade_id: int, price: Decimal, quantity: Decimal, time: int, *, taker_buys: bool) -> PublicTrade:
        return PublicTrade(
            symbol=self._symbol,
            trade_id=trade_id,
            price=price,
            quantity=quantity,
            time=time,
            is_buyer_maker=not taker_buys,
        )

    # --------------------------------------------------------------------------------------------------------- reading

    def known(self, now: int) -> int:
        """How many trades there are until `now`; the ids known are those below."""
        index = int(np.searchsorted(self._series.open_time, now))
        if not index:
            return 0
        return self._first[index - 1] + sum(trade.time <= now for trade in self.of_candle(index - 1))

    def from_id(self, first: int, stop: int) -> list[PublicTrade]:
        """Trades with ids from `first` to below `stop`."""
        trades: list[PublicTrade] = []
        first = max(first, 0)
        index = bisect_right(self._first, first) - 1
        while first < stop and index < len(self._first) - 1:
            present = self.of_candle(index)
            begin = first - self._first[index]
            trades.extend(present[begin : begin + stop - first])
            first, index = self._first[index + 1], index + 1
        return trades

    def id_at(self, time: int) -> int:
        """The id of the first trade at `time` or later."""
        index = int(np.searchsorted(self._series.open_time, time))
        if not index:
            return 0
        return self._first[index - 1] + sum(trade.time < time for trade in self.of_candle(index - 1))
