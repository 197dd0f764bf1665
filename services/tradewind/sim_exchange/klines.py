"""Candles of every interval, made of the base candles, the present one as it stands.

Of a closed base candle the quote volume is its volume at the mean of its four prices, and half of the volume was
taken by buyers; in the present one the volume comes with the market's trades.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import fsum

import numpy as np

from tradewind.domain.candle_path import range_until
from tradewind.domain.matching import MarketCandle
from tradewind.domain.money import ZERO, decimal_of
from tradewind.domain.series import CandleSeries, Integers
from tradewind.domain.timeframe import DAY, MILLISECONDS, TIMEFRAMES, bucket_start, close_time, is_multiple
from tradewind.sim_exchange.market import Market
from tradewind.sim_exchange.models import Kline, RefusalError

_STEP = Decimal("1e-8")
Window = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class _Part:
    """What one or more base candles add up to."""

    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote: Decimal
    taken: Decimal
    taken_quote: Decimal
    trades: int


class Klines:
    """The candles of every symbol and interval that is made of whole base candles."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self.intervals = tuple(one for one in TIMEFRAMES if is_multiple(one, market.timeframe))
        self._buckets: dict[tuple[str, str], tuple[Integers, Integers]] = {}

    def klines(self, symbol: str, interval: str, window: Window, limit: int, now: int) -> list[Kline]:
        """Those that opened inside `window` (both ends included) and before `now`, ascending; or the latest.

        Raises the refusal -1120 for an interval that is not made of whole base candles.
        """
        starts, firsts = self._bucketed(symbol, interval)
        first, last = window
        stop = int(np.searchsorted(starts, now))  # those that opened before now
        if last is not None:
            stop = min(stop, int(np.searchsorted(starts, last, side="right")))
        begin = max(stop - limit, 0) if first is None else int(np.searchsorted(starts, first))
        stop = min(stop, begin + limit)
        opened, bounds = starts[begin:stop].tolist(), firsts[begin : stop + 1].tolist()
        known = self._market.count(symbol, now)
        found = []
        for start, base, following in zip(opened, bounds, bounds[1:], strict=False):
            span = start, close_time(interval, start) - 1
            found.append(self._kline(symbol, base, min(following, known), span, now))
        return found

    def at(self, symbol: str, interval: str, time: int, now: int) -> Kline | None:
        """The one in which `time` lies, as it stands at `now`; None where there is none yet."""
        start = bucket_start(interval, time)
        found = self.klines(symbol, interval, (start, start), 1, now)
        return found[0] if found else None

    def day(self, symbol: str, now: int) -> Kline | None:
        """The last 24 hours as one candle; None before the first."""
        end = self._market.count(symbol, now)
        if not end:
            return None
        times = self._market.series[symbol].open_time
        begin = min(int(np.searchsorted(times, now - DAY)), end - 1)
        return self._kline(symbol, begin, end, (now - DAY, now), now)

    def _bucketed(self, symbol: str, interval: str) -> tuple[Integers, Integers]:
        """Open times of the candles of `interval`, and the index of the first base candle of each."""
        if interval not in self.intervals:
            raise RefusalError(-1120, "Invalid interval.")
        key = (symbol, interval)
        if key not in self._buckets:
            times = self._market.series[symbol].open_time
            # Days make weeks and months; so there are few times for which the calendar has to be asked.
            step = min(MILLISECONDS.get(interval, DAY), DAY)
            coarse, inverse = np.unique(times // step * step, return_inverse=True)
            buckets = np.array([bucket_start(interval, time) for time in coarse.tolist()], np.int64)[inverse]
            starts, first = np.unique(buckets, return_index=True)
            self._buckets[key] = starts, np.append(first, len(times))
        return self._buckets[key]

    def _kline(self, symbol: str, begin: int, end: int, span: tuple[int, int], now: int) -> Kline:
        """Base candles from `begin` to below `end` as one; the last may be unfinished."""
        series = self._market.series[symbol]
        finished = now - int(series.open_time[end - 1]) >= self._market.duration
        whole = end if finished else end - 1
        parts = [self._closed(symbol, series, begin, whole)] if whole > begin else []
        if not finished:
            parts.append(self._present(symbol, series, whole, now))
        first_id = self._market.trades[symbol].first_id(begin)
        trades = sum(part.trades for part in parts)
        return Kline(
            open_time=span[0],
            close_time=span[1],
            open=decimal_of(float(series.open[begin])),
            high=max(part.high for part in parts),
            low=min(part.low for part in parts),
            close=parts[-1].close,
            volume=sum((part.volume for part in parts), ZERO),
            quote_volume=sum((part.quote for part in parts), ZERO).quantize(_STEP),
            trades=trades,
            taker_buy_volume=sum((part.taken for part in parts), ZERO).quantize(_STEP),
            taker_buy_quote_volume=sum((part.taken_quote for part in parts), ZERO).quantize(_STEP),
            first_trade_id=first_id if trades else -1,
            last_trade_id=first_id + trades - 1 if trades else -1,
        )

    def _closed(self, symbol: str, series: CandleSeries, begin: int, end: int) -> _Part:
        if end - begin == 1:
            _, opening, high, low, close, traded = series.candle(begin)
            spent = traded * (opening + high + low + close) / 4
        else:
            cut = series.slice(begin, end)
            high, low, close = float(cut.high.max()), float(cut.low.min()), float(cut.close[-1])
            traded = fsum(cut.volume.tolist())
            spent = fsum((cut.volume * (cut.open + cut.high + cut.low + cut.close) / 4).tolist())
        volume, quote = decimal_of(traded), decimal_of(spent)
        trades = self._market.trades[symbol]
        return _Part(
            high=decimal_of(high),
            low=decimal_of(low),
            close=decimal_of(close),
            volume=volume,
            quote=quote,
            taken=volume / 2,
            taken_quote=quote / 2,
            trades=trades.first_id(end) - trades.first_id(begin),
        )

    def _present(self, symbol: str, series: CandleSeries, index: int, now: int) -> _Part:
        instrument = self._market.instruments[symbol]
        elapsed = now - int(series.open_time[index])
        high, low = range_until(MarketCandle.of(series.candle(index)), elapsed, self._market.duration)
        seen = [trade for trade in self._market.trades[symbol].of_candle(index) if trade.time <= now]
        bought = [trade for trade in seen if not trade.is_buyer_maker]
        return _Part(
            high=instrument.price(high),
            low=instrument.price(low),
            close=self._market.last_price(symbol, now),
            volume=sum((trade.quantity for trade in seen), ZERO),
            quote=sum((trade.quantity * trade.price for trade in seen), ZERO),
            taken=sum((trade.quantity for trade in bought), ZERO),
            taken_quote=sum((trade.quantity * trade.price for trade in bought), ZERO),
            trades=len(seen),
        )
