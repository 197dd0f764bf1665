"""Calls about single orders: make, test, find, cancel, replace, list."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tradewind.sim_exchange.models import CancelReplace, Kind, RefusalError, Replaced
from tradewind.sim_exchange.wire.call import Desk, Route, Security
from tradewind.sim_exchange.wire.new_order import new_order, response_of
from tradewind.sim_exchange.wire.order_shapes import (
    ResponseType,
    canceled_json,
    commission_json,
    order_json,
    placed_json,
)
from tradewind.sim_exchange.wire.parameters import Parameters
from tradewind.sim_exchange.wire.refusals import HttpRefusalError, body_of


class _ReplaceMode(StrEnum):
    STOP = "STOP_ON_FAILURE"
    ALLOW = "ALLOW_FAILURE"


class _CancelRestriction(StrEnum):
    NEW = "ONLY_NEW"
    PARTIALLY_FILLED = "ONLY_PARTIALLY_FILLED"


async def place(desk: Desk, parameters: Parameters) -> Any:
    """A new order."""
    request = new_order(parameters)
    response = response_of(parameters, _usual(request.type))
    return placed_json(await desk.exchange.place(request), response)


def _usual(kind: Kind) -> ResponseType:
    return ResponseType.FULL if kind in (Kind.MARKET, Kind.LIMIT) else ResponseType.ACK


async def test(desk: Desk, parameters: Parameters) -> Any:
    """What a new order would be refused for; nothing where it would be taken."""
    request = new_order(parameters)
    response_of(parameters, ResponseType.ACK)
    with_rates = parameters.flag("computeCommissionRates")
    desk.exchange.test(request)
    if not with_rates:
        return {}
    rates = commission_json(request.symbol, desk.exchange.account())
    return {
        "standardCommissionForOrder": {name: rates["standardCommission"][name] for name in ("maker", "taker")},
        "taxCommissionForOrder": {name: rates["taxCommission"][name] for name in ("maker", "taker")},
        "discount": rates["discount"],
    }


def order_id_of(parameters: Parameters, number: str, text: str) -> tuple[int | None, str | None]:
    """Which order is meant, by either id; one of them must be there."""
    order_id, client_order_id = parameters.integer(number), parameters.client_order_id(text)
    if order_id is None and client_order_id is None:
        raise RefusalError(-1102, f"Param '{text}' or '{number}' must be sent, but both were empty/null!")
    return order_id, client_order_id


async def find(desk: Desk, parameters: Parameters) -> Any:
    """One order, whatever became of it."""
    symbol = parameters.symbol()
    order_id, client_order_id = order_id_of(parameters, "orderId", "origClientOrderId")
    return order_json(desk.exchange.order(symbol, order_id=order_id, client_order_id=client_order_id))


async def cancel(desk: Desk, parameters: Parameters) -> Any:
    """Cancel one order, and with a leg its list."""
    symbol = parameters.symbol()
    order_id, client_order_id = order_id_of(parameters, "orderId", "origClientOrderId")
    new_id = parameters.client_order_id("newClientOrderId")
    _check_restriction(desk, parameters, symbol, order_id, client_order_id)
    return canceled_json(
        await desk.exchange.cancel(
            symbol, order_id=order_id, client_order_id=client_order_id, new_client_order_id=new_id
        )
    )


def _check_restriction(
    desk: Desk, parameters: Parameters, symbol: str, order_id: int | None, client_order_id: str | None
) -> None:
    wanted = parameters.choice("cancelRestrictions", _CancelRestriction)
    if wanted is None:
        return
    order = desk.exchange.order(symbol, order_id=order_id, client_order_id=client_order_id)
    if f"ONLY_{order.status.value}" != wanted.value:
        raise RefusalError(-2011, "Order was not canceled due to cancel restrictions.")


async def cancel_replace(desk: Desk, parameters: Parameters) -> Any:
    """Cancel one order and make another."""
    mode = parameters.required_choice("cancelReplaceMode", _ReplaceMode)
    order_id, client_order_id = order_id_of(parameters, "cancelOrderId", "cancelOrigClientOrderId")
    order = new_order(parameters)
    response = response_of(parameters, _usual(order.type))
    request = CancelReplace(
        order=order,
        stop_on_failure=mode is _ReplaceMode.STOP,
        cancel_order_id=order_id,
        cancel_client_order_id=client_order_id,
        cancel_new_client_order_id=parameters.client_order_id("cancelNewClientOrderId"),
    )
    return _replaced(await desk.exchange.cancel_replace(request), response)


def _replaced(replaced: Replaced, response: ResponseType) -> dict[str, Any]:
    """The answer to a cancel-replace; raised where any part of it failed."""
    canceled, placed = replaced.canceled, replaced.placed
    cancel_failed, place_failed = isinstance(canceled, RefusalError), isinstance(placed, RefusalError)
    data = {
        "cancelResult": "FAILURE" if cancel_failed else "SUCCESS",
        "newOrderResult": "NOT_ATTEMPTED" if placed is None else "FAILURE" if place_failed else "SUCCESS",
        "cancelResponse": body_of(canceled) if isinstance(canceled, RefusalError) else canceled_json(canceled),
        "newOrderResponse": None
        if placed is None
        else body_of(placed)
        if isinstance(placed, RefusalError)
        else placed_json(placed, response),
    }
    if not cancel_failed and not place_failed:
        return data
    if not cancel_failed or (placed is not None and not place_failed):
        raise HttpRefusalError(-2021, "Order cancel-replace partially failed.", 409, data=data)
    raise HttpRefusalError(-2022, "Order cancel-replace failed.", data=data)


async def open_orders(desk: Desk, parameters: Parameters) -> Any:
    """Open orders of one symbol, or all."""
    return [order_json(order) for order in desk.exchange.open_orders(parameters.optional_symbol())]


async def cancel_all(desk: Desk, parameters: Parameters) -> Any:
    """Cancel everything open of a symbol."""
    return [canceled_json(canceled) for canceled in await desk.exchange.cancel_all(parameters.symbol())]


async def all_orders(desk: Desk, parameters: Parameters) -> Any:
    """Orders of a symbol, whatever became of them."""
    found = desk.exchange.all_orders(
        parameters.symbol(),
        order_id=parameters.integer("orderId"),
        start_time=parameters.integer("startTime"),
        end_time=parameters.integer("endTime"),
        limit=parameters.limit(500, 1000),
    )
    return [order_json(order) for order in found]


def _signed(handler: Any, weight: Any, names: str, *, orders: int = 0, changes: bool = False) -> Route:
    return Route(
        handler,
        weight=weight,
        parameters=frozenset(names.split()),
        security=Security.SIGNED,
        orders=orders,
        changes=changes,
    )


def _open_weight(values: Mapping[str, str]) -> int:
    return 6 if "symbol" in values else 80


_NEW = (
    "symbol side type timeInForce quantity quoteOrderQty price stopPrice newClientOrderId newOrderRespType "
    "selfTradePreventionMode strategyId strategyType"
)
_CANCEL = "symbol orderId origClientOrderId newClientOrderId cancelRestrictions"
_REPLACE = f"{_NEW} cancelReplaceMode cancelNewClientOrderId cancelOrigClientOrderId cancelOrderId"

ORDER_ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/api/v3/order"): _signed(place, 1, _NEW, orders=1, changes=True),
    ("GET", "/api/v3/order"): _signed(find, 4, "symbol orderId origClientOrderId"),
    ("DELETE", "/api/v3/order"): _signed(cancel, 1, _CANCEL, changes=True),
    ("POST", "/api/v3/order/test"): _signed(test, 1, f"{_NEW} computeCommissionRates"),
    ("POST", "/api/v3/order/cancelReplace"): _signed(cancel_replace, 1, _REPLACE, orders=1, changes=True),
    ("GET", "/api/v3/openOrders"): _signed(open_orders, _open_weight, "symbol"),
    ("DELETE", "/api/v3/openOrders"): _signed(cancel_all, 1, "symbol", changes=True),
    ("GET", "/api/v3/allOrders"): _signed(all_orders, 20, "symbol orderId startTime endTime limit"),
}
