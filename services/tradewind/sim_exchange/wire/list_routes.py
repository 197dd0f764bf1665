"""Calls about order lists: OCO, in the form of today and in that of before."""

from __future__ import annotations

from typing import Any

from tradewind.domain.order import Side
from tradewind.sim_exchange.models import Kind, Leg, NewOrderList
from tradewind.sim_exchange.wire import answers, refusals
from tradewind.sim_exchange.wire.call import Desk, Handler, Route, Security
from tradewind.sim_exchange.wire.fields import (
    END_TIME,
    FROM_ID,
    LIMIT,
    NEW_ID,
    ORIGINAL_ID,
    PRICE,
    QUANTITY,
    RESPONSE,
    SELF_TRADE,
    SIDE,
    START_TIME,
    STOP_PRICE,
    SYMBOL,
    Field,
    Schema,
    client_order_id,
    integer,
    number,
    order_type,
    time_in_force,
    unused,
)
from tradewind.sim_exchange.wire.order_routes import either_id
from tradewind.sim_exchange.wire.order_shapes import (
    ResponseType,
    canceled_json,
    order_list_json,
    placed_list_json,
)
from tradewind.sim_exchange.wire.parameters import Parameters

_LIST_ID, _LIST_CLIENT_ID = integer("orderListId"), client_order_id("listClientOrderId")
_LIMIT_ID, _STOP_ID = client_order_id("limitClientOrderId"), client_order_id("stopClientOrderId")
_STOP_LIMIT_PRICE, _STOP_LIMIT_TIME = number("stopLimitPrice"), time_in_force("stopLimitTimeInForce")


class _LegFields:
    """The parameters of one leg, each with `place` before its name."""

    def __init__(self, place: str) -> None:
        self.type, self.time_in_force = order_type(f"{place}Type"), time_in_force(f"{place}TimeInForce")
        self.price, self.stop_price = number(f"{place}Price"), number(f"{place}StopPrice")
        self.client_order_id = client_order_id(f"{place}ClientOrderId")
        self.takes: tuple[Field[Any], ...] = (
            self.time_in_force,
            self.price,
            self.stop_price,
            self.client_order_id,
            *unused(f"{place}StrategyId {place}StrategyType"),
        )

    def read(self, parameters: Parameters) -> Leg:
        """The leg that the parameters describe."""
        return Leg(
            type=parameters.need(self.type),
            price=parameters.get(self.price),
            stop_price=parameters.get(self.stop_price),
            time_in_force=parameters.get(self.time_in_force),
            client_order_id=parameters.get(self.client_order_id),
        )


_ABOVE, _BELOW = _LegFields("above"), _LegFields("below")


async def place(desk: Desk, parameters: Parameters) -> Any:
    """A new OCO list, each leg by its own parameters."""
    request = NewOrderList(
        symbol=parameters.need(SYMBOL),
        side=parameters.need(SIDE),
        quantity=parameters.need(QUANTITY),
        above=_ABOVE.read(parameters),
        below=_BELOW.read(parameters),
        list_client_order_id=parameters.get(_LIST_CLIENT_ID),
    )
    return await _placed(desk, parameters, request)


async def place_of_before(desk: Desk, parameters: Parameters) -> Any:
    """A new OCO list of a limit maker and a stop, as it was asked for before the legs had names."""
    symbol, side = parameters.need(SYMBOL), parameters.need(SIDE)
    limit = Leg(
        type=Kind.LIMIT_MAKER,
        price=parameters.need(PRICE),
        client_order_id=parameters.get(_LIMIT_ID),
    )
    stop = _stop_of_before(parameters)
    above, below = (limit, stop) if side is Side.SELL else (stop, limit)
    request = NewOrderList(
        symbol=symbol,
        side=side,
        quantity=parameters.need(QUANTITY),
        above=above,
        below=below,
        list_client_order_id=parameters.get(_LIST_CLIENT_ID),
    )
    return await _placed(desk, parameters, request)


