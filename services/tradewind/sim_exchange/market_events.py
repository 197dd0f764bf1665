"""What the market tells whoever listens: trades, candles, the book, the tickers; made only where somebody wants them.

Of a stretch of time each listener hears, symbol by symbol, every trade of the market and every candle that closed, in
the order of time; then how the present candles, the book and the tickers stand at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from tradewind.domain.timeframe import bucket_start, close_time
from tradewind.sim_exchange.book import OrderBook
from tradewind.sim_exchange.klines import Klines
from tradewind.sim_exchange.market import Market
from tradewind.sim_exchange.models import (
    BookTickerUpdate,
    DepthUpdate,
    KlineUpdate,
    MarketEvent,
    TickerUpdate,
    TradeUpdate,
)
from tradewind.sim_exchange.tickers import ticker_of

Callback = Callable[[MarketEvent], None]
Wanted = Callable[[str, str], bool]


class Touched(msgspec.Struct, frozen=True):
    """The market of `symbols` may look different: time went from `start` to `end`, or the account's orders changed."""

    start: int
    end: int
    symbols: tuple[str, ...]


class MarketEvents:
    """The listeners of the market and what each of them wants."""

    def __init__(self, market: Market, klines: Klines, book: OrderBook) -> None:
        self._market, self._klines, self._book = market, klines, book
        self._listeners: dict[int, tuple[Callback, Wanted]] = {}
        self._number = 0

    def listen(self, callback: Callback, wanted: Wanted) -> Callable[[], None]:
        """Call `callback` with what `wanted` wants, until the answer is called."""
        self._number += 1
        number = self._number
        self._listeners[number] = callback, wanted
        return lambda: self._listeners.pop(number, None) and None

    def tell(self, touched: Touched) -> None:
        """Everything about a stretch of time, or about a changed book."""
        for symbol in touched.symbols if self._listeners else ():
            self._tell_symbol(symbol, touched.start, touched.end)

    def tell_depth(self, update: DepthUpdate | None) -> None:
        """A change of the book that somebody's look has brought up."""
        if update is not None:
            self._send(update.symbol, "depth", update)

    def _tell_symbol(self, symbol: str, start: int, end: int) -> None:
        if start < end:
            for event in self._happened(symbol, start, end):
                stream = f"kline_{event.interval}" if isinstance(event, KlineUpdate) else "trade"
                self._send(symbol, stream, event)
        if self._wanted(symbol, "depth", "bookTicker", "ticker"):
            update = self._book.refresh(symbol, end)
            self.tell_depth(update)
            if update is not None and self._wanted(symbol, "bookTicker"):
                self._send(symbol, "bookTicker", BookTickerUpdate(time=end, ticker=self._book.ticker(symbol)))
        if start < end and self._wanted(symbol, "ticker"):
            self._send(
                symbol,
                "ticker",
                TickerUpdate(time=end, ticker=ticker_of(self._market, self._klines, self._book, symbol, end)),
            )

    def _happened(self, symbol: str, start: int, end: int) -> Iterator[TradeUpdate | KlineUpdate]:
        """Trades and closed candles from after `start` to `end`, then the present candles."""
        trades = self._market.trades[symbol]
        number = trades.known(start) if self._wanted(symbol, "trade") else -1
        intervals = [one for one in self._klines.intervals if self._wanted(symbol, f"kline_{one}")]
        for opening in self._market.openings(symbol, start, end) if intervals else ():
            if number >= 0:
                moment = min(close_time(self._market.timeframe, opening), end)
                stop = trades.known(moment)
                yield from self._traded(symbol, number, stop)
                number = stop
            yield from self._closed(symbol, intervals, opening, end)
        if number >= 0:
            yield from self._traded(symbol, number, trades.known(end))
        for interval in intervals:
            kline = self._klines.at(symbol, interval, end, end)
            if kline is not None and kline.close_time >= end:
                yield KlineUpdate(symbol=symbol, interval=interval, time=end, kline=kline, is_closed=False)

    def _traded(self, symbol: str, first: int, stop: int) -> Iterator[TradeUpdate]:
        for trade in self._market.trades[symbol].from_id(first, stop):
            yield TradeUpdate(time=trade.time, trade=trade)

    def _closed(self, symbol: str, intervals: list[str], opening: int, end: int) -> Iterator[KlineUpdate]:
        """The candles that the base candle of `opening` completes, once `end` is not before that."""
        closing = close_time(self._market.timeframe, opening)
        if closing > end:
            return
        for interval in intervals:
            if close_time(interval, bucket_start(interval, opening)) == closing:
                kline = self._klines.at(symbol, interval, opening, closing)
                if kline is not None:
                    yield KlineUpdate(symbol=symbol, interval=interval, time=closing, kline=kline, is_closed=True)

    def _wanted(self, symbol: str, *streams: str) -> bool:
        return any(wanted(symbol, stream) for _, wanted in self._listeners.values() for stream in streams)

    def _send(self, symbol: str, stream: str, event: MarketEvent) -> None:
        for callback, wanted in list(self._listeners.values()):
            if wanted(symbol, stream):
                callback(event)
