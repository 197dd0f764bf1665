"""The commands that decisions become. Ids follow from the decision, so the same decision is the same order."""

from __future__ import annotations

from decimal import Decimal

from tradewind.contracts.messages import AmendOrder, Bracket, CancelOrder, Message, PlaceOrder, ProtectPosition
from tradewind.domain.decision import decision_id
from tradewind.domain.order import Leg, OrderType, Side, client_order_id

_COMMANDS = (PlaceOrder, CancelOrder, AmendOrder, ProtectPosition)


def is_command(message: Message) -> bool:
    """Whether `message` asks execution for something."""
    return isinstance(message, _COMMANDS)


def entry(
    bot: str, identity: str, pair: str, time: int, *, amount: Decimal, bracket: Bracket, tag: str, expires_at: int
) -> PlaceOrder:
    """Buy at the next open; the protective legs of `bracket` follow the fill."""
    client_id = client_order_id(bot, identity, Leg.ENTRY)
    protected = bracket.stop_loss is not None or bracket.take_profit is not None
    return PlaceOrder(
        id=f"place:{client_id}",
        time=time,
        decision_id=identity,
        leg=Leg.ENTRY,
        client_order_id=client_id,
        pair=pair,
        side=Side.BUY,
        type=OrderType.MARKET,
        amount=amount,
        bracket=bracket if protected else None,
        position_id=client_id,
        tag=tag,
        expires_at=expires_at,
    )


def exit_(bot: str, identity: str, pair: str, time: int, *, amount: Decimal, position_id: str, tag: str) -> PlaceOrder:
    """Sell a position at the next open, whatever rests for it being canceled first."""
    client_id = client_order_id(bot, identity, Leg.EXIT)
    return PlaceOrder(
        id=f"place:{client_id}",
        time=time,
        decision_id=identity,
        leg=Leg.EXIT,
        client_order_id=client_id,
        pair=pair,
        side=Side.SELL,
        type=OrderType.MARKET,
        amount=amount,
        reduce_only=True,
        position_id=position_id,
        tag=tag,
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
