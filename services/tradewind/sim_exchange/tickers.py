"""The rolling 24 hours of a symbol."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tradewind.domain.money import ZERO
from tradewind.domain.timeframe import DAY
from tradewind.sim_exchange.book import OrderBook
from tradewind.sim_exchange.klines import Klines
from tradewind.sim_exchange.market import Market
from tradewind.sim_exchange.models import Kline, Ticker

_PERCENT = Decimal("0.001")
_PRICE = Decimal("1e-8")


def ticker_of(market: Market, klines: Klines, book: OrderBook, symbol: str, now: int) -> Ticker:
    """The last 24 hours until `now`; the book must have been looked at."""
    last = market.last_price(symbol, now)
    day = klines.day(symbol, now) or _nothing(last, now)
    before = klines.klines(symbol, market.timeframe, (None, now - DAY - 1), 1, now)
    latest = market.trades[symbol].from_id(day.last_trade_id, day.last_trade_id + 1) if day.trades else []
    change = last - day.open
    return Ticker(
        symbol=symbol,
        price_change=change,
        price_change_percent=(change / day.open * 100).quantize(_PERCENT),
        weighted_average_price=(day.quote_volume / day.volume).quantize(_PRICE) if day.volume else last,
        previous_close=before[0].close if before else day.open,
        last_price=last,
        last_quantity=latest[0].quantity if latest else ZERO,
        book=book.ticker(symbol),
        open=day.open,
        high=day.high,
        low=day.low,
        volume=day.volume,
        quote_volume=day.quote_volume,
        open_time=day.open_time,
        close_time=day.close_time,
        first_trade_id=day.first_trade_id,
        last_trade_id=day.last_trade_id,
        trades=day.trades,
    )


def weighted_average(trades: Iterable[tuple[Decimal, Decimal]]) -> Decimal:
    """The average of prices, each weighted by its quantity; there must be at least one."""
    value = volume = ZERO
    for price, quantity in trades:
        value, volume = value + price * quantity, volume + quantity
    return (value / volume).quantize(_PRICE)


def _nothing(last: Decimal, now: int) -> Kline:
    """A day without a candle."""
    return Kline(
        open_time=now - DAY,
        close_time=now,
        open=last,
        high=last,
        low=last,
        close=last,
        volume=ZERO,
        quote_volume=ZERO,
        trades=0,
        taker_buy_volume=ZERO,
        taker_buy_quote_volume=ZERO,
    )
