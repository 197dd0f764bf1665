"""What the account has: orders, trades, order lists and balances, and the answers to what changes them.

A value is frozen, so an answer shows the moment at which it was given. Times are milliseconds UTC, simulated.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from tradewind.domain.money import ZERO
from tradewind.domain.order import Side, TimeInForce
from tradewind.sim_exchange.models.base import RefusalError, Value
from tradewind.sim_exchange.models.requests import Kind

NO_LIST = -1
"""The order list id of an order that belongs to none."""


class Status(StrEnum):
    """Life of an order as the venue tells it."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


OPEN = frozenset({Status.NEW, Status.PARTIALLY_FILLED})


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
