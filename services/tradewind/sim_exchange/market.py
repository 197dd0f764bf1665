"""Prices in time: what the recorded candles say at any moment of the simulated clock.

A candle that opens at O is there from O + 1 on, its price walking its path (`domain.candle_path`) until it closes;
in a gap the last close stands.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from tradewind.domain.candle import Candle
from tradewind.domain.candle_path import price_at
from tradewind.domain.errors import ConfigError
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import MarketCandle
from tradewind.domain.money import decimal_of
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import MILLISECONDS
from tradewind.sim_exchange.market_trades import MarketTrades


class PresentCandle(NamedTuple):
    """A candle and how many milliseconds of it have passed, its whole duration at most."""

    candle: Candle
    elapsed: int


class Market:
    """The candles of every pair. Times are milliseconds UTC; a pair is known by its symbol."""

    def __init__(self, instruments: Mapping[str, Instrument], series: Mapping[str, CandleSeries], seed: int) -> None:
        """`instruments` and `series` by pair; raises `ConfigError` for what cannot be one market."""
        timeframes = {one.timeframe for one in series.values()}
        if set(instruments) - set(series) or len(timeframes) != 1 or not all(len(one) for one in series.values()):
            raise ConfigError(
                "data",
                {pair: one.timeframe for pair, one in series.items()},
                "candles of one timeframe for every pair",
                "give each pair a file with candles of the same timeframe",
            )
        self.timeframe = timeframes.pop()
        self.duration = MILLISECONDS.get(self.timeframe, 0)
        if not self.duration:
            raise ConfigError("timeframe", self.timeframe, ", ".join(MILLISECONDS), "take shorter candles")
        self.instruments = {f"{one.base}{one.quote}": one for one in instruments.values()}
        if len(self.instruments) != len(instruments):
            raise ConfigError("pairs", sorted(instruments), "pairs of different symbols", "take one of them out")
        self.series = {symbol: series[one.pair] for symbol, one in self.instruments.items()}
        self.trades = {
            symbol: MarketTrades(one, self.series[symbol], self.duration, f"{seed}:{symbol}")
            for symbol, one in self.instruments.items()
        }
        self._openings: list[int] = np.unique(np.concatenate([one.open_time for one in self.series.values()])).tolist()
        self.end_time: int = self._openings[-1] + self.duration
        # Between two moves of the clock everybody asks for the same moment, so the latest answer is kept by symbol.
        self._present: dict[str, tuple[int, PresentCandle | None]] = {}
        self._last_price: dict[str, tuple[int, Decimal]] = {}

    # ---------------------------------------------------------------------------------------------------------- prices

    def next_opening(self, time: int) -> int | None:
        """When the next candle of any pair opens, at `time` or later."""
        index = bisect_left(self._openings, time)
        return self._openings[index] if index < len(self._openings) else None

    def openings(self, symbol: str, start: int, end: int) -> list[int]:
        """Open times of the candles that are there at some moment after `start` and until `end`."""
        times = self.series[symbol].open_time
        first = int(np.searchsorted(times, start - self.duration, side="right"))
        found: list[int] = times[first : self.count(symbol, end)].tolist()
        return found

    def opening(self, symbol: str, time: int) -> Candle | None:
        """The candle that opens exactly at `time`."""
        index = self.count(symbol, time)
        series = self.series[symbol]
        return series.candle(index) if index < len(series) and series.open_time[index] == time else None

    def count(self, symbol: str, time: int) -> int:
        """How many candles have opened before `time`."""
        return int(np.searchsorted(self.series[symbol].open_time, time))

    def present(self, symbol: str, time: int) -> PresentCandle | None:
        """The latest candle that has opened before `time`; None before the first."""
        kept = self._present.get(symbol)
        if kept is None or kept[0] != time:
            kept = self._present[symbol] = time, self._present_at(symbol, time)
        return kept[1]

    def _present_at(self, symbol: str, time: int) -> PresentCandle | None:
        index = self.count(symbol, time) - 1
        if index < 0:
            return None
        candle = self.series[symbol].candle(index)
        return PresentCandle(candle, min(time - candle.open_time, self.duration))

    def inside(self, symbol: str, time: int) -> Candle | None:
        """The candle within which `time` lies; None between candles and in gaps."""
        present = self.present(symbol, time)
        return present.candle if present and present.elapsed < self.duration else None

    def last_price(self, symbol: str, time: int) -> Decimal:
        """The price, at the tick; before the first candle, the one it will open with."""
        kept = self._last_price.get(symbol)
        if kept is None or kept[0] != time:
            kept = self._last_price[symbol] = time, self._last_price_at(symbol, time)
        return kept[1]

    def _last_price_at(self, symbol: str, time: int) -> Decimal:
        present = self.present(symbol, time)
        if present is None:
            return decimal_of(float(self.series[symbol].open[0]))
        if present.elapsed == self.duration:
            return decimal_of(present.candle.close)
        return self.instruments[symbol].price(price_at(MarketCandle.of(present.candle), present.elapsed, self.duration))
