"""What everybody may see: filters, candles, trades, the order book and tickers.

Prices are quote per base, quantities base, both `Decimal`; times are milliseconds UTC of the simulated clock.
"""

from __future__ import annotations

from decimal import Decimal

from tradewind.sim_exchange.models.base import Value


class Filters(Value, frozen=True):
    """What an order of a symbol must pass."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    minimum_price: Decimal
    maximum_price: Decimal
    step: Decimal
    minimum_quantity: Decimal
    maximum_quantity: Decimal
    market_maximum_quantity: Decimal
    minimum_notional: Decimal
    apply_minimum_to_market: bool
    maximum_orders: int
    maximum_stop_orders: int


class Kline(Value, frozen=True):
    """A candle, closed or as it stands. `close_time` is its last millisecond; trade ids are -1 without a trade."""

    open_time: int
    close_time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    taker_buy_volume: Decimal
    taker_buy_quote_volume: Decimal
    first_trade_id: int = -1
    last_trade_id: int = -1


class PublicTrade(Value, frozen=True):
    """A trade of the market. `is_buyer_maker`: the seller took. Also the aggregate trade of the same id."""

    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    time: int
    is_buyer_maker: bool


Level = tuple[Decimal, Decimal]
"""Price and quantity."""


class Depth(Value, frozen=True):
    """The order book, best levels first."""

    symbol: str
    last_update_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class BookTicker(Value, frozen=True):
    """The best bid and ask."""

    symbol: str
    update_id: int
    bid_price: Decimal
    bid_quantity: Decimal
    ask_price: Decimal
    ask_quantity: Decimal


class PriceTicker(Value, frozen=True):
    """The last price."""

    symbol: str
    price: Decimal


class AveragePrice(Value, frozen=True):
    """The average price of the last `minutes`, weighted by volume; `time` is that of the last trade in it."""

    minutes: int
    price: Decimal
    time: int


class Ticker(Value, frozen=True):
    """The last 24 hours."""

    symbol: str
    price_change: Decimal
    price_change_percent: Decimal
    weighted_average_price: Decimal
    previous_close: Decimal
    last_price: Decimal
    last_quantity: Decimal
    book: BookTicker
    open: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    quote_volume: Decimal
    open_time: int
    close_time: int
    first_trade_id: int
    last_trade_id: int
    trades: int