def _stop_of_before(parameters: Parameters) -> Leg:
    limit_price = parameters.get(_STOP_LIMIT_PRICE)
    if limit_price is None and _STOP_LIMIT_TIME in parameters:
        raise refusals.not_required(_STOP_LIMIT_TIME.name)
    return Leg(
        type=Kind.STOP_LOSS if limit_price is None else Kind.STOP_LOSS_LIMIT,
        price=limit_price,
        stop_price=parameters.need(STOP_PRICE),
        time_in_force=None if limit_price is None else parameters.need(_STOP_LIMIT_TIME),
        client_order_id=parameters.get(_STOP_ID),
    )


async def _placed(desk: Desk, parameters: Parameters, request: NewOrderList) -> Any:
    response = parameters.get(RESPONSE) or ResponseType.RESULT
    parameters.get(SELF_TRADE)
    return placed_list_json(await desk.exchange.place_list(request), response)


async def find(desk: Desk, parameters: Parameters) -> Any:
    """One order list, whatever became of it."""
    list_id, client_id = either_id(parameters, _LIST_ID, ORIGINAL_ID)
    return order_list_json(desk.exchange.order_list(order_list_id=list_id, list_client_order_id=client_id))


async def cancel(desk: Desk, parameters: Parameters) -> Any:
    """Cancel an order list."""
    symbol = parameters.need(SYMBOL)
    list_id, client_id = either_id(parameters, _LIST_ID, _LIST_CLIENT_ID)
    return canceled_json(
        await desk.exchange.cancel_list(
            symbol,
            order_list_id=list_id,
            list_client_order_id=client_id,
            new_client_order_id=parameters.get(NEW_ID),
        )
    )


async def every(desk: Desk, parameters: Parameters) -> Any:
    """Order lists of the account, whatever became of them."""
    from_id = parameters.get(FROM_ID)
    start_time, end_time = parameters.get(START_TIME), parameters.get(END_TIME)
    if from_id is not None and (start_time is not None or end_time is not None):
        raise refusals.combination()
    found = desk.exchange.order_lists(
        from_id=from_id, start_time=start_time, end_time=end_time, limit=parameters.rows(LIMIT)
    )
    return [order_list_json(one) for one in found]


async def open_lists(desk: Desk, _parameters: Parameters) -> Any:
    """Order lists with an open leg."""
    return [order_list_json(one) for one in desk.exchange.open_order_lists()]


_NEW = (_LIST_CLIENT_ID, RESPONSE, SELF_TRADE)
_BEFORE = (_STOP_LIMIT_PRICE, _STOP_LIMIT_TIME, _LIMIT_ID, _STOP_ID)


def _new(handler: Handler, needs: tuple[Field[Any], ...], takes: tuple[Field[Any], ...]) -> Route:
    return Route(
        handler,
        answers.PLACED_LIST,
        needs=(SYMBOL, SIDE, QUANTITY, *needs),
        takes=(*_NEW, *takes),
        security=Security.SIGNED,
        orders=2,
        changes=True,
    )


def _told(handler: Handler, answer: Schema, weight: int, *takes: Field[Any]) -> Route:
    return Route(handler, answer, takes=takes, weight=weight, security=Security.SIGNED)


_LISTS = answers.list_of(answers.ORDER_LIST)

LIST_ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/api/v3/orderList/oco"): _new(place, (_ABOVE.type, _BELOW.type), (*_ABOVE.takes, *_BELOW.takes)),
    ("POST", "/api/v3/order/oco"): _new(place_of_before, (PRICE, STOP_PRICE), _BEFORE),
    ("GET", "/api/v3/orderList"): _told(find, answers.ORDER_LIST, 4, _LIST_ID, ORIGINAL_ID),
    ("DELETE", "/api/v3/orderList"): Route(
        cancel,
        answers.CANCELED_LIST,
        needs=(SYMBOL,),
        takes=(_LIST_ID, _LIST_CLIENT_ID, NEW_ID),
        security=Security.SIGNED,
        changes=True,
    ),
    ("GET", "/api/v3/allOrderList"): _told(every, _LISTS, 20, FROM_ID, START_TIME, END_TIME, LIMIT),
    ("GET", "/api/v3/openOrderList"): _told(open_lists, _LISTS, 6),
}
