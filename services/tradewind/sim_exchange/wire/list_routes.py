"""Calls about order lists: OCO, in the form of today and in that of before."""

from __future__ import annotations

from typing import Any

from tradewind.domain.order import Side
from tradewind.sim_exchange.models import Kind, Leg, NewOrderList, RefusalError
from tradewind.sim_exchange.wire import refusals
from tradewind.sim_exchange.wire.call import Desk, Route, Security
from tradewind.sim_exchange.wire.new_order import (
    check_self_trade,
    kind_of,
    response_of,
    side_of,
    time_in_force_of,
)
from tradewind.sim_exchange.wire.order_shapes import (
    ResponseType,
    canceled_json,
    order_list_json,
    placed_list_json,
)
from tradewind.sim_exchange.wire.parameters import Parameters


async def place(desk: Desk, parameters: Parameters) -> Any:
    """A new OCO list, each leg by its own parameters."""
    request = NewOrderList(
        symbol=parameters.symbol(),
        side=side_of(parameters),
        quantity=parameters.required_number("quantity"),
        above=_leg(parameters, "above"),
        below=_leg(parameters, "below"),
        list_client_order_id=parameters.client_order_id("listClientOrderId"),
    )
    return await _placed(desk, parameters, request)


def _leg(parameters: Parameters, place_of: str) -> Leg:
    return Leg(
        type=kind_of(parameters, f"{place_of}Type"),
        price=parameters.number(f"{place_of}Price"),
        stop_price=parameters.number(f"{place_of}StopPrice"),
        time_in_force=time_in_force_of(parameters, f"{place_of}TimeInForce"),
        client_order_id=parameters.client_order_id(f"{place_of}ClientOrderId"),
    )


async def place_of_before(desk: Desk, parameters: Parameters) -> Any:
    """A new OCO list of a limit maker and a stop, as it was asked for before the legs had names."""
    symbol, side = parameters.symbol(), side_of(parameters)
    limit = Leg(
        type=Kind.LIMIT_MAKER,
        price=parameters.required_number("price"),
        client_order_id=parameters.client_order_id("limitClientOrderId"),
    )
    stop = _stop_of_before(parameters)
    above, below = (limit, stop) if side is Side.SELL else (stop, limit)
    request = NewOrderList(
        symbol=symbol,
        side=side,
        quantity=parameters.required_number("quantity"),
        above=above,
        below=below,
        list_client_order_id=parameters.client_order_id("listClientOrderId"),
    )
    return await _placed(desk, parameters, request)


def _stop_of_before(parameters: Parameters) -> Leg:
    limit_price = parameters.number("stopLimitPrice")
    if limit_price is None and "stopLimitTimeInForce" in parameters:
        raise refusals.not_required("stopLimitTimeInForce")
    if limit_price is not None:
        parameters.required("stopLimitTimeInForce")
    return Leg(
        type=Kind.STOP_LOSS if limit_price is None else Kind.STOP_LOSS_LIMIT,
        price=limit_price,
        stop_price=parameters.required_number("stopPrice"),
        time_in_force=time_in_force_of(parameters, "stopLimitTimeInForce"),
        client_order_id=parameters.client_order_id("stopClientOrderId"),
    )


async def _placed(desk: Desk, parameters: Parameters, request: NewOrderList) -> Any:
    response = response_of(parameters, ResponseType.RESULT)
    check_self_trade(parameters)
    return placed_list_json(await desk.exchange.place_list(request), response)


def _list_id_of(parameters: Parameters, text: str) -> tuple[int | None, str | None]:
    list_id, client_id = parameters.integer("orderListId"), parameters.client_order_id(text)
    if list_id is None and client_id is None:
        raise RefusalError(-1102, f"Param '{text}' or 'orderListId' must be sent, but both were empty/null!")
    return list_id, client_id


async def find(desk: Desk, parameters: Parameters) -> Any:
    """One order list, whatever became of it."""
    list_id, client_id = _list_id_of(parameters, "origClientOrderId")
    return order_list_json(desk.exchange.order_list(order_list_id=list_id, list_client_order_id=client_id))


async def cancel(desk: Desk, parameters: Parameters) -> Any:
    """Cancel an order list."""
    symbol = parameters.symbol()
    list_id, client_id = _list_id_of(parameters, "listClientOrderId")
    return canceled_json(
        await desk.exchange.cancel_list(
            symbol,
            order_list_id=list_id,
            list_client_order_id=client_id,
            new_client_order_id=parameters.client_order_id("newClientOrderId"),
        )
    )


async def every(desk: Desk, parameters: Parameters) -> Any:
    """Order lists of the account, whatever became of them."""
    from_id = parameters.integer("fromId")
    start_time, end_time = parameters.integer("startTime"), parameters.integer("endTime")
    if from_id is not None and (start_time is not None or end_time is not None):
        raise refusals.combination()
    found = desk.exchange.order_lists(
        from_id=from_id, start_time=start_time, end_time=end_time, limit=parameters.limit(500, 1000)
    )
    return [order_list_json(one) for one in found]


async def open_lists(desk: Desk, _parameters: Parameters) -> Any:
    """Order lists with an open leg."""
    return [order_list_json(one) for one in desk.exchange.open_order_lists()]


def _route(handler: Any, weight: int, names: str, *, orders: int = 0, changes: bool = False) -> Route:
    return Route(
        handler,
        weight=weight,
        parameters=frozenset(names.split()),
        security=Security.SIGNED,
        orders=orders,
        changes=changes,
    )


_COMMON = "symbol side quantity listClientOrderId newOrderRespType selfTradePreventionMode"
_LEG = "Type Price StopPrice TimeInForce ClientOrderId StrategyId StrategyType"
_LEGS = " ".join(f"{place_of}{word}" for place_of in ("above", "below") for word in _LEG.split())
_BEFORE = "price stopPrice stopLimitPrice stopLimitTimeInForce limitClientOrderId stopClientOrderId"

LIST_ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/api/v3/orderList/oco"): _route(place, 1, f"{_COMMON} {_LEGS}", orders=2, changes=True),
    ("POST", "/api/v3/order/oco"): _route(place_of_before, 1, f"{_COMMON} {_BEFORE}", orders=2, changes=True),
    ("GET", "/api/v3/orderList"): _route(find, 4, "orderListId origClientOrderId"),
    ("DELETE", "/api/v3/orderList"): _route(
        cancel, 1, "symbol orderListId listClientOrderId newClientOrderId", changes=True
    ),
    ("GET", "/api/v3/allOrderList"): _route(every, 20, "fromId startTime endTime limit"),
    ("GET", "/api/v3/openOrderList"): _route(open_lists, 6, ""),
}
