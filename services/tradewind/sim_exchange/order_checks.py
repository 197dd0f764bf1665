"""What the venue refuses before an order reaches the book: filters, prices on the wrong side, missing parts.

Codes and words are those of Binance's public API, because clients match on both.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tradewind.domain.instrument import Instrument
from tradewind.domain.money import ZERO
from tradewind.domain.order import Side, TimeInForce
from tradewind.sim_exchange.models import Filters, Kind, Leg, NewOrder, NewOrderList, RefusalError

STOPS = frozenset({Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT})
"""Order types that wait for a stop price."""

_PRICED = frozenset({Kind.LIMIT, Kind.LIMIT_MAKER, Kind.STOP_LOSS_LIMIT})
_TIMED = frozenset({Kind.LIMIT, Kind.STOP_LOSS_LIMIT})
UNSUPPORTED = {
    Kind.TAKE_PROFIT: "Take profit orders are not supported for this symbol.",
    Kind.TAKE_PROFIT_LIMIT: "Take profit limit orders are not supported for this symbol.",
}
"""Order types that Binance has and this venue refuses, each in Binance's words."""

_MAXIMUM_ORDERS, _MAXIMUM_STOPS = 200, 5
_PLACES = 8


def filters_of(instrument: Instrument) -> Filters:
    """The filters of an instrument: its own steps and minima, and maxima that only nonsense exceeds."""
    return Filters(
        symbol=f"{instrument.base}{instrument.quote}",
        base=instrument.base,
        quote=instrument.quote,
        tick=instrument.price_tick,
        minimum_price=instrument.price_tick,
        maximum_price=instrument.price_down(Decimal(10) ** 9),
        step=instrument.amount_step,
        minimum_quantity=max(instrument.minimum_amount, instrument.amount_step),
        maximum_quantity=instrument.amount(Decimal(10) ** 10),
        market_maximum_quantity=instrument.amount(Decimal(10) ** 9),
        minimum_notional=instrument.minimum_notional,
        apply_minimum_to_market=True,
        maximum_orders=_MAXIMUM_ORDERS,
        maximum_stop_orders=_MAXIMUM_STOPS,
    )


def rejected(message: str) -> RefusalError:
    """A refusal by the matching engine."""
    return RefusalError(-2010, message)


def insufficient() -> RefusalError:
    """The account cannot pay."""
    return rejected("Account has insufficient balance for requested action.")


def failed(name: str) -> RefusalError:
    """A filter was not passed."""
    return RefusalError(-1013, f"Filter failure: {name}")


def check_order(request: NewOrder, filters: Filters, last: Decimal) -> None:
    """Refuse an order that no book could take; `last` is the last price."""
    _check_parts(request)
    if request.price is not None:
        _check_price("price", request.price, filters)
    if request.stop_price is not None:
        _check_price("stopPrice", request.stop_price, filters)
    price = request.price or request.stop_price or last
    if request.quantity is not None:
        check_quantity(request.quantity, filters, market=request.type is Kind.MARKET)
        _check_notional(request.quantity * price, filters, request.type)
    if request.quote_quantity is not None:
        _check_quote(request.quote_quantity, filters, last)
    check_side(request.side, request.type, request.price, request.stop_price, last)


