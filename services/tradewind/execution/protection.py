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
from tradewind.execution.records import OrderRecord


@dataclass(frozen=True, slots=True)
class Levels:
    """Where the legs stand, in quote per base; None for a leg that there is not.

    `stop_tag` is the exit reason that the stop gives.
    """

    stop: Decimal | None
    target: Decimal | None
    stop_tag: str = ExitReason.STOP_LOSS.value


def bracket_levels(entry: OrderRecord, instrument: Instrument) -> Levels | None:
    """What the entry's bracket asks for at its average price; None without a bracket or a fill."""
    bracket, average = entry.bracket, entry.order.average
    if bracket is None or average is None:
        return None
    stop = None if bracket.stop_loss is None else initial_stop(instrument, average, bracket.stop_loss)
    target = None if bracket.take_profit is None else target_price(instrument, average, bracket.take_profit)
    return Levels(stop, target)


def last_levels(position: Iterable[OrderRecord]) -> Levels | None:
    """Where the latest legs of a position stood, a stop that was raised where it was raised to; None without legs."""
    latest = {record.order.leg: record.order for record in sorted(position, key=lambda record: record.number)}
    stop, target = latest.get(Leg.STOP), latest.get(Leg.TARGET)
    if stop is None:
        return None if target is None else Levels(None, target.price)
    return Levels(stop.stop_price, target.price if target else None, stop.tag)


def legs(bot: str, entry: OrderRecord, levels: Levels, *, amount: Decimal, attempt: str, time: int) -> list[Order]:
    """The orders of the legs, over `amount`; `attempt` makes them others than those of the times before."""
    made: list[Order] = []
    group = f"{entry.position_id}.{attempt}" if None not in (levels.stop, levels.target) else None
    for leg, level in ((Leg.STOP, levels.stop), (Leg.TARGET, levels.target)):
        if level is None:
            continue
        stop = leg is Leg.STOP
        made.append(
            Order(
                client_order_id=client_order_id(bot, entry.order.decision_id, leg, attempt),
                decision_id=entry.order.decision_id,
                leg=leg,
                pair=entry.order.pair,
                side=entry.order.side.opposite,
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
