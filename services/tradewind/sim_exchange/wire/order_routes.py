"""Calls about single orders: make, test, find, cancel, replace, list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from tradewind.sim_exchange.models import CancelReplace, Kind, RefusalError, Replaced
from tradewind.sim_exchange.wire import answers
from tradewind.sim_exchange.wire.call import Desk, Handler, Route, Security
from tradewind.sim_exchange.wire.fields import (
    END_TIME,
    LIMIT,
    NEW_ID,
    ORDER_ID,
    ORIGINAL_ID,
    RESPONSE,
    START_TIME,
    SYMBOL,
    Field,
    Schema,
    choice,
    client_order_id,
    flag,
    integer,
)
from tradewind.sim_exchange.wire.new_order import NEW_ORDER_NEEDS, NEW_ORDER_TAKES, new_order
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


_MODE = choice("cancelReplaceMode", _ReplaceMode)
_RESTRICTIONS = choice("cancelRestrictions", _CancelRestriction)
_WITH_RATES = flag("computeCommissionRates")
_CANCEL_ID, _CANCEL_ORIGINAL_ID = integer("cancelOrderId"), client_order_id("cancelOrigClientOrderId")
_CANCEL_NEW_ID = client_order_id("cancelNewClientOrderId")


async def place(desk: Desk, parameters: Parameters) -> Any:
    """A new order."""
    request = new_order(parameters)
    response = parameters.get(RESPONSE) or _usual(request.type)
    return placed_json(await desk.exchange.place(request), response)


def _usual(kind: Kind) -> ResponseType:
    return ResponseType.FULL if kind in (Kind.MARKET, Kind.LIMIT) else ResponseType.ACK


async def test(desk: Desk, parameters: Parameters) -> Any:
    """What a new order would be refused for; nothing where it would be taken."""
    request = new_order(parameters)
    parameters.get(RESPONSE)
    with_rates = parameters.get(_WITH_RATES)
    desk.exchange.test(request)
    if not with_rates:
        return {}
    rates = commission_json(request.symbol, desk.exchange.account())
    return {
        "standardCommissionForOrder": {name: rates["standardCommission"][name] for name in ("maker", "taker")},
        "taxCommissionForOrder": {name: rates["taxCommission"][name] for name in ("maker", "taker")},
        "discount": rates["discount"],
    }


def either_id(parameters: Parameters, number: Field[int], text: Field[str]) -> tuple[int | None, str | None]:
    """What is meant, by either id; one of them must be there."""
    by_number, by_text = parameters.get(number), parameters.get(text)
    if by_number is None and by_text is None:
        raise RefusalError(-1102, f"Param '{text.name}' or '{number.name}' must be sent, but both were empty/null!")
    return by_number, by_text


async def find(desk: Desk, parameters: Parameters) -> Any:
    """One order, whatever became of it."""
    symbol = parameters.need(SYMBOL)
    order_id, text = either_id(parameters, ORDER_ID, ORIGINAL_ID)
    return order_json(desk.exchange.order(symbol, order_id=order_id, client_order_id=text))


async def cancel(desk: Desk, parameters: Parameters) -> Any:
    """Cancel one order, and with a leg its list."""
    symbol = parameters.need(SYMBOL)
    order_id, text = either_id(parameters, ORDER_ID, ORIGINAL_ID)
    new_id = parameters.get(NEW_ID)
    _check_restriction(desk, parameters, symbol, order_id, text)
    return canceled_json(
        await desk.exchange.cancel(symbol, order_id=order_id, client_order_id=text, new_client_order_id=new_id)
    )


def _check_restriction(desk: Desk, parameters: Parameters, symbol: str, order_id: int | None, text: str | None) -> None:
    wanted = parameters.get(_RESTRICTIONS)
    if wanted is None:
        return
    order = desk.exchange.order(symbol, order_id=order_id, client_order_id=text)
    if f"ONLY_{order.status.value}" != wanted.value:
        raise RefusalError(-2011, "Order was not canceled due to cancel restrictions.")


async def cancel_replace(desk: Desk, parameters: Parameters) -> Any:
    """Cancel one order and make another."""
    mode = parameters.need(_MODE)
    order_id, text = either_id(parameters, _CANCEL_ID, _CANCEL_ORIGINAL_ID)
    order = new_order(parameters)
    response = parameters.get(RESPONSE) or _usual(order.type)
    request = CancelReplace(
        order=order,
        stop_on_failure=mode is _ReplaceMode.STOP,
        cancel_order_id=order_id,
        cancel_client_order_id=text,
        cancel_new_client_order_id=parameters.get(_CANCEL_NEW_ID),
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
    return [order_json(order) for order in desk.exchange.open_orders(parameters.get(SYMBOL))]


async def cancel_all(desk: Desk, parameters: Parameters) -> Any:
    """Cancel everything open of a symbol."""
    return [canceled_json(canceled) for canceled in await desk.exchange.cancel_all(parameters.need(SYMBOL))]


async def all_orders(desk: Desk, parameters: Parameters) -> Any:
    """Orders of a symbol, whatever became of them."""
    found = desk.exchange.all_orders(
        parameters.need(SYMBOL),
        order_id=parameters.get(ORDER_ID),
        start_time=parameters.get(START_TIME),
        end_time=parameters.get(END_TIME),
        limit=parameters.rows(LIMIT),
    )
    return [order_json(order) for order in found]


def _open_weight(values: Mapping[str, str]) -> int:
    return 6 if "symbol" in values else 80


_ONE = (ORDER_ID, ORIGINAL_ID)
_REPLACED = (_CANCEL_NEW_ID, _CANCEL_ORIGINAL_ID, _CANCEL_ID)
_OF_SYMBOL = (ORDER_ID, START_TIME, END_TIME, LIMIT)


def _new(handler: Handler, answer: Schema, *takes: Field[Any], orders: int = 0) -> Route:
    return Route(
        handler,
        answer,
        needs=NEW_ORDER_NEEDS,
        takes=(*NEW_ORDER_TAKES, *takes),
        security=Security.SIGNED,
        orders=orders,
        changes=orders > 0,
    )


def _of_symbol(handler: Handler, answer: Schema, *takes: Field[Any], **traits: Any) -> Route:
    return Route(handler, answer, needs=(SYMBOL,), takes=takes, security=Security.SIGNED, **traits)


_REPLACE = _new(cancel_replace, answers.REPLACED, *_REPLACED, orders=1)

ORDER_ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/api/v3/order"): _new(place, answers.PLACED, orders=1),
    ("GET", "/api/v3/order"): _of_symbol(find, answers.ORDER, *_ONE, weight=4),
    ("DELETE", "/api/v3/order"): _of_symbol(cancel, answers.CANCELED, *_ONE, NEW_ID, _RESTRICTIONS, changes=True),
    ("POST", "/api/v3/order/test"): _new(test, answers.TESTED, _WITH_RATES),
    ("POST", "/api/v3/order/cancelReplace"): replace(_REPLACE, needs=(*NEW_ORDER_NEEDS, _MODE)),
    ("GET", "/api/v3/openOrders"): Route(
        open_orders,
        answers.list_of(answers.ORDER),
        takes=(SYMBOL,),
        security=Security.SIGNED,
        weight=_open_weight,
    ),
    ("DELETE", "/api/v3/openOrders"): _of_symbol(cancel_all, answers.list_of(answers.CANCELED), changes=True),
    ("GET", "/api/v3/allOrders"): _of_symbol(all_orders, answers.list_of(answers.ORDER), *_OF_SYMBOL, weight=20),
}