def _check_parts(request: NewOrder) -> None:
    """Every type has its parts and no others."""
    kind = request.type
    if kind in UNSUPPORTED:
        raise rejected(UNSUPPORTED[kind])
    if kind is Kind.MARKET and (request.quantity is None) == (request.quote_quantity is None):
        if request.quantity is not None:
            raise RefusalError(-1128, "Combination of optional parameters invalid.")
        raise RefusalError(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
    _part("quantity", present=request.quantity is not None, wanted=kind is not Kind.MARKET or None)
    _part("quoteOrderQty", present=request.quote_quantity is not None, wanted=None if kind is Kind.MARKET else False)
    _part("price", present=request.price is not None, wanted=kind in _PRICED)
    _part("stopPrice", present=request.stop_price is not None, wanted=kind in STOPS)
    _part("timeInForce", present=request.time_in_force is not None, wanted=kind in _TIMED)


def _part(name: str, *, present: bool, wanted: bool | None) -> None:
    """`wanted` None: may be there or not."""
    if wanted and not present:
        raise RefusalError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    if present and wanted is False:
        raise RefusalError(-1106, f"Parameter '{name}' sent when not required.")


def _check_price(name: str, price: Decimal, filters: Filters) -> None:
    _check_precision(name, price)
    if not filters.minimum_price <= price <= filters.maximum_price or price % filters.tick:
        raise failed("PRICE_FILTER")


def check_quantity(quantity: Decimal, filters: Filters, *, market: bool) -> None:
    """Refuse a quantity that is off its step or out of bounds."""
    _check_precision("quantity", quantity)
    if not filters.minimum_quantity <= quantity <= filters.maximum_quantity or quantity % filters.step:
        raise failed("LOT_SIZE")
    if market and quantity > filters.market_maximum_quantity:
        raise failed("MARKET_LOT_SIZE")


def _check_quote(quantity: Decimal, filters: Filters, last: Decimal) -> None:
    _check_precision("quoteOrderQty", quantity)
    if quantity <= ZERO:
        raise RefusalError(-1013, "Invalid quote order quantity.")
    _check_notional(quantity, filters, Kind.MARKET)
    if quantity > filters.market_maximum_quantity * last:
        raise failed("MARKET_LOT_SIZE")


def _check_precision(name: str, value: Decimal) -> None:
    exponent = value.normalize().as_tuple().exponent
    if not isinstance(exponent, int):
        raise RefusalError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    if -exponent > _PLACES:
        raise RefusalError(-1111, f"Parameter '{name}' has too much precision.")


def _check_notional(notional: Decimal, filters: Filters, kind: Kind) -> None:
    if notional < filters.minimum_notional and (filters.apply_minimum_to_market or kind is not Kind.MARKET):
        raise failed("NOTIONAL")


def check_side(side: Side, kind: Kind, price: Decimal | None, stop_price: Decimal | None, last: Decimal) -> None:
    """Refuse a stop that is reached already and a maker that would take."""
    sells = side is Side.SELL
    if kind in STOPS and stop_price is not None and (last <= stop_price if sells else last >= stop_price):
        raise rejected("Stop price would trigger immediately.")
    if kind is Kind.LIMIT_MAKER and price is not None and (last >= price if sells else last <= price):
        raise rejected("Order would immediately match and take.")


def check_list(request: NewOrderList, filters: Filters, last: Decimal) -> tuple[NewOrder, NewOrder]:
    """The two orders of an OCO request, above and below, or a refusal."""
    sells = request.side is Side.SELL
    maker, stop = (request.above, request.below) if sells else (request.below, request.above)
    for leg in (request.above, request.below):
        if leg.type in UNSUPPORTED:
            raise rejected(UNSUPPORTED[leg.type])
        if leg.type not in STOPS and leg.type is not Kind.LIMIT_MAKER:
            raise RefusalError(-1158, "Order type not supported in OCO.")
    if maker.type is stop.type is Kind.LIMIT_MAKER:
        raise RefusalError(-1168, "At least one OCO order must be contingent.")
    if stop.type is Kind.LIMIT_MAKER:
        side = "sell OCO must be above" if sells else "buy OCO must be below"
        raise RefusalError(-1166 if sells else -1165, f"A limit order in a {side}.")
    if maker.type is not Kind.LIMIT_MAKER:
        side = "sell OCO must be below" if sells else "buy OCO must be above"
        raise RefusalError(-1197 if sells else -1196, f"A stop loss order in a {side}.")
    order = _leg_order(request)
    if maker.price is not None and stop.stop_price is not None:
        beyond = maker.price > last > stop.stop_price if sells else maker.price < last < stop.stop_price
        if not beyond:
            raise rejected("The relationship of the prices for the orders is not correct.")
    orders = order(request.above), order(request.below)
    for one in orders:
        check_order(one, filters, last)
    return orders


def _leg_order(request: NewOrderList) -> Callable[[Leg], NewOrder]:
    def order(leg: Leg) -> NewOrder:
        timed = leg.type in _TIMED
        return NewOrder(
            symbol=request.symbol,
            side=request.side,
            type=leg.type,
            quantity=request.quantity,
            price=leg.price,
            stop_price=leg.stop_price,
            time_in_force=leg.time_in_force or (TimeInForce.GTC if timed else None),
            client_order_id=leg.client_order_id,
        )

    return order
