"""What goes into the simulated exchange and what comes out of it: requests, orders, trades, prices, events, refusals.

The words are those of Binance's spot API, because unmodified clients of that API are the users; how they are spelled
on a wire is the business of the wire. All values are frozen, so an answer shows the moment at which it was given.
Prices are quote per base, quantities base, both `Decimal`; times are milliseconds UTC of the simulated clock.

Each room holds the values of one question: `requests` what is asked for, `account` what the account has, `market` what
everybody sees, `events` what is told as it happens. They are used together, so they are named from here.
"""

from __future__ import annotations

from tradewind.sim_exchange.models.account import (
    NO_LIST,
    OPEN,
    AccountView,
    Balance,
    Canceled,
    ClockAnswer,
    ExchangeOrder,
    OrderList,
    PlacedList,
    PlacedOrder,
    Replaced,
    Status,
    Trade,
)
from tradewind.sim_exchange.models.base import RefusalError, Value
from tradewind.sim_exchange.models.events import (
    AccountPosition,
    BookTickerUpdate,
    DepthUpdate,
    Execution,
    ExecutionReport,
    KlineUpdate,
    ListStatus,
    MarketEvent,
    TickerUpdate,
    TradeUpdate,
    UserEvent,
)
from tradewind.sim_exchange.models.market import (
    AveragePrice,
    BookTicker,
    Depth,
    Filters,
    Kline,
    Level,
    PriceTicker,
    PublicTrade,
    Ticker,
)
from tradewind.sim_exchange.models.requests import CancelReplace, Kind, Leg, NewOrder, NewOrderList

__all__ = [
    "NO_LIST",
    "OPEN",
    "AccountPosition",
    "AccountView",
    "AveragePrice",
    "Balance",
    "BookTicker",
    "BookTickerUpdate",
    "CancelReplace",
    "Canceled",
    "ClockAnswer",
    "Depth",
    "DepthUpdate",
    "ExchangeOrder",
    "Execution",
    "ExecutionReport",
    "Filters",
    "Kind",
    "Kline",
    "KlineUpdate",
    "Leg",
    "Level",
    "ListStatus",
    "MarketEvent",
    "NewOrder",
    "NewOrderList",
    "OrderList",
    "PlacedList",
    "PlacedOrder",
    "PriceTicker",
    "PublicTrade",
    "RefusalError",
    "Replaced",
    "Status",
    "Ticker",
    "TickerUpdate",
    "Trade",
    "TradeUpdate",
    "UserEvent",
    "Value",
]
