"""What clients ask for: orders, order lists, replacements. Quantities are base, prices quote per base, as `Decimal`."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from tradewind.domain.order import Side, TimeInForce
from tradewind.sim_exchange.models.base import Value


class Kind(StrEnum):
    """Order types of the venue."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"


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
