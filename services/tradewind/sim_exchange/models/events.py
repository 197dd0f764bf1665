"""What is told as it happens: to the account, and to whoever follows the market."""

from __future__ import annotations

from enum import StrEnum

from tradewind.sim_exchange.models.account import Balance, ExchangeOrder, OrderList, Trade
from tradewind.sim_exchange.models.base import Value
from tradewind.sim_exchange.models.market import BookTicker, Kline, Level, PublicTrade, Ticker


class Execution(StrEnum):
    """Why an execution report is sent."""

    NEW = "NEW"
    CANCELED = "CANCELED"
    TRADE = "TRADE"
    EXPIRED = "EXPIRED"


class ExecutionReport(Value, frozen=True):
    """Something happened to an order. `execution_id` grows by one with each report of the account.

    `client_order_id` is the order's, except after a cancel: then that of the cancel, and `original_client_order_id`
    the order's (otherwise empty).
    """

    time: int
    execution_id: int
    execution: Execution
    order: ExchangeOrder
    client_order_id: str
    original_client_order_id: str = ""
    trade: Trade | None = None
    reason: str = "NONE"


class AccountPosition(Value, frozen=True):
    """The balances that a change touched, as they are after it."""

    time: int
    balances: tuple[Balance, ...]


class ListStatus(Value, frozen=True):
    """An order list was made or is done."""

    time: int
    order_list: OrderList


class KlineUpdate(Value, frozen=True):
    """The present candle of an interval, or its last word when `is_closed`."""

    symbol: str
    interval: str
    time: int
    kline: Kline
    is_closed: bool


class TradeUpdate(Value, frozen=True):
    """A trade of the market, the moment it is known."""

    time: int
    trade: PublicTrade


class DepthUpdate(Value, frozen=True):
    """Levels that changed; quantity 0 removes one. `first_id` is the `last_id` of the update before plus one."""

    symbol: str
    time: int
    first_id: int
    last_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class TickerUpdate(Value, frozen=True):
    """The rolling 24 hours, anew."""

    time: int
    ticker: Ticker


class BookTickerUpdate(Value, frozen=True):
    """The best bid and ask, anew."""

    time: int
    ticker: BookTicker


UserEvent = ExecutionReport | AccountPosition | ListStatus


MarketEvent = KlineUpdate | TradeUpdate | DepthUpdate | TickerUpdate | BookTickerUpdate
