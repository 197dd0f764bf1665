"""Our orders in the words of ccxt and of the venues: exact texts, never floats.

An order that would be rounded on its way out is refused here, before anything is sent: its amount and prices were put
on the venue's grid by the rules of risk, so a rounding would mean that the grid has changed under us.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradewind.domain.money import plain
from tradewind.domain.order import Order, OrderType, Side
from tradewind.execution.ports import VenueRefusalError
from tradewind.execution.venues import VenueRow


@dataclass(frozen=True, slots=True)
class OutgoingOrder:
    """The arguments of ccxt's `create_order`, without the client order id. `amount` and `price` are exact texts."""

    pair: str
    type: str
    side: str
    amount: str
    price: str | None
    params: dict[str, Any] = field(default_factory=dict)


def outgoing(client: Any, order: Order, row: VenueRow) -> OutgoingOrder:
    """`order` as ccxt takes it; raises `VenueRefusalError` for what the venue cannot hold or would round."""
    if order.type not in row.order_types:
        raise VenueRefusalError("NotSupported", f"{row.title} has no orders of type {order.type}")
    check_id(order.client_order_id, row)
    params: dict[str, Any] = {}
    is_limit = order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    if order.stop_price is not None:
        params["stopLossPrice"] = exact_price(client, order.pair, order.stop_price)
    if order.post_only:
        params["postOnly"] = True
    elif is_limit:
        params["timeInForce"] = order.time_in_force.value
    # A market order names no price: ccxt would turn amount and price into an amount of quote to spend.
    price = exact_price(client, order.pair, _price_of(order)) if is_limit else None
    return OutgoingOrder(
        pair=order.pair,
        type="limit" if is_limit else "market",
        side=order.side.value,
        amount=exact_amount(client, order.pair, order.remaining),
        price=price,
        params=params,
    )


def oco_request(client: Any, orders: Sequence[Order], row: VenueRow) -> dict[str, str]:
    """The body of Binance's order list for a stop and a target that share one amount.

    Raises `VenueRefusalError` for orders that are no such group: nothing is sent of them.
    """
    stop = next((order for order in orders if order.type in (OrderType.STOP, OrderType.STOP_LIMIT)), None)
    target = next((order for order in orders if order.type is OrderType.LIMIT), None)
    if stop is None or target is None or len(orders) != 2:
        raise VenueRefusalError("NotAGroup", f"{[order.type.value for order in orders]} are no stop and target")
    if (stop.pair, stop.side, stop.remaining) != (target.pair, target.side, target.remaining):
        raise VenueRefusalError("NotAGroup", f"{stop.client_order_id} and {target.client_order_id} close not the same")
    for order in orders:
        check_id(order.client_order_id, row)
    # The stop of what was bought lies below the market and its target above; of what was sold, the other way round.
    below, above = (stop, target) if stop.side is Side.SELL else (target, stop)
    return {
        "symbol": str(client.market(stop.pair)["id"]),
        "side": stop.side.value.upper(),
        "quantity": exact_amount(client, stop.pair, stop.remaining),
        # The list has an id of its own; made from the stop's, so that a second sending is seen as one.
        "listClientOrderId": f"oco-{stop.client_order_id}",
        **_leg(client, "above", above),
        **_leg(client, "below", below),
        "newOrderRespType": "FULL",
    }


def exact_amount(client: Any, pair: str, amount: Decimal) -> str:
    """`amount` as text, on the venue's grid; raises `VenueRefusalError` where ccxt would round it."""
    return _exact(amount, client.amount_to_precision(pair, plain(amount)), f"amount of {pair}")


def exact_price(client: Any, pair: str, price: Decimal) -> str:
    """`price` as text, on the venue's grid; raises `VenueRefusalError` where ccxt would round it."""
    return _exact(price, client.price_to_precision(pair, plain(price)), f"price of {pair}")


def check_id(client_order_id: str, row: VenueRow) -> None:
    """Raises `VenueRefusalError` for an id that the venue would refuse or, worse, change."""
    if row.id_pattern.fullmatch(client_order_id) is None:
        raise VenueRefusalError("BadClientOrderId", f"{row.title} cannot carry {client_order_id!r}")


def _exact(wanted: Decimal, text: str, what: str) -> str:
    if Decimal(text) != wanted:
        raise VenueRefusalError("NotOnGrid", f"{what}: {plain(wanted)} would be sent as {text}")
    return plain(wanted)


def _leg(client: Any, place: str, order: Order) -> dict[str, str]:
    leg = {f"{place}ClientOrderId": order.client_order_id}
    if order.type is OrderType.LIMIT:
        price = exact_price(client, order.pair, _price_of(order))
        return {**leg, f"{place}Type": "LIMIT_MAKER", f"{place}Price": price}
    assert order.stop_price is not None
    leg[f"{place}StopPrice"] = exact_price(client, order.pair, order.stop_price)
    if order.type is OrderType.STOP:
        return {**leg, f"{place}Type": "STOP_LOSS"}
    price = exact_price(client, order.pair, _price_of(order))
    return {**leg, f"{place}Type": "STOP_LOSS_LIMIT", f"{place}Price": price, f"{place}TimeInForce": "GTC"}


def _price_of(order: Order) -> Decimal:
    if order.price is None:
        raise VenueRefusalError("NoPrice", f"order {order.client_order_id} of type {order.type}")
    return order.price
