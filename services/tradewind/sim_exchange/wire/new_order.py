"""New orders read from parameters: which belong to which type, and how each is refused when it is wrong."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from tradewind.domain.order import Side, TimeInForce
from tradewind.sim_exchange.models import Kind, NewOrder, RefusalError
from tradewind.sim_exchange.wire import refusals
from tradewind.sim_exchange.wire.order_shapes import ResponseType
from tradewind.sim_exchange.wire.parameters import Parameters

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_LIMITED = frozenset({Kind.LIMIT, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT_LIMIT})
_PRICED = _LIMITED | {Kind.LIMIT_MAKER}
_STOPPED = frozenset({Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT})


class _SelfTrade(StrEnum):
    NONE = "NONE"


def side_of(parameters: Parameters) -> Side:
    """The side, which must be there."""
    side = _SIDES.get(parameters.required("side"))
    if side is None:
        raise refusals.invalid_choice("side", -1117)
    return side


def kind_of(parameters: Parameters, name: str) -> Kind:
    """The order type, which must be there."""
    return parameters.required_choice(name, Kind, -1116)


def time_in_force_of(parameters: Parameters, name: str) -> TimeInForce | None:
    """How long the order may rest, where it was said."""
    return parameters.choice(name, TimeInForce, -1115)


def response_of(parameters: Parameters, default: ResponseType) -> ResponseType:
    """How much the answer is to say."""
    return parameters.choice("newOrderRespType", ResponseType) or default


def check_self_trade(parameters: Parameters) -> None:
    """One account in its own market cannot trade with itself, so only NONE has a meaning."""
    parameters.choice("selfTradePreventionMode", _SelfTrade)


def new_order(parameters: Parameters) -> NewOrder:
    """The order that the parameters describe; refused where one is missing, or sent where its type has none."""
    symbol, side, kind = parameters.symbol(), side_of(parameters), kind_of(parameters, "type")
    check_self_trade(parameters)
    return NewOrder(
        symbol=symbol,
        side=side,
        type=kind,
        time_in_force=_time_in_force(parameters, kind),
        **_quantities(parameters, kind),
        price=_belonging(parameters, "price", belongs=kind in _PRICED),
        stop_price=_belonging(parameters, "stopPrice", belongs=kind in _STOPPED),
        client_order_id=parameters.client_order_id("newClientOrderId"),
    )


def _time_in_force(parameters: Parameters, kind: Kind) -> TimeInForce | None:
    if kind in _LIMITED:
        parameters.required("timeInForce")
        return time_in_force_of(parameters, "timeInForce")
    if "timeInForce" in parameters:
        raise refusals.not_required("timeInForce")
    return None


def _quantities(parameters: Parameters, kind: Kind) -> dict[str, Decimal | None]:
    if kind is not Kind.MARKET:
        if "quoteOrderQty" in parameters:
            raise refusals.not_required("quoteOrderQty")
        return {"quantity": parameters.required_number("quantity")}
    quantity, quote = parameters.number("quantity"), parameters.number("quoteOrderQty")
    if quantity is not None and quote is not None:
        raise refusals.not_required("quoteOrderQty")
    if quantity is None and quote is None:
        raise RefusalError(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
    return {"quantity": quantity, "quote_quantity": quote}


def _belonging(parameters: Parameters, name: str, *, belongs: bool) -> Decimal | None:
    """A price that the type must have, or must not have."""
    if belongs:
        return parameters.required_number(name)
    if name in parameters:
        raise refusals.not_required(name)
    return None
