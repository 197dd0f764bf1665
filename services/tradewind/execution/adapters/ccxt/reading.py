"""What a venue's answer says, in our words. Numbers are read from text: a float would already have lost money.

The client is made with `number=str`, so ccxt hands over the digits that the venue sent; a float here is a defect and
is refused. A state that ccxt does not know is an error too, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tradewind.domain.instrument import split_pair
from tradewind.domain.money import ZERO
from tradewind.domain.order import Fill, OrderState, Side
from tradewind.execution.ports import VenueOrder

_STATES = {
    "open": OrderState.ACCEPTED,
    "canceling": OrderState.ACCEPTED,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}

EXTERNAL = "venue:"
"""Marks the id of an order that was placed without a client order id: the venue's own id follows."""


class UnreadableAnswerError(Exception):
    """The venue answered something that cannot be read; whatever was asked may have happened."""


def decimal_from(value: object, what: str) -> Decimal:
    """The exact number in `value`, a text or an int; raises `UnreadableAnswerError` for anything else."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        try:
            number = Decimal(value)
        except ArithmeticError as error:
            raise UnreadableAnswerError(f"{what}: {value!r} is not a number") from error
        if number.is_finite():
            return number
    raise UnreadableAnswerError(f"{what}: {value!r} is not an exact number")


def has_state(order: Mapping[str, Any]) -> bool:
    """Whether a ccxt order says what became of it; some venues acknowledge with nothing but an id."""
    return order.get("status") is not None and order.get("amount") is not None


def order_from(order: Mapping[str, Any], named: str) -> VenueOrder:
    """A ccxt order under the id `named`; raises `UnreadableAnswerError` without pair, amount or a known state."""
    pair, status = order.get("symbol"), str(order.get("status"))
    if not pair or status not in _STATES:
        raise UnreadableAnswerError(f"order {named}: pair {pair!r}, status {status!r}")
    amount = decimal_from(order.get("amount"), f"order {named}: amount")
    filled = decimal_from(order.get("filled") or "0", f"order {named}: filled")
    stop = order.get("stopLossPrice") or order.get("triggerPrice") or order.get("stopPrice")
    stop_price = decimal_from(stop, f"order {named}: stop price") if stop else None
    state = state_of(_STATES[status], amount, filled)
    return VenueOrder(named, str(pair), state, amount, filled, stop_price or None)


def state_of(told: OrderState, amount: Decimal, filled: Decimal) -> OrderState:
    """The state that agrees with the amounts.

    "Open" says nothing of a partial fill, and some venues call an order closed, or rejected, that ended after one.
    """
    if told is OrderState.ACCEPTED and filled:
        return OrderState.PARTIALLY_FILLED
    if (told is OrderState.FILLED and filled < amount) or (told is OrderState.REJECTED and filled):
        return OrderState.CANCELED
    return told


def fill_from(trade: Mapping[str, Any], client_order_id: str, time: int | None = None) -> Fill:
    """A ccxt trade of the account as our fill; `time` stands in where the trade carries none.

    Raises `UnreadableAnswerError` where anything that money depends on is missing: a fee is never guessed.
    """
    trade_id, pair, side = trade.get("id"), trade.get("symbol"), trade.get("side")
    at = trade.get("timestamp") or time
    fee = trade.get("fee") or {}
    if not trade_id or not pair or side not in ("buy", "sell") or at is None or fee.get("cost") is None:
        raise UnreadableAnswerError(f"trade {trade_id!r} of {pair!r}: side {side!r}, time {at!r}, fee {fee!r}")
    cost = decimal_from(fee["cost"], f"trade {trade_id}: fee")
    return Fill(
        trade_id=str(trade_id),
        client_order_id=client_order_id,
        pair=str(pair),
        side=Side(side),
        amount=decimal_from(trade.get("amount"), f"trade {trade_id}: amount"),
        price=decimal_from(trade.get("price"), f"trade {trade_id}: price"),
        fee=cost,
        fee_currency=fee_currency(cost, fee.get("currency"), str(pair)),
        # Fills that come with the answer to a create name no role: what trades at once has taken.
        maker=trade.get("takerOrMaker") == "maker",
        time=int(at),
    )


def fee_currency(fee: Decimal, told: object, pair: str) -> str:
    """The currency of a fee. A fee of nothing is in quote, because venues name any currency for it, or none."""
    if fee == ZERO:
        return split_pair(pair)[1]
    if not told:
        raise UnreadableAnswerError(f"a fee of {fee} for {pair} without its currency")
    return str(told)


def balances_from(balance: Mapping[str, Any], always: frozenset[str]) -> dict[str, Decimal]:
    """Totals by currency out of ccxt's balance: all that is not nothing, and every currency in `always`."""
    totals = {
        str(currency): decimal_from(total, f"balance of {currency}")
        for currency, total in (balance.get("total") or {}).items()
        if total is not None
    }
    return {c: totals.get(c, ZERO) for c in sorted({*totals, *always}) if c in always or totals[c]}


def external_id(venue_id: object) -> str:
    """The id under which an order goes here to which nobody gave one; raises without even the venue's."""
    if not venue_id:
        raise UnreadableAnswerError("an order without any id")
    return f"{EXTERNAL}{venue_id}"
