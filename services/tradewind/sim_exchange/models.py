"""What goes into the simulated exchange and what comes out of it: requests, orders, trades, prices, events, refusals.

The words are those of Binance's spot API, because unmodified clients of that API are the users; how they are spelled
on a wire is the business of the wire. All values are frozen, so an answer shows the moment at which it was given.
Prices are quote per base, quantities base, both `Decimal`; times are milliseconds UTC of the simulated clock.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from tradewind.domain.errors import TradewindError
from tradewind.domain.money import ZERO
from tradewind.domain.order import Side, TimeInForce

NO_LIST = -1
"""The order list id of an order that belongs to none."""


class Kind(StrEnum):
    """Order types of the venue."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"


class Status(StrEnum):
    """Life of an order as the venue tells it."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


OPEN = frozenset({Status.NEW, Status.PARTIALLY_FILLED})


class Execution(StrEnum):
    """Why an execution report is sent."""

    NEW = "NEW"
    CANCELED = "CANCELED"
    TRADE = "TRADE"
    EXPIRED = "EXPIRED"


class RefusalError(TradewindError):
    """The venue says no: `code` and `message` as the API gives them, `status` the HTTP status that carries them."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        self.code, self.message, self.status = code, message, status
        super().__init__(f"{code}: {message}")


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of everything here."""


# ------------------------------------------------------------------------------------------------------------ requests


class NewOrder(Value, frozen=True):
    """A request for one order. `quantity` is in base, `quote_quantity` (market orders only) in quote."""

    symbol: str
    side: Side
    type: Kind
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str | None = None


class Leg(Value, frozen=True):
    """One leg of an OCO request."""

    type: Kind
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str | None = None


class NewOrderList(Value, frozen=True):
    """A request for an OCO list: `above` lies above the last price, `below` below it, both of one quantity."""

    symbol: str
    side: Side
    quantity: Decimal
    above: Leg
    below: Leg
    list_client_order_id: str | None = None


class CancelReplace(Value, frozen=True):
    """A request to cancel one order and place another. `stop_on_failure`: no new order when the cancel fails."""

    order: NewOrder
    stop_on_failure: bool
    cancel_order_id: int | None = None
    cancel_client_order_id: str | None = None
    cancel_new_client_order_id: str | None = None


# ------------------------------------------------------------------------------------------------------------- account


class ExchangeOrder(Value, frozen=True):
    """An order as it stands. `price` and `stop_price` are 0 where the type has none, as on the wire.

    `is_working` says whether it stands in the book (a stop does once it was triggered); `working_time` since when, or
    -1. `quote_quantity` is what was asked for in quote, 0 where a quantity in base was asked for.
    """

    symbol: str
    order_id: int
    client_order_id: str
    side: Side
    type: Kind
    time_in_force: TimeInForce
    quantity: Decimal
    time: int
    update_time: int
    working_time: int
    is_working: bool
    order_list_id: int = NO_LIST
    price: Decimal = ZERO
    stop_price: Decimal = ZERO
    quote_quantity: Decimal = ZERO
    executed_quantity: Decimal = ZERO
    executed_quote: Decimal = ZERO
    status: Status = Status.NEW

    @property
    def is_open(self) -> bool:
        """Whether anything may still happen to it."""
        return self.status in OPEN


class Trade(Value, frozen=True):
    """A trade of the account. `trade_id` counts the account's trades of the symbol; the market's have their own ids."""

    symbol: str
    trade_id: int
    order_id: int
    order_list_id: int
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool


class OrderList(Value, frozen=True):
    """An OCO list: `orders` are `(order id, client order id)`; `is_done` once neither leg is open."""

    symbol: str
    order_list_id: int
    list_client_order_id: str
    time: int
    update_time: int
    orders: tuple[tuple[int, str], ...]
    is_done: bool = False

    @property
    def list_status_type(self) -> str:
        """`EXEC_STARTED` or `ALL_DONE`."""
        return "ALL_DONE" if self.is_done else "EXEC_STARTED"

    @property
    def list_order_status(self) -> str:
        """`EXECUTING` or `ALL_DONE`."""
        return "ALL_DONE" if self.is_done else "EXECUTING"


class Balance(Value, frozen=True):
    """What the account has of one currency."""

    currency: str
    free: Decimal
    locked: Decimal


class AccountView(Value, frozen=True):
    """The account: fees as ratios, every currency that it ever held, the time of its last change."""

    maker_fee: Decimal
    taker_fee: Decimal
    update_time: int
    balances: tuple[Balance, ...]


class PlacedOrder(Value, frozen=True):
    """Answer to a new order: as it stands now, and the trades it made at once."""

    order: ExchangeOrder
    trades: tuple[Trade, ...] = ()


class PlacedList(Value, frozen=True):
    """Answer to a new OCO list: the legs in the order above, below."""

    order_list: OrderList
    orders: tuple[ExchangeOrder, ...]


class Canceled(Value, frozen=True):
    """Answer to a cancel. A leg cancels its whole list: then `order_list` is set and `orders` are its legs.

    `client_order_id` is that of the cancel itself (given or made); each order keeps its own.
    """

    orders: tuple[ExchangeOrder, ...]
    client_order_id: str
    order_list: OrderList | None = None


class Replaced(Value, frozen=True, gc=True):
    """Answer to a cancel-replace. `placed` is None when the new order was not attempted."""

    canceled: Canceled | RefusalError
    placed: PlacedOrder | RefusalError | None


class ClockAnswer(Value, frozen=True):
    """Where the clock stands. `events` is the number of user events so far, the execution id of the last.

    `paused`: stopped right after an opening that gave user events, short of the time asked for. `ended`: the candles
    are over and the clock does not go on.
    """

    time: int
    events: int
    paused: bool = False
    ended: bool = False


# -------------------------------------------------------------------------------------------------------------- market


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


# -------------------------------------------------------------------------------------------------------------- events


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
