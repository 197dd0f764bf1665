"""Protective legs: the stop and the target that a position must never be without.

They are placed on the first fill of an entry, at the levels that its bracket gives for the average price, and again
where an exit that had taken them away came to nothing, at the levels they had. The stop and the target of a position
are one OCO group.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from tradewind.domain.exits import ExitReason, initial_stop, target_price
from tradewind.domain.instrument import Instrument
from tradewind.domain.order import Leg, Order, OrderType, client_order_id


@dataclass(frozen=True, slots=True)
class Levels:
    """Where the legs stand, in quote per base; None for a leg that there is not.

    `stop_tag` is the exit reason that the stop gives.
    """

    stop: Decimal | None
    target: Decimal | None
    stop_tag: str = ExitReason.STOP_LOSS.value


def bracket_levels(
    instrument: Instrument, average: Decimal, stop_loss: Decimal | None, take_profit: Decimal | None
) -> Levels | None:
    """Where ratios of the average entry price put the legs; None where there is neither."""
    if stop_loss is None and take_profit is None:
        return None
    stop = None if stop_loss is None else initial_stop(instrument, average, stop_loss)
    target = None if take_profit is None else target_price(instrument, average, take_profit)
    return Levels(stop, target)


def last_levels(orders: Iterable[Order]) -> Levels | None:
    """Where the latest legs among the orders of a position (by arrival) stood; None without legs.

    A stop that was raised stood where it was raised to.
    """
    latest = {order.leg: order for order in orders}
    stop, target = latest.get(Leg.STOP), latest.get(Leg.TARGET)
    if stop is None:
        return None if target is None else Levels(None, target.price)
    return Levels(stop.stop_price, target.price if target else None, stop.tag)


def legs(bot: str, entry: Order, levels: Levels, *, amount: Decimal, attempt: str, time: int) -> list[Order]:
    """The orders of the legs of what `entry` opened, over `amount`; `attempt` makes them others than those before."""
    made: list[Order] = []
    group = f"{entry.client_order_id}.{attempt}" if None not in (levels.stop, levels.target) else None
    for leg, level in ((Leg.STOP, levels.stop), (Leg.TARGET, levels.target)):
        if level is None:
            continue
        stop = leg is Leg.STOP
        made.append(
            Order(
                client_order_id=client_order_id(bot, entry.decision_id, leg, attempt),
                decision_id=entry.decision_id,
                leg=leg,
                pair=entry.pair,
                side=entry.side.opposite,
                type=OrderType.STOP if stop else OrderType.LIMIT,
                amount=amount,
                created_time=time,
                price=None if stop else level,
                stop_price=level if stop else None,
                reduce_only=True,
                group=group,
                tag=levels.stop_tag if stop else ExitReason.ROI.value,
            )
        )
    return made
