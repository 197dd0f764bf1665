"""New orders read from parameters: which belong to which type, and how each is refused when it is wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradewind.domain.order import TimeInForce
from tradewind.sim_exchange.models import Kind, NewOrder, RefusalError
from tradewind.sim_exchange.wire import refusals
from tradewind.sim_exchange.wire.fields import (
    NEW_ID,
    PRICE,
    QUANTITY,
    RESPONSE,
    SELF_TRADE,
    SIDE,
    STOP_PRICE,
    SYMBOL,
    Field,
    number,
    order_type,
    time_in_force,
    unused,
)
from tradewind.sim_exchange.wire.parameters import Parameters

_TYPE, _TIME_IN_FORCE, _QUOTE_QUANTITY = order_type("type"), time_in_force("timeInForce"), number("quoteOrderQty")
NEW_ORDER_NEEDS: tuple[Field[Any], ...] = (SYMBOL, SIDE, _TYPE)
NEW_ORDER_TAKES: tuple[Field[Any], ...] = (
    _TIME_IN_FORCE,
    QUANTITY,
    _QUOTE_QUANTITY,
    PRICE,
    STOP_PRICE,
    NEW_ID,
    RESPONSE,
    SELF_TRADE,
    *unused("strategyId strategyType"),
)

_LIMITED = frozenset({Kind.LIMIT, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT_LIMIT})
_PRICED = _LIMITED | {Kind.LIMIT_MAKER}
_STOPPED = frozenset({Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT})


def new_order(parameters: Parameters) -> NewOrder:
    """The order that the parameters describe; refused where one is missing, or sent where its type has none."""
    symbol, side, kind = parameters.need(SYMBOL), parameters.need(SIDE), parameters.need(_TYPE)
    parameters.get(SELF_TRADE)
    return NewOrder(
        symbol=symbol,
        side=side,
        type=kind,
        time_in_force=_time_in_force(parameters, kind),
        **_quantities(parameters, kind),
        price=_belonging(parameters, PRICE, belongs=kind in _PRICED),
        stop_price=_belonging(parameters, STOP_PRICE, belongs=kind in _STOPPED),
        client_order_id=parameters.get(NEW_ID),
    )


def _time_in_force(parameters: Parameters, kind: Kind) -> TimeInForce | None:
    if kind in _LIMITED:
        return parameters.need(_TIME_IN_FORCE)
    if _TIME_IN_FORCE in parameters:
        raise refusals.not_required(_TIME_IN_FORCE.name)
    return None


def _quantities(parameters: Parameters, kind: Kind) -> dict[str, Decimal | None]:
    if kind is not Kind.MARKET:
        if _QUOTE_QUANTITY in parameters:
            raise refusals.not_required(_QUOTE_QUANTITY.name)
        return {"quantity": parameters.need(QUANTITY)}
    quantity, quote = parameters.get(QUANTITY), parameters.get(_QUOTE_QUANTITY)
    if quantity is not None and quote is not None:
        raise refusals.not_required(_QUOTE_QUANTITY.name)
    if quantity is None and quote is None:
        raise RefusalError(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
    return {"quantity": quantity, "quote_quantity": quote}


def _belonging(parameters: Parameters, field: Field[Decimal], *, belongs: bool) -> Decimal | None:
    """A price that the type must have, or must not have."""
    if belongs:
        return parameters.need(field)
    if field in parameters:
        raise refusals.not_required(field.name)
    return None
