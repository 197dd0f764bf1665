"""The commands that decisions become. Ids follow from the decision, so the same decision is the same order."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tradewind.contracts.messages import AmendOrder, Bracket, CancelOrder, Message, PlaceOrder, ProtectPosition
from tradewind.domain.decision import decision_id
from tradewind.domain.order import Order

_COMMANDS = (PlaceOrder, CancelOrder, AmendOrder, ProtectPosition)


def is_command(message: Message) -> bool:
    """Whether `message` asks execution for something."""
    return isinstance(message, _COMMANDS)


def entry(order: Order, *, bracket: Bracket, expires_at: int) -> PlaceOrder:
    """Buy at the next open; the protective legs of `bracket` follow the fill."""
    protected = bracket.stop_loss is not None or bracket.take_profit is not None
    return msgspec.structs.replace(
        _place(order, order.client_order_id), bracket=bracket if protected else None, expires_at=expires_at
    )


def exit_(order: Order, *, position_id: str) -> PlaceOrder:
    """Sell a position at the next open, whatever rests for it being canceled first."""
    return _place(order, position_id)


def _place(order: Order, position_id: str) -> PlaceOrder:
    return PlaceOrder(
        id=f"place:{order.client_order_id}",
        time=order.created_time,
        decision_id=order.decision_id,
        leg=order.leg,
        client_order_id=order.client_order_id,
        pair=order.pair,
        side=order.side,
        type=order.type,
        amount=order.amount,
        reduce_only=order.reduce_only,
        position_id=position_id,
        tag=order.tag,
    )


def amendment(bot: str, client_id: str, pair: str, time: int, stop_price: Decimal) -> AmendOrder:
    """Raise a resting stop."""
    return AmendOrder(
        id=f"amend:{client_id}:{time}",
        time=time,
        decision_id=decision_id(bot, pair, time, "Amend"),
        client_order_id=client_id,
        pair=pair,
        stop_price=stop_price,
    )


def cancellation(client_id: str, pair: str, time: int, cause: str) -> CancelOrder:
    """Cancel what is left of an order. `cause` tells one wish to cancel it from another."""
    return CancelOrder(id=f"cancel:{client_id}:{cause}", time=time, client_order_id=client_id, pair=pair)


def protection(position_id: str, pair: str, time: int, cause: str) -> ProtectPosition:
    """Place the protective legs of a position again, where they are missing."""
    return ProtectPosition(id=f"protect:{position_id}:{cause}", time=time, position_id=position_id, pair=pair)
